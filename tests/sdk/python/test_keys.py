"""Signing keys of the Python SDK: read, rotated, and used by whatever starts afterwards."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jwt
import pytest
from qstash.errors import QStashError

from tests.support.clients import Connect, PythonSdk
from tests.support.rest import rest_api
from tests.support.servers import Account, RelaypostProcess, running
from tests.support.signatures import signature_of, verify
from tests.support.sinks import Answer, Received, Sink

LOOPBACK = "127.0.0.0/8"
CURRENT, NEXT = "sig_4Jt9sQ2mVbX7kLw1Zr8dNf5YcHgP", "sig_7RtYuIoPaSdFgHjKlZxCvBnM2q3w"


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return {
        "database_url": f"sqlite:///{tmp_path}/relaypost.db",
        "allow_networks": LOOPBACK,
        "token": "token-of-this-test",
        "current_signing_key": CURRENT,
        "next_signing_key": NEXT,
        "rotate_guard": "0",
    }


@pytest.fixture
def server(settings: dict[str, str]) -> Iterator[RelaypostProcess]:
    with running("serve", **settings) as server:
        yield server


@pytest.fixture
def account(server: RelaypostProcess, settings: dict[str, str]) -> Account:
    return Account(server.url, settings["token"], CURRENT, NEXT)


@pytest.mark.conformance("K-1")
async def test_the_keys_are_those_that_were_given(sdk: PythonSdk) -> None:
    keys = await sdk.signing_key.get()
    assert (keys.current, keys.next) == (CURRENT, NEXT)


@pytest.mark.conformance("K-1", "K-2", "D-10")
async def test_a_rotation(sdk: PythonSdk, account: Account, plain_sink: Sink) -> None:
    rotated = await sdk.signing_key.rotate()
    assert rotated.current == NEXT
    assert rotated.next not in (CURRENT, NEXT)
    assert rotated.next.startswith("sig_")
    assert len(rotated.next) >= 32
    assert await sdk.signing_key.get() == rotated

    url = plain_sink.url_of("/hook")
    await sdk.message.publish(url=url, body="x")
    received = await plain_sink.wait_one("/hook")
    assert is_signed_with(received, NEXT)
    verify(received, account, url=url)
    verify(received, replace(account, current_key=rotated.current, next_key=rotated.next), url=url)


@pytest.mark.conformance("K-3")
async def test_a_retry_is_signed_with_the_key_of_its_time(sdk: PythonSdk, plain_sink: Sink) -> None:
    released = asyncio.Event()
    url = plain_sink.script("/hook", Answer(500, after=released), Answer(200))
    await sdk.message.publish(url=url, retry_delay="1")
    await plain_sink.wait_one("/hook")
    await sdk.signing_key.rotate()
    released.set()
    first, second = await plain_sink.wait_for(2, "/hook")
    assert is_signed_with(first, CURRENT)
    assert is_signed_with(second, NEXT)


@pytest.mark.conformance("K-4")
async def test_a_repeated_rotation_changes_nothing(
    settings: dict[str, str], connect: Connect
) -> None:
    with running("serve", **settings | {"rotate_guard": "30s"}) as server:
        sdk = connect(Account(server.url, settings["token"], CURRENT, NEXT))
        together = await asyncio.gather(*(sdk.signing_key.rotate() for _ in range(4)))
        afterwards = await sdk.signing_key.rotate()
    assert {(keys.current, keys.next) for keys in together} == {(NEXT, afterwards.next)}


@pytest.mark.conformance("K-5")
async def test_a_rotation_survives_a_crash(
    settings: dict[str, str], server: RelaypostProcess, connect: Connect, sdk: PythonSdk
) -> None:
    rotated = await sdk.signing_key.rotate()
    server.kill()
    with running("serve", **settings) as again:
        sdk = connect(Account(again.url, settings["token"], CURRENT, NEXT))
        assert await sdk.signing_key.get() == rotated


@pytest.mark.conformance("K-6")
async def test_the_other_path_of_rotation(sdk: PythonSdk, account: Account) -> None:
    async with rest_api(account) as rest:
        answer = (await rest.http.post("/v2/rotate")).json()
    keys = await sdk.signing_key.get()
    assert answer == {"current": NEXT, "next": keys.next}


@pytest.mark.conformance("K-21")
async def test_the_keys_of_the_first_user_of_development_are_fixed(
    development: RelaypostProcess, connect: Connect
) -> None:
    account = development.accounts["defaultUser"]
    sdk = connect(account)
    with pytest.raises(QStashError, match=r"403.*the signing keys of this development user are"):
        await sdk.signing_key.rotate()
    keys = await sdk.signing_key.get()
    assert (keys.current, keys.next) == (account.current_key, account.next_key)


def is_signed_with(received: Received, key: str) -> bool:
    try:
        jwt.decode(signature_of(received), key, algorithms=["HS256"], issuer="Upstash")
    except jwt.InvalidSignatureError:
        return False
    return True
