"""Messages of the Python SDK: read back, cancelled one by one, many, all."""

import asyncio

import pytest
from qstash.errors import QStashError

from tests.support.clients import PythonSdk
from tests.support.rest import RestApi
from tests.support.sinks import Answer, Sink

FAR = "1d"
NOT_FOUND = r'^Request failed with status: 404, body: {"error":"message \S+ not found"}$'


@pytest.mark.conformance("R-1", "P-7")
async def test_a_delivered_message_can_still_be_read(
    sdk: PythonSdk, sink: Sink, rest: RestApi
) -> None:
    published = await sdk.message.publish(url=sink.url_of("/hook"), body="x")
    await rest.wait_state(published.message_id, "DELIVERED")
    assert (await sdk.message.get(published.message_id)).body == "x"


async def test_an_unknown_message(sdk: PythonSdk) -> None:
    with pytest.raises(QStashError, match=NOT_FOUND):
        await sdk.message.get("msg_unknown")
    with pytest.raises(QStashError, match=NOT_FOUND):
        await sdk.message.cancel("msg_unknown")


@pytest.mark.conformance("R-4", "R-13", "D-31")
async def test_cancel(sdk: PythonSdk, sink: Sink, rest: RestApi) -> None:
    published = await sdk.message.publish(url=sink.url_of("/hook"), delay="0.2s")
    await sdk.message.cancel(published.message_id)
    for again in (sdk.message.cancel, sdk.message.get):
        with pytest.raises(QStashError, match=NOT_FOUND):
            await again(published.message_id)
    states = [entry["state"] for entry in await rest.history(published.message_id)]
    assert states == ["CREATED", "CANCEL_REQUESTED", "CANCELED"]
    other_spelling = {"messageId": published.message_id, "state": "CANCELLED"}
    (entry,) = (await rest.get("/v2/events", **other_spelling))["events"]
    assert entry["state"] == "CANCELED"

    await sdk.message.publish(url=sink.url_of("/later"), delay="0.3s")
    await sink.wait_one("/later")
    assert sink.at("/hook") == []


@pytest.mark.conformance("P-13")
async def test_a_message_that_is_gone_still_makes_duplicates(
    sdk: PythonSdk, sink: Sink, rest: RestApi, label: str
) -> None:
    canceled = {"url": sink.url_of("/hook"), "delay": FAR, "deduplication_id": label}
    await sdk.message.cancel((await sdk.message.publish(**canceled)).message_id)
    assert (await sdk.message.publish(**canceled)).deduplicated

    url = sink.script("/fail", Answer(500))
    failed = {"url": url, "retries": 0, "deduplication_id": f"{label}, failed"}
    await rest.wait_state((await sdk.message.publish(**failed)).message_id, "FAILED")
    assert (await sdk.message.publish(**failed)).deduplicated


@pytest.mark.conformance("D-30")
@pytest.mark.parametrize(("status", "ending"), [(500, ["ERROR", "CANCELED"]), (200, ["DELIVERED"])])
async def test_cancel_during_an_attempt(
    sdk: PythonSdk, sink: Sink, rest: RestApi, status: int, ending: list[str]
) -> None:
    released = asyncio.Event()
    url = sink.script("/hook", Answer(status, after=released))
    published = await sdk.message.publish(url=url, retries=2, retry_delay="1")
    await sink.wait_one("/hook")
    await sdk.message.cancel(published.message_id)
    released.set()
    await rest.wait_state(published.message_id, ending[-1])
    states = [entry["state"] for entry in await rest.history(published.message_id)]
    assert states == ["CREATED", "ACTIVE", "CANCEL_REQUESTED", *ending]
    assert (await sdk.dlq.list()).messages == []
    assert len(sink.at("/hook")) == 1


@pytest.mark.conformance("R-5", "A-3")
async def test_cancel_some_then_all(sdk: PythonSdk, sink: Sink) -> None:
    ids = [await _publish_late(sdk, sink) for _ in range(3)]
    assert await sdk.message.cancel_many([ids[0], ids[1], "msg_unknown", ids[0]]) == 2
    assert await sdk.message.cancel_all() == 1
    assert await sdk.message.cancel_all() == 0


@pytest.mark.conformance("R-6")
async def test_cancel_messages_that_are_being_retried(sdk: PythonSdk, sink: Sink) -> None:
    url = sink.script("/hook", Answer(500))
    first = await sdk.message.publish(url=url, retries=10, retry_delay="20")
    second = await sdk.message.publish(url=url, retries=10, retry_delay="20")
    assert await sdk.message.cancel_many([first.message_id, second.message_id]) == 2


@pytest.mark.conformance("R-7", "A-2")
async def test_nothing_named_cancels_nothing(sdk: PythonSdk, sink: Sink) -> None:
    kept = await _publish_late(sdk, sink)
    assert await sdk.message.cancel_many([]) == 0
    with pytest.raises(QStashError, match=r"^Request failed with status: 404"):
        await sdk.message.cancel("")
    assert (await sdk.message.get(kept)).message_id == kept
    assert await sdk.message.cancel_all() == 1


async def _publish_late(sdk: PythonSdk, sink: Sink) -> str:
    published = await sdk.message.publish(url=sink.url_of("/hook"), delay=FAR)
    message_id: str = published.message_id
    return message_id
