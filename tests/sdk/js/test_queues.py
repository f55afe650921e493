"""Queues of the JavaScript SDK: their life, and what is enqueued."""

import json
from typing import Any

import pytest

from tests.support.javascript import JavaScriptError, JavaScriptSdk
from tests.support.rest import RestApi
from tests.support.sinks import Answer, Sink

NAME = "invoices.of-2026_b"
LATE = "1d"


async def refusal(call: Any) -> tuple[int | None, str]:
    with pytest.raises(JavaScriptError) as caught:
        await call
    return caught.value.status, json.loads(caught.value.message)["error"]


async def get(sdk: JavaScriptSdk, name: str = NAME) -> dict[str, Any]:
    found: dict[str, Any] = await sdk.call_queue(name, "get")
    return found


@pytest.mark.conformance("Q-1", "Q-2", "A-3")
async def test_the_life_of_a_queue(sdk: JavaScriptSdk) -> None:
    await sdk.call_queue(NAME, "upsert", {"parallelism": 2})
    made = await get(sdk)
    assert made == {
        "name": NAME,
        "parallelism": 2,
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
        "lag": 0,
        "paused": False,
    }
    assert await sdk.call_queue(NAME, "list") == await sdk.call("queue().list") == [made]
    await sdk.call_queue(NAME, "upsert", {"parallelism": 3, "paused": True})
    changed = await get(sdk)
    assert (changed["parallelism"], changed["paused"]) == (3, True)
    assert changed["updatedAt"] > changed["createdAt"] == made["createdAt"]
    await sdk.call_queue(NAME, "delete")
    assert await sdk.call_queue(NAME, "list") == []
    assert await refusal(sdk.call_queue(NAME, "get")) == (404, f"queue {NAME} not found")


@pytest.mark.conformance("Q-1")
async def test_pause_and_resume(sdk: JavaScriptSdk) -> None:
    await sdk.call_queue(NAME, "upsert", {})
    assert (await get(sdk))["parallelism"] == 1
    for _ in range(2):
        await sdk.call_queue(NAME, "pause")
        assert (await get(sdk))["paused"] is True
    for _ in range(2):
        await sdk.call_queue(NAME, "resume")
        assert (await get(sdk))["paused"] is False
    await sdk.call_queue(NAME, "upsert", {"paused": True, "parallelism": 4})
    await sdk.call_queue(NAME, "upsert", {"parallelism": 4})
    assert (await get(sdk))["paused"] is False


@pytest.mark.conformance("Q-4", "Q-5")
async def test_refusals(sdk: JavaScriptSdk) -> None:
    await sdk.call_queue("none", "delete")
    for method in ("get", "pause", "resume"):
        assert await refusal(sdk.call_queue("none", method)) == (404, "queue none not found")
        assert (await refusal(sdk.call_queue("a b/c", method)))[0] == 400
    assert await refusal(sdk.call_queue(NAME, "upsert", {"parallelism": 0})) == (
        400,
        "invalid parallelism: must be an integer greater than 0",
    )
    assert await refusal(sdk.call_queue(NAME, "upsert", {"parallelism": 101})) == (
        412,
        "quota maxParallelism exceeded, current limit: 100",
    )


