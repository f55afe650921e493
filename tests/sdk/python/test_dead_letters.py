"""Dead letters of the Python SDK: listed, read, deleted."""

import base64
from typing import Any

import pytest
from qstash.errors import QStashError

from tests.support.clients import PythonSdk
from tests.support.rest import RestApi
from tests.support.sinks import Answer, Sink

NOT_FOUND = r'^Request failed with status: 404, body: {"error":"dlq message \S+ not found"}$'


@pytest.mark.conformance("R-20", "R-19")
async def test_a_failed_message_is_kept_with_its_answer(
    sdk: PythonSdk, sink: Sink, rest: RestApi
) -> None:
    url = sink.script("/hook", Answer(404, b"404 Not Found", (("X-Why", "because"),)))
    published = await sdk.message.publish(
        url=url,
        body="x",
        method="PUT",
        headers={"x-tenant": "t-17"},
        retries=0,
        retry_delay="15000",
        callback=sink.url_of("/callback"),
        callback_headers={"X-Trace": "1"},
        failure_callback=sink.url_of("/failure"),
        failure_callback_headers={"X-Kind": "failed"},
        label="nightly",
    )
    await rest.wait_state(published.message_id, "FAILED")
    (listed,) = (await sdk.dlq.list()).messages
    message = await sdk.message.get(published.message_id)
    assert await sdk.dlq.get(listed.dlq_id) == listed
    assert vars(message).items() <= vars(listed).items()
    assert (message.method, message.label, message.retry_delay_expression) == (
        "PUT",
        "nightly",
        "15000",
    )
    assert (listed.response_status, listed.response_body) == (404, "404 Not Found")
    assert listed.response_headers["X-Why"] == ["because"]
    assert listed.response_body_base64 is None
    await sink.wait_one("/failure")


@pytest.mark.conformance("D-14")
async def test_a_destination_that_is_not_there(
    sdk: PythonSdk, rest: RestApi, unused_url: str
) -> None:
    published = await sdk.message.publish(url=unused_url, retries=0)
    await rest.wait_state(published.message_id, "FAILED")
    (listed,) = (await sdk.dlq.list()).messages
    assert (listed.response_status, listed.response_headers) == (502, {})
    assert listed.response_body.startswith("connection failed: ")
    logs = (await sdk.log.list(filter={"message_id": published.message_id})).logs
    (error,) = (entry for entry in logs if entry.state.value == "ERROR")
    assert error.error == listed.response_body
    assert (error.response_status, error.response_headers) == (None, None)


@pytest.mark.conformance("D-13")
async def test_a_destination_that_stalls(
    sdk: PythonSdk, sink: Sink, rest: RestApi, held: Answer
) -> None:
    published = await sdk.message.publish(url=sink.script("/hook", held), retries=0, timeout="0.2s")
    await rest.wait_state(published.message_id, "FAILED")
    (listed,) = (await sdk.dlq.list()).messages
    assert (listed.response_status, listed.response_headers) == (504, {})
    assert listed.response_body.startswith("timeout: no complete response within ")


@pytest.mark.conformance("D-12")
async def test_a_redirection_is_not_followed(sdk: PythonSdk, sink: Sink, rest: RestApi) -> None:
    there = sink.url_of("/there")
    url = sink.script("/hook", Answer(302, headers=(("Location", there),)))
    entry = await rest.fail(url)
    assert entry["responseStatus"] == 302
    logs = (await sdk.log.list(filter={"message_id": entry["messageId"]})).logs
    assert [each.error for each in logs if each.error] == [f"302 Found: {there}"] * 2
    assert sink.at("/there") == []


@pytest.mark.conformance("D-33")
async def test_what_is_redacted_stays_so_in_the_callback(
    sdk: PythonSdk, sink: Sink, rest: RestApi
) -> None:
    await sdk.message.publish(
        url=sink.script("/hook", Answer(500)),
        retries=0,
        headers={"X-Secret": "s3cret"},
        redact={"header": ["X-Secret"]},
        callback=sink.script("/callback", Answer(500)),
        failure_callback=sink.script("/failure", Answer(500)),
    )
    for path in ("/callback", "/failure"):
        callback = await sink.wait_one(path)
        assert b"s3cret" in callback.body
        await rest.wait_state(str(callback.header("Upstash-Message-Id")), "FAILED")
    encoded = base64.b64encode(b"s3cret").decode().rstrip("=")
    for readable in ("/v2/events", "/v2/dlq"):
        text = (await rest.http.get(readable)).text
        assert "REDACTED:" in text
        assert "s3cret" not in text
        assert encoded not in text


