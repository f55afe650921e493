"""Queues of the Python SDK: their life, and what is enqueued."""

import asyncio
import json
from typing import Any

import pytest
from qstash.errors import QStashError

from tests.support.clients import PythonSdk
from tests.support.rest import RestApi
from tests.support.sinks import Answer, Sink

NAME = "invoices.of-2026_a"


async def refusal(call: Any) -> str:
    with pytest.raises(QStashError) as caught:
        await call
    return str(caught.value)


@pytest.mark.conformance("Q-1", "Q-2", "A-3")
async def test_the_life_of_a_queue(sdk: PythonSdk) -> None:
    await sdk.queue.upsert(NAME, parallelism=2)
    made = await sdk.queue.get(NAME)
    assert (made.name, made.parallelism, made.lag, made.paused) == (NAME, 2, 0, False)
    assert made.created_at == made.updated_at
    assert await sdk.queue.list() == [made]
    await sdk.queue.upsert(NAME, parallelism=3)
    changed = await sdk.queue.get(NAME)
    assert (changed.parallelism, changed.created_at) == (3, made.created_at)
    assert changed.updated_at > made.updated_at
    await sdk.queue.delete(NAME)
    assert await sdk.queue.list() == []
    assert await refusal(sdk.queue.get(NAME)) == (
        f'Request failed with status: 404, body: {{"error":"queue {NAME} not found"}}'
    )


@pytest.mark.conformance("Q-1", "Q-2")
async def test_pause_and_resume(sdk: PythonSdk) -> None:
    await sdk.queue.upsert(NAME, paused=True)
    first = await sdk.queue.get(NAME)
    assert (first.parallelism, first.paused) == (1, True)
    await sdk.queue.resume(NAME)
    resumed = await sdk.queue.get(NAME)
    assert (resumed.paused, resumed.updated_at > first.updated_at) == (False, True)
    for _ in range(2):
        await sdk.queue.pause(NAME)
        assert (await sdk.queue.get(NAME)).paused
    await sdk.queue.upsert(NAME)
    assert not (await sdk.queue.get(NAME)).paused


@pytest.mark.conformance("Q-5")
async def test_what_is_missing_or_badly_named(sdk: PythonSdk) -> None:
    await sdk.queue.delete("none")
    for method in (sdk.queue.get, sdk.queue.pause, sdk.queue.resume):
        assert '404, body: {"error":"queue none not found"}' in await refusal(method("none"))
    for method in (sdk.queue.get, sdk.queue.delete, sdk.queue.pause, sdk.queue.upsert):
        assert "400, body: " in await refusal(method("a b/c"))
    assert "405, body: " in await refusal(sdk.queue.delete(""))


@pytest.mark.conformance("Q-4")
async def test_limits(sdk: PythonSdk, sink: Sink) -> None:
    assert "400, body: " in await refusal(sdk.queue.upsert(NAME, parallelism=0))
    text = '412, body: {"error":"quota maxParallelism exceeded, current limit: 100"}'
    assert text in await refusal(sdk.queue.upsert(NAME, parallelism=101))
    for number in range(100):
        await sdk.queue.upsert(f"q{number}")
    text = '412, body: {"error":"quota maxQueues exceeded, current limit: 100"}'
    assert text in await refusal(sdk.queue.upsert("q100"))
    assert text in await refusal(sdk.message.enqueue(queue="q100", url=sink.url_of("/hook")))
    await sdk.queue.upsert("q99", parallelism=100)
    await sdk.message.enqueue(queue="q0", url=sink.url_of("/hook"))
    await sink.wait_one("/hook")
    assert len(await sdk.queue.list()) == 100


@pytest.mark.conformance("P-28", "Q-6")
async def test_a_message_makes_a_missing_queue_and_changes_none(sdk: PythonSdk, sink: Sink) -> None:
    await sdk.message.enqueue(queue=NAME, url=sink.url_of("/hook"), body="x")
    assert (await sdk.queue.get(NAME)).parallelism == 1
    await sdk.queue.upsert(NAME, parallelism=5)
    await sdk.message.enqueue(queue=NAME, url=sink.url_of("/hook"))
    assert (await sdk.queue.get(NAME)).parallelism == 5
    await sink.wait_for(2, "/hook")


@pytest.mark.conformance("Q-2")
async def test_the_lag_of_a_paused_queue(sdk: PythonSdk, sink: Sink) -> None:
    await sdk.queue.upsert(NAME, paused=True)
    for _ in range(3):
        await sdk.message.enqueue(queue=NAME, url=sink.url_of("/hook"))
    assert (await sdk.queue.get(NAME)).lag == 3
    assert sink.received == []
    await sdk.queue.resume(NAME)
    await sink.wait_for(3, "/hook")


