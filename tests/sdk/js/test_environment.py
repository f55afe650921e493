"""How the JavaScript SDK finds a server and its keys in the environment, regions included."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.javascript import JavaScriptError, JavaScriptSdk, driving
from tests.support.servers import Account, running
from tests.support.signatures import signature_of
from tests.support.sinks import Received, Sink

CURRENT, NEXT = "sig_4Jt9sQ2mVbX7kLw1Zr8dNf5YcHgP", "sig_7RtYuIoPaSdFgHjKlZxCvBnM2q3w"
SETTINGS = {
    "allow_networks": "127.0.0.0/8",
    "token": "t",
    "current_signing_key": CURRENT,
    "next_signing_key": NEXT,
    "region": "us-east-1",
    "base_path": "/a/b",
}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    database_url = f"sqlite:///{tmp_path}/relaypost.db"
    with running("serve", database_url=database_url, **SETTINGS) as server:
        yield Account(f"{server.url}/", "t", CURRENT, NEXT)


async def publish(sdk: JavaScriptSdk, sink: Sink) -> Received:
    request = {"url": sink.url_of("/hook"), "body": "x", "callback": sink.url_of("/callback")}
    await sdk.call("publish", request)
    return await sink.wait_one("/hook")


@pytest.mark.conformance("A-13")
async def test_url_and_token_of_the_environment(account: Account, plain_sink: Sink) -> None:
    with driving(QSTASH_URL=account.url, QSTASH_TOKEN=account.token) as driver:
        assert (await publish(JavaScriptSdk(driver, {}), plain_sink)).body == b"x"


@pytest.mark.conformance("D-11", "K-18", "K-19")
async def test_a_region_has_its_own_url_token_and_keys(account: Account, plain_sink: Sink) -> None:
    environment = {
        "QSTASH_REGION": "US_EAST_1",
        "US_EAST_1_QSTASH_URL": account.url,
        "US_EAST_1_QSTASH_TOKEN": account.token,
        "US_EAST_1_QSTASH_CURRENT_SIGNING_KEY": CURRENT,
        "US_EAST_1_QSTASH_NEXT_SIGNING_KEY": NEXT,
    }
    with driving(**environment) as driver:
        received = await publish(JavaScriptSdk(driver, {}), plain_sink)
        callback = await plain_sink.wait_one("/callback")
        for each in (received, callback):
            assert each.header("Upstash-Region") == "US-EAST-1"
        request = {
            "signature": signature_of(received),
            "body": "x",
            "url": plain_sink.url_of("/hook"),
        }
        with pytest.raises(JavaScriptError):
            await driver.ask("verify", receiver={}, request=request)
        request["upstashRegion"] = "US-EAST-1"
        assert await driver.ask("verify", receiver={}, request=request)
