"""What the JavaScript SDK does when an answer is lost: the server has acted (appendix A.1)."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.support.javascript import Driver, JavaScriptError, JavaScriptSdk
from tests.support.relays import Relay, relay
from tests.support.servers import Account, RelaypostProcess
from tests.support.sinks import Sink

Connect = Callable[[Any], JavaScriptSdk]


@pytest.fixture
async def losing(development: RelaypostProcess) -> AsyncIterator[Relay]:
    async with relay(development.port) as losing:
        yield losing


@pytest.fixture
def connect(driver: Driver, account: Account, losing: Relay) -> Connect:
    def connect(retry: Any) -> JavaScriptSdk:
        options = {"baseUrl": losing.url, "token": account.token, "retry": retry}
        return JavaScriptSdk(driver, options)

    return connect


async def test_a_repeated_publish_is_a_second_message(
    connect: Connect, losing: Relay, sink: Sink
) -> None:
    losing.losses = 2
    published = await connect({"retries": 2}).call("publish", {"url": sink.url_of("/hook")})
    received = await sink.wait_for(3, "/hook")
    ids = [one.header("Upstash-Message-Id") for one in received]
    assert len(set(ids)) == 3
    assert published["messageId"] in ids


@pytest.mark.conformance("P-11")
async def test_an_id_makes_it_harmless(
    connect: Connect, losing: Relay, sink: Sink, label: str
) -> None:
    losing.losses = 1
    request = {"url": sink.url_of("/hook"), "deduplicationId": f"lost {label}"}
    published = await connect({"retries": 1}).call("publish", request)
    assert published["deduplicated"] is True
    received = await sink.wait_one("/hook")
    assert received.header("Upstash-Message-Id") == published["messageId"]


async def test_without_repetition_it_is_an_error(
    connect: Connect, losing: Relay, sink: Sink
) -> None:
    losing.losses = 1
    with pytest.raises(JavaScriptError) as caught:
        await connect(False).call("publish", {"url": sink.url_of("/hook")})
    assert (caught.value.name, caught.value.status) == ("TypeError", None)
    await sink.wait_one("/hook")