@pytest.mark.conformance("A-3")
async def test_every_option_of_enqueue(sdk: PythonSdk, sink: Sink, label: str) -> None:
    published = await sdk.message.enqueue(
        queue=NAME,
        url=sink.script("/hook", Answer(200, b"done")),
        body="text",
        content_type="text/plain",
        method="PUT",
        headers={"X-Tenant": "t-17"},
        callback=sink.url_of("/callback"),
        callback_headers={"X-Trace": "1"},
        failure_callback=sink.url_of("/broken"),
        failure_callback_headers={"X-Trace": "2"},
        retries=2,
        retry_delay="1000 * retried",
        timeout=30,
        deduplication_id=f"{label}-{NAME}",
        label=label,
        redact={"header": ["X-Tenant"]},
    )
    received = await sink.wait_one("/hook")
    assert (received.method, received.body) == ("PUT", b"text")
    assert received.header("X-Tenant") == "t-17"
    reported = await sink.wait_one("/callback")
    assert reported.header("X-Trace") == "1"
    assert json.loads(reported.body)["sourceMessageId"] == published.message_id
    message = await sdk.message.get(published.message_id)
    assert (message.queue, message.max_retries, message.label) == (NAME, 2, label)
    assert message.retry_delay_expression == "1000 * retried"
    assert message.headers["X-Tenant"][0].startswith("REDACTED:")
    assert message.callback_headers == {"X-Trace": ["1"]}
    assert message.failure_callback_headers == {"X-Trace": ["2"]}
    again = await sdk.message.enqueue(
        queue=NAME, url=sink.url_of("/hook"), deduplication_id=f"{label}-{NAME}"
    )
    assert (again.deduplicated, again.message_id) == (True, published.message_id)


async def test_enqueue_json(sdk: PythonSdk, sink: Sink) -> None:
    await sdk.message.enqueue_json(queue=NAME, url=sink.url_of("/hook"), body={"n": 1})
    received = await sink.wait_one("/hook")
    assert received.values("Content-Type") == ["application/json"]
    assert json.loads(received.body) == {"n": 1}


@pytest.mark.conformance("P-15")
async def test_content_counts_for_each_queue_apart(sdk: PythonSdk, sink: Sink, label: str) -> None:
    options = {
        "url": sink.url_of("/hook"),
        "body": label,
        "content_based_deduplication": True,
    }
    first = await sdk.message.enqueue(queue="one", **options)
    assert not (await sdk.message.enqueue(queue="two", **options)).deduplicated
    again = await sdk.message.enqueue(queue="one", **options)
    assert (again.deduplicated, again.message_id) == (True, first.message_id)


async def test_items_of_a_batch_enter_their_queues(sdk: PythonSdk, sink: Sink) -> None:
    items = [{"url": sink.url_of(f"/{number}"), "body": "x", "queue": NAME} for number in range(10)]
    made = await sdk.message.batch([*items, {"url": sink.url_of("/plain")}])
    await sink.wait_for(11)
    queued = [received.path for received in sink.received if received.path != "/plain"]
    assert queued == [f"/{number}" for number in range(10)]
    assert (await sdk.message.get(made[0].message_id)).queue == NAME
    assert (await sdk.message.get(made[-1].message_id)).queue is None


async def test_queues_are_shown_and_found_in_logs_and_dead_letters(
    sdk: PythonSdk, sink: Sink, rest: RestApi, label: str
) -> None:
    published = await sdk.message.enqueue(
        queue=NAME, url=sink.script("/hook", Answer(400)), retries=0, label=label
    )
    await rest.wait_state(published.message_id, "FAILED")
    found = (await sdk.log.list(filter={"queue": NAME, "label": label})).logs
    assert {(log.message_id, log.queue) for log in found} == {(published.message_id, NAME)}
    assert (await sdk.log.list(filter={"queue": "none"})).logs == []
    (dead,) = (await sdk.dlq.list(filter={"queue": NAME})).messages
    assert (dead.message_id, dead.queue) == (published.message_id, NAME)
    assert (await sdk.dlq.list(filter={"queue": "none"})).messages == []


@pytest.mark.conformance("Q-7")
async def test_messages_arrive_one_after_the_other(sdk: PythonSdk, sink: Sink) -> None:
    for number in range(100):
        await sdk.message.enqueue(queue=NAME, url=sink.url_of("/hook"), body=str(number))
    received = await sink.wait_for(100, "/hook")
    assert [int(one.body) for one in received] == list(range(100))
    assert sink.most_open == 1


@pytest.mark.conformance("D-26", "Q-9")
async def test_the_next_message_waits_for_the_callbacks_of_the_first(
    sdk: PythonSdk, sink: Sink, rest: RestApi
) -> None:
    is_read = asyncio.Event()
    callback = sink.script("/callback", Answer(500), Answer(200, after=is_read))
    first = await sdk.message.enqueue(
        queue=NAME,
        url=sink.url_of("/first"),
        callback=callback,
        callback_headers={"Upstash-Callback-Retries": "1", "Upstash-Callback-Retry-Delay": "10"},
    )
    await sdk.message.enqueue(queue=NAME, url=sink.url_of("/second"))
    await rest.wait_state(first.message_id, "DELIVERED")
    await sink.wait_for(2, "/callback")
    assert sink.at("/second") == []
    assert (await sdk.queue.get(NAME)).lag == 1
    is_read.set()
    await sink.wait_one("/second")


@pytest.mark.conformance("Q-1", "Q-13")
async def test_deletion_with_messages(sdk: PythonSdk, sink: Sink, rest: RestApi) -> None:
    is_over = asyncio.Event()
    active = await sdk.message.enqueue(
        queue=NAME, url=sink.script("/hook", Answer(200, after=is_over))
    )
    await sink.wait_one("/hook")
    waiting = [await sdk.message.enqueue(queue=NAME, url=sink.url_of("/w")) for _ in range(5)]
    await sdk.queue.delete(NAME)
    assert await sdk.queue.list() == []
    for one in waiting:
        assert (await rest.wait_state(one.message_id, "CANCELED"))["queueName"] == NAME
        assert "404" in await refusal(sdk.message.get(one.message_id))
    await sdk.message.enqueue(queue=NAME, url=sink.url_of("/new"))
    await sink.wait_one("/new")
    is_over.set()
    await rest.wait_state(active.message_id, "DELIVERED")
    assert sink.at("/w") == []
