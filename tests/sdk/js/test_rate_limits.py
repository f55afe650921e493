"""Rate limits as the JavaScript SDK throws them (sections 1.8, A.3)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.javascript import Driver, JavaScriptError, JavaScriptSdk
from tests.support.servers import Account, running
from tests.support.sinks import Sink

SETTINGS = {
    "allow_networks": "127.0.0.0/8",
    "token": "t",
    "max_daily_messages": "2",
    "max_requests_per_second": "1",
}
DAY_S = 86_400


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with running("serve", database_url=f"sqlite:///{tmp_path}/x.db", **SETTINGS) as server:
        yield Account(server.url, "t", "", "")


@pytest.fixture
def sdk(driver: Driver, account: Account) -> JavaScriptSdk:
    return JavaScriptSdk(driver, {"baseUrl": account.url, "token": account.token, "retry": False})


@pytest.mark.conformance("P-35", "A-11")
async def test_the_daily_limit(sdk: JavaScriptSdk, plain_sink: Sink) -> None:
    items = [{"url": plain_sink.url_of("/hook")}]
    await sdk.call("batch", items)
    with pytest.raises(JavaScriptError) as caught:
        await sdk.call("batch", items * 2)
    assert caught.value.fields["remaining"] == "1"
    await sdk.call("publish", items[0])
    with pytest.raises(JavaScriptError) as caught:
        await sdk.call("publish", items[0])
    error = caught.value
    assert (error.name, error.status) == ("QstashDailyRatelimitError", 429)
    assert (error.fields["limit"], error.fields["remaining"]) == ("2", "0")
    assert int(error.fields["reset"]) % DAY_S == 0
    await plain_sink.wait_for(2)


@pytest.mark.conformance("P-35", "A-11")
async def test_the_burst_limit(sdk: JavaScriptSdk) -> None:
    """Of many within a second, all but one are refused; a second may end in between."""
    refused: list[JavaScriptError] = []
    for _ in range(20):
        try:
            await sdk.call("dlq.listMessages")
        except JavaScriptError as error:
            refused.append(error)
    assert refused
    for one in refused:
        assert (one.name, one.status) == ("QstashRatelimitError", 429)
        assert (one.fields["limit"], one.fields["remaining"]) == ("1", "0")
        assert int(one.fields["reset"]) > 0
