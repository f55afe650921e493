"""Logs of the Python SDK: every field, every filter, page by page."""

from typing import Any

import pytest
from qstash.log import LogState

from tests.support.clients import PythonSdk
from tests.support.rest import RestApi
from tests.support.sinks import Answer, Sink

FAR = "1d"


@pytest.mark.conformance("D-27", "R-12", "R-19")
async def test_the_history_of_a_message(sdk: PythonSdk, sink: Sink, rest: RestApi) -> None:
    url = sink.script("/hook", Answer(500, b"boom", (("X-Why", "because"),)), Answer(200))
    published = await sdk.message.publish(
        url=url,
        body="x",
        method="PUT",
        headers={"x-tenant": "t-17"},
        retries=1,
        retry_delay="1",
        timeout=20,
        callback=sink.url_of("/callback"),
        callback_headers={"X-Trace": "1"},
        failure_callback=sink.url_of("/failure"),
        failure_callback_headers={"X-Kind": "failed"},
        label="shop,nightly",
    )
    await rest.wait_state(published.message_id, "DELIVERED")
    entries = (await sdk.log.list(filter={"message_id": published.message_id})).logs[::-1]
    assert [entry.state.value for entry in entries] == [
        "CREATED", "ACTIVE", "ERROR", "RETRY", "ACTIVE", "DELIVERED",
    ]  # fmt: skip
    assert sorted(entry.time for entry in entries) == [entry.time for entry in entries]
    for entry in entries:
        assert entry.message_id == published.message_id
        assert (entry.url, entry.method, entry.body_base64) == (url, "PUT", "eA==")
        assert entry.headers == {"X-Tenant": ["t-17"]}
        assert entry.callback_headers == {"X-Trace": ["1"]}
        assert entry.failure_callback_headers == {"X-Kind": ["failed"]}
        assert (entry.callback, entry.failure_callback) == (
            sink.url_of("/callback"),
            sink.url_of("/failure"),
        )
        assert (entry.timeout, entry.max_retries) == (20_000, 1)
        assert (entry.retry_delay_expression, entry.label) == ("1", "shop")
        assert entry.flow_control is None
        assert (entry.url_group, entry.endpoint, entry.queue, entry.schedule_id) == (None,) * 4
    _, active, error, retry, _, delivered = entries
    assert (error.error, error.response_status) == ("500 Internal Server Error", 500)
    assert error.response_body == "Ym9vbQ=="
    assert error.response_headers["X-Why"] == ["because"]
    assert error.next_delivery_time == retry.next_delivery_time > active.time
    assert (delivered.response_status, delivered.response_body) == (200, None)
    await sink.wait_for(2, "/callback")


@pytest.mark.conformance("R-11")
async def test_a_state_selects_entries(sdk: PythonSdk, sink: Sink, rest: RestApi) -> None:
    published = await sdk.message.publish(url=sink.url_of("/hook"))
    await rest.wait_state(published.message_id, "DELIVERED")

    async def count(state: LogState) -> int:
        filter = {"message_id": published.message_id, "state": state}
        return len((await sdk.log.list(filter=filter)).logs)

    counts = {state: await count(state) for state in LogState}
    once = {LogState.CREATED, LogState.ACTIVE, LogState.DELIVERED, LogState.IN_PROGRESS}
    assert counts == {state: int(state in once) for state in LogState}


async def test_several_messages(sdk: PythonSdk, sink: Sink) -> None:
    ids = {await _publish_late(sdk, sink) for _ in range(3)}
    wanted = sorted(ids)[:2]
    logs = (await sdk.log.list(filter={"message_ids": wanted})).logs
    assert sorted(entry.message_id for entry in logs) == wanted


@pytest.mark.conformance("R-14", "R-15", "R-10", "R-18")
async def test_every_filter(sdk: PythonSdk, sink: Sink, label: str, rest: RestApi) -> None:
    message_id = await _publish_late(sdk, sink, label=f"{label},second")
    message = await sdk.message.get(message_id)
    (entry,) = (await sdk.log.list(filter={"message_id": message_id})).logs

    async def selects(**filter: Any) -> bool:
        logs = (await sdk.log.list(filter={"label": label, **filter})).logs
        assert {each.message_id for each in logs} <= {message_id}
        return bool(logs)

    assert await selects()
    assert await selects(url=message.url)
    assert await selects(url=f"https://example.com/,{message.url}")
    assert await selects(label=f"none,{label}")
    assert await selects(state=LogState.CREATED)
    assert await selects(from_time=entry.time, to_time=entry.time)
    assert await selects(from_time=0)
    assert not await selects(url=f"{message.url}/other")
    assert not await selects(from_time=entry.time + 1)
    assert not await selects(to_time=entry.time - 1)
    assert not await selects(url_group="none")
    assert not await selects(queue="none")
    assert not await selects(schedule_id="none")
    assert not await selects(label="none")
    logs = (await sdk.log.list(filter={"message_id": message_id, "label": "second"})).logs
    assert [each.label for each in logs] == [label]
    answer = await rest.get("/v2/logs", label=label, limit=25)
    assert answer["logs"] == answer["events"]
    assert [each["messageId"] for each in answer["logs"]] == [message_id]


@pytest.mark.conformance("R-16", "R-17", "A-10")
async def test_pages_stay_put_while_entries_arrive(sdk: PythonSdk, sink: Sink, label: str) -> None:
    published = [await _publish_late(sdk, sink, label=label) for _ in range(7)]
    seen: list[str] = []
    cursor: str | None = None
    sizes = []
    while cursor or not seen:
        page = await sdk.log.list(cursor=cursor, count=2, filter={"label": label})
        seen += [entry.message_id for entry in page.logs]
        sizes.append(len(page.logs))
        cursor = page.cursor
        await _publish_late(sdk, sink, label=label)
    assert seen == published[::-1]
    assert sizes == [2, 2, 2, 1]


@pytest.mark.conformance("R-17")
async def test_an_instant_is_a_cursor(sdk: PythonSdk, sink: Sink, label: str) -> None:
    message_id = await _publish_late(sdk, sink, label=label)
    (entry,) = (await sdk.log.list(filter={"label": label})).logs
    at = await sdk.log.list(cursor=str(entry.time), filter={"label": label})
    before = await sdk.log.list(cursor=str(entry.time - 1), filter={"label": label})
    assert [each.message_id for each in at.logs] == [message_id]
    assert (before.logs, before.cursor) == ([], None)


async def _publish_late(sdk: PythonSdk, sink: Sink, **options: Any) -> str:
    published = await sdk.message.publish(url=sink.url_of("/hook"), delay=FAR, **options)
    message_id: str = published.message_id
    return message_id
