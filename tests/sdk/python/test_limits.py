"""What settings bound: sizes, windows and retention, seen through the Python SDK."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from qstash.errors import QStashError

from tests.support.clients import PythonSdk
from tests.support.rest import RestApi, poll, rest_api
from tests.support.servers import Account, running
from tests.support.sinks import Answer, Sink

SETTINGS = {
    "allow_networks": "127.0.0.0/8",
    "token": "t",
    "max_message_size": "1000",
    "dedup_window": "0.3s",
    "message_retention": "0.3s",
    "log_retention": "1s",
    "dlq_retention": "1s",
}
LATE = "1d"


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    database_url = f"sqlite:///{tmp_path}/relaypost.db"
    with running("serve", database_url=database_url, **SETTINGS) as server:
        yield Account(server.url, "t", "", "")


@pytest.fixture
async def rest(account: Account) -> AsyncIterator[RestApi]:
    async with rest_api(account) as rest:
        yield rest


@pytest.mark.conformance("P-33")
async def test_the_largest_body(sdk: PythonSdk, plain_sink: Sink) -> None:
    await sdk.message.publish(url=plain_sink.url_of("/hook"), body=b"x" * 1000)
    assert len((await plain_sink.wait_one("/hook")).body) == 1000
    with pytest.raises(QStashError) as caught:
        await sdk.message.publish(url=plain_sink.url_of("/hook"), body=b"x" * 1001)
    assert str(caught.value) == (
        "Request failed with status: 412, "
        'body: {"error":"quota maxMessageSize exceeded, current limit: 1000"}'
    )


@pytest.mark.conformance("P-11")
async def test_an_id_is_free_again_after_its_window(sdk: PythonSdk, plain_sink: Sink) -> None:
    options = {"url": plain_sink.url_of("/hook"), "delay": LATE, "deduplication_id": "x"}
    first = await sdk.message.publish(**options)

    async def publish_anew() -> str | None:
        published = await sdk.message.publish(**options)
        assert published.deduplicated == (published.message_id == first.message_id)
        return None if published.deduplicated else published.message_id

    assert await poll(publish_anew)


@pytest.mark.conformance("R-1", "R-30")
async def test_what_has_ended_is_forgotten(sdk: PythonSdk, plain_sink: Sink, rest: RestApi) -> None:
    dead_letter = await rest.fail(plain_sink.script("/hook", Answer(500)))
    message_id = dead_letter["messageId"]
    assert (await sdk.message.get(message_id)).message_id == message_id
    await rest.wait_gone(f"/v2/messages/{message_id}")
    await rest.wait_gone(f"/v2/dlq/{dead_letter['dlqId']}")
    assert (await sdk.dlq.list()).messages == []
    assert await sdk.dlq.delete_many([dead_letter["dlqId"]]) == 0

    async def is_forgotten() -> bool | None:
        return None if (await sdk.log.list()).logs else True

    assert await poll(is_forgotten)