@pytest.mark.conformance("A-3", "P-28")
async def test_every_option_of_enqueue(sdk: JavaScriptSdk, sink: Sink, label: str) -> None:
    request = {
        "url": sink.script("/hook", Answer(200, b"done")),
        "body": "text",
        "method": "PUT",
        "headers": {"X-Tenant": "t-17", "Upstash-Callback-Retries": "1"},
        "callback": sink.url_of("/callback"),
        "failureCallback": sink.url_of("/broken"),
        "retries": 2,
        "retryDelay": "1000 * retried",
        "timeout": 30,
        "delay": "0.01s",
        "deduplicationId": f"{label}-{NAME}",
        "label": [label, "second"],
        "redact": {"header": ["X-Tenant"]},
        "flowControl": {"key": f"{label}-key", "rate": 5, "period": "1m"},
    }
    published = await sdk.call_queue(NAME, "enqueue", request)
    assert published["url"] == request["url"]
    received = await sink.wait_one("/hook")
    assert (received.method, received.body) == ("PUT", b"text")
    await sink.wait_one("/callback")
    message = await sdk.call("messages.get", published["messageId"])
    expected = {
        "queueName": NAME,
        "maxRetries": 2,
        "labels": [label, "second"],
        "retryDelayExpression": "1000 * retried",
        "flowControlKey": f"{label}-key",
        "rate": 5,
        "period": 60,
    }
    assert {name: message[name] for name in expected} == expected
    assert "parallelism" not in message
    assert message["header"]["X-Tenant"][0].startswith("REDACTED:")
    assert message["notBefore"] == message["createdAt"] + 10
    again = await sdk.call_queue(NAME, "enqueue", request)
    assert again == {**published, "deduplicated": True}


async def test_enqueue_json(sdk: JavaScriptSdk, sink: Sink) -> None:
    await sdk.call_queue(NAME, "enqueueJSON", {"url": sink.url_of("/hook"), "body": {"n": 1}})
    received = await sink.wait_one("/hook")
    assert received.values("Content-Type") == ["application/json"]
    assert json.loads(received.body) == {"n": 1}


@pytest.mark.conformance("Q-6", "Q-7")
async def test_messages_arrive_one_after_the_other(sdk: JavaScriptSdk, sink: Sink) -> None:
    for number in range(20):
        await sdk.call_queue(NAME, "enqueue", {"url": sink.url_of("/hook"), "body": str(number)})
    received = await sink.wait_for(20, "/hook")
    assert [int(one.body) for one in received] == list(range(20))
    await sdk.call_queue(NAME, "upsert", {"parallelism": 5})
    await sdk.call_queue(NAME, "enqueue", {"url": sink.url_of("/hook")})
    assert (await get(sdk))["parallelism"] == 5
    await sink.wait_for(21, "/hook")


async def test_items_of_a_batch_enter_their_queues(sdk: JavaScriptSdk, sink: Sink) -> None:
    items = [
        {"url": sink.url_of("/hook"), "body": str(number), "queueName": NAME} for number in range(5)
    ]
    made = await sdk.call("batch", items)
    made += await sdk.call("batchJSON", items)
    received = await sink.wait_for(10, "/hook")
    assert [json.loads(one.body) for one in received[:5]] == list(range(5))
    for one in made:
        assert (await sdk.call("messages.get", one["messageId"]))["queueName"] == NAME


@pytest.mark.conformance("R-8")
async def test_filters(sdk: JavaScriptSdk, sink: Sink, rest: RestApi) -> None:
    request = {"url": sink.url_of("/hook"), "delay": LATE}
    await sdk.call_queue("one", "enqueue", request)
    await sdk.call_queue("two", "enqueue", request)
    kept = (await sdk.call_queue("three", "enqueue", request))["messageId"]
    filter = {"queueName": ["one", "two"]}
    assert await sdk.call("messages.cancel", {"filter": filter}) == {"cancelled": 2}
    assert (await sdk.call("messages.get", kept))["queueName"] == "three"
    logged = await sdk.call("logs", {"filter": {"queueName": "three", "messageId": kept}})
    assert [entry["queueName"] for entry in logged["logs"]] == ["three"]
    await rest.fail(sink.script("/fail", Answer(400)), {"Upstash-Queue-Name": "dead"})
    wanted = {"queueName": "dead"}
    (dead,) = (await sdk.call("dlq.listMessages", {"filter": wanted}))["messages"]
    assert dead["queueName"] == "dead"
    retried = await sdk.call("dlq.retry", {"filter": wanted})
    new = await sdk.call("messages.get", retried["responses"][0]["messageId"])
    assert new["queueName"] == "dead"