async def test_an_answer_that_is_no_text(sdk: PythonSdk, sink: Sink, rest: RestApi) -> None:
    await rest.fail(sink.script("/hook", Answer(500, b"\xff\x00")))
    (listed,) = (await sdk.dlq.list()).messages
    assert (listed.response_body, listed.response_body_base64) == (None, "/wA=")


@pytest.mark.conformance("R-22")
async def test_delete_one(sdk: PythonSdk, sink: Sink, rest: RestApi) -> None:
    dlq_id = (await rest.fail(sink.script("/hook", Answer(500))))["dlqId"]
    await sdk.dlq.delete(dlq_id)
    for again in (sdk.dlq.delete, sdk.dlq.get):
        with pytest.raises(QStashError, match=NOT_FOUND):
            await again(dlq_id)
    assert (await sdk.dlq.list()).messages == []


@pytest.mark.conformance("R-22", "A-2", "A-3")
async def test_delete_many(sdk: PythonSdk, sink: Sink, rest: RestApi) -> None:
    url = sink.script("/hook", Answer(500))
    first, second, third = [(await rest.fail(url))["dlqId"] for _ in range(3)]
    assert await sdk.dlq.delete_many([]) == 0
    assert await sdk.dlq.delete_many([first, "1-1", second]) == 2
    (left,) = (await sdk.dlq.list()).messages
    assert left.dlq_id == third
    assert (await rest.http.delete("/v2/dlq")).json() == {"deleted": 1}


@pytest.mark.conformance("R-21")
async def test_every_filter(sdk: PythonSdk, sink: Sink, rest: RestApi) -> None:
    url = sink.script("/hook", Answer(503))
    entry = await rest.fail(url, {"Upstash-Label": "a,b"})
    entered_at = int(entry["dlqId"].partition("-")[0])

    async def selects(**filter: Any) -> bool:
        messages = (await sdk.dlq.list(filter=filter)).messages
        assert {each.dlq_id for each in messages} <= {entry["dlqId"]}
        return bool(messages)

    assert await selects(message_id=entry["messageId"])
    assert await selects(url=url)
    assert await selects(label="b")
    assert await selects(response_status=503)
    assert await selects(caller_ip="127.0.0.1")
    assert await selects(from_time=entered_at, to_time=entered_at)
    assert await selects(url=url, label="a", response_status=503, from_time=0)
    assert not await selects(message_id="msg_none")
    assert not await selects(url=f"{url}/other")
    assert not await selects(label="none")
    assert not await selects(response_status=999)
    assert not await selects(caller_ip="203.0.113.1")
    assert not await selects(from_time=entered_at + 1)
    assert not await selects(to_time=entered_at - 1)
    assert not await selects(url_group="none")
    assert not await selects(queue="none")
    assert not await selects(schedule_id="none")
    assert not await selects(url=url, label="none")


@pytest.mark.conformance("R-16", "A-10")
async def test_pages(sdk: PythonSdk, sink: Sink, rest: RestApi) -> None:
    url = sink.script("/hook", Answer(500))
    failed = [(await rest.fail(url))["dlqId"] for _ in range(5)]
    first = await sdk.dlq.list(count=2)
    await rest.fail(url)
    second = await sdk.dlq.list(count=2, cursor=first.cursor)
    third = await sdk.dlq.list(count=2, cursor=second.cursor)
    pages = [[each.dlq_id for each in page.messages] for page in (first, second, third)]
    assert pages == [[failed[4], failed[3]], [failed[2], failed[1]], [failed[0]]]
    assert third.cursor is None


@pytest.mark.conformance("D-25")
async def test_a_callback_that_fails_has_its_own_dead_letter(
    sdk: PythonSdk, sink: Sink, rest: RestApi
) -> None:
    published = await sdk.message.publish(
        url=sink.url_of("/hook"), retries=0, callback=sink.script("/callback", Answer(500))
    )
    callback = await sink.wait_one("/callback")
    await rest.wait_state(str(callback.header("Upstash-Message-Id")), "FAILED")
    await rest.wait_state(published.message_id, "DELIVERED")
    (listed,) = (await sdk.dlq.list()).messages
    assert (listed.url, listed.body) == (sink.url_of("/callback"), callback.body.decode())
