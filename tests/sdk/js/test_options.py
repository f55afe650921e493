"""Every option of every method of the JavaScript SDK that publishes, up to the dead letter."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.inner_servers import HeldApplication, HeldClock, serving
from tests.support.javascript import Driver, JavaScriptSdk, provider
from tests.support.options import check_reported, of_callbacks, of_failure_callbacks
from tests.support.rest import RestApi
from tests.support.servers import Account
from tests.support.sinks import Answer, Sink

CALLS = ("publish", "publishJSON", "enqueue", "enqueueJSON", "batch", "batchJSON")
PLAN = "schedules.create"
QUEUED = ("enqueue", "enqueueJSON", "batchJSON", PLAN)
"""A batch is tried with queues and without."""
QUEUE, SCHEDULE = "optional", "once.a-minute"
BUSY = Answer(503, b"busy", (("Retry-After", "0"),))
BODY = '{"n":"ü"}'
STATES = ["CREATED", "ACTIVE", "ERROR", "RETRY", "ACTIVE", "ERROR", "FAILED"]


async def make(sdk: JavaScriptSdk, name: str, **options: Any) -> Any:
    """What one call makes, or the one item of a batch."""
    if "JSON" in name and "body" in options:
        options["body"] = json.loads(options["body"])
    if name.startswith("enqueue"):
        return await sdk.call_queue(QUEUE, name, options)
    if name.startswith("publish"):
        return await sdk.call(name, options)
    (made,) = await sdk.call(name, [options | ({"queueName": QUEUE} if name in QUEUED else {})])
    return made


@pytest.fixture
async def account(name: str, account: Account, clock: HeldClock) -> AsyncIterator[Account]:
    """Schedules have a server of their own, on which a minute soon ends."""
    if name != PLAN:
        yield account
        return
    async with serving(HeldApplication(clock)) as url:
        yield replace(account, url=url)


@pytest.fixture
def sdk(driver: Driver, account: Account) -> JavaScriptSdk:
    """A client with headers for all that it publishes, and without telemetry."""
    options = {
        "baseUrl": account.url,
        "token": account.token,
        "retry": False,
        "headers": {"X-Global": "g", "X-Open": "client", "Upstash-Forward-X-Same": "s"},
        "enableTelemetry": False,
    }
    return JavaScriptSdk(driver, options)


@pytest.fixture
def options(sink: Sink, label: str) -> dict[str, Any]:
    """All that a method takes, but for what excludes another; the destination is always busy."""
    return {
        "url": f"{sink.script('/hook', BUSY)}?a=1",
        "body": BODY,
        "method": "PATCH",
        "headers": {
            "X-Tenant": "t-17",
            "Upstash-Forward-X-Open": "o",
            "Content-Type": "application/json",
            **of_callbacks(sink, f"{label} callbacks"),
            **of_failure_callbacks(f"{label} callbacks"),
        },
        "callback": sink.script("/callback", Answer(500)),
        "failureCallback": sink.script("/failure", Answer(500)),
        "delay": "0.05s",
        "retries": 1,
        "retryDelay": "1000 * retried",
        "timeout": 1.5,
        "deduplicationId": label,
        "contentBasedDeduplication": False,
        "flowControl": {"key": label, "parallelism": 3, "ratePerSecond": 50, "period": "1m"},
        "label": [label, "second"],
        "redact": {"header": ["X-Tenant"]},
    }


@pytest.mark.conformance("A-7")
@pytest.mark.parametrize("name", CALLS)
async def test_all_at_once(
    sdk: JavaScriptSdk, sink: Sink, rest: RestApi, name: str, options: dict[str, Any], label: str
) -> None:
    made = await make(sdk, name, **options)
    assert made == {"messageId": made["messageId"], "url": options["url"]}
    assert await check_delivered(sink) == made["messageId"]
    dead_letter_id = await check_reported(sink, rest, made["messageId"], f"{label} callbacks")
    await check_read(sdk, dead_letter_id, name, options)
    assert await make(sdk, name, **options) == made | {"deduplicated": True}


@pytest.mark.conformance("A-7", "S-1", "S-14", "S-16")
@pytest.mark.parametrize("name", [PLAN])
async def test_all_at_once_of_a_schedule(
    sdk: JavaScriptSdk,
    sink: Sink,
    rest: RestApi,
    name: str,
    options: dict[str, Any],
    label: str,
    clock: HeldClock,
) -> None:
    del options["deduplicationId"], options["contentBasedDeduplication"]
    own = {"destination": options["url"], "scheduleId": SCHEDULE, "queueName": QUEUE}
    created = await sdk.call(PLAN, {**options, **own, "cron": "* * * * *"})
    assert created == {"scheduleId": SCHEDULE}
    clock.let_go()
    message_id = await check_delivered(sink)
    dead_letter_id = await check_reported(sink, rest, message_id, f"{label} callbacks")
    await check_read(sdk, dead_letter_id, name, options)
    assert {attempt.header("Upstash-Schedule-Id") for attempt in sink.at("/hook")} == {SCHEDULE}
    found = await sdk.call("schedules.get", SCHEDULE)
    assert found["lastScheduleStates"] == {message_id: "FAIL"}
    assert found["ratePerSecond"] == found["rate"] == 50
    message = await sdk.call("messages.get", message_id)
    assert found["lastScheduleTime"] == message["createdAt"]


async def check_delivered(sink: Sink) -> str:
    """Answers the id of the message."""
    attempts = await sink.wait_for(2, "/hook")
    for retried, attempt in enumerate(attempts):
        assert (attempt.method, attempt.target) == ("PATCH", "/hook?a=1")
        assert attempt.body.decode() == BODY
        names = ("Content-Type", "X-Tenant", "X-Open", "X-Global", "X-Same")
        assert [attempt.header(name) for name in names] == [
            "application/json", "t-17", "o", "g", "s",
        ]  # fmt: skip
        assert attempt.header("Upstash-Retried") == str(retried)
    (message_id,) = {attempt.header("Upstash-Message-Id") for attempt in attempts}
    return str(message_id)


async def check_read(
    sdk: JavaScriptSdk, dead_letter_id: str, name: str, options: dict[str, Any]
) -> None:
    (dead_letter,) = (await sdk.call("dlq.listMessages", {"dlqIds": [dead_letter_id]}))["messages"]
    message_id = dead_letter["messageId"]
    for kept in (await sdk.call("messages.get", message_id), dead_letter):
        check_kept(kept, name, options)
    assert (dead_letter["responseStatus"], dead_letter["responseBody"]) == (503, "busy")
    logs = (await sdk.call("logs", {"filter": {"messageId": message_id}}))["logs"][::-1]
    assert [entry["state"] for entry in logs] == STATES
    assert {entry["timeout"] for entry in logs} == {1500}
    assert logs[1]["time"] >= dead_letter["notBefore"]


def check_kept(message: dict[str, Any], name: str, options: dict[str, Any]) -> None:
    expected = {
        "url": options["url"],
        "method": "PATCH",
        "body": BODY,
        "callback": options["callback"],
        "callbackHeader": {"X-Group": ["yes"], "X-Trace": ["callback"]},
        "failureCallback": options["failureCallback"],
        "failureCallbackHeader": {"X-Group": ["yes"], "X-Trace": ["failure"]},
        "notBefore": message["createdAt"] + 50,
        "maxRetries": 1,
        "retryDelayExpression": "1000 * retried",
        "label": options["label"][0],
        "labels": options["label"],
        "flowControlKey": options["flowControl"]["key"],
        "parallelism": 3,
        "rate": 50,
        "period": 60,
    }
    assert {name: message.get(name) for name in expected} == expected
    assert message.get("queueName") == (QUEUE if name in QUEUED else None)
    assert message.get("scheduleId") == (SCHEDULE if name == PLAN else None)
    headers = dict(message["header"])
    (tenant,) = headers.pop("X-Tenant")
    assert tenant.startswith("REDACTED:")
    assert headers == {
        "Content-Type": ["application/json"],
        "X-Global": ["g"],
        "X-Open": ["o"],
        "X-Same": ["s"],
    }


@pytest.mark.parametrize("name", CALLS)
async def test_those_that_exclude_another(
    sdk: JavaScriptSdk, sink: Sink, name: str, label: str
) -> None:
    url = sink.url_of("/hook")
    by_content = {"url": url, "body": json.dumps(label), "contentBasedDeduplication": True}
    first, second = [await make(sdk, name, **by_content) for _ in range(2)]
    assert "deduplicated" not in first
    assert second == first | {"deduplicated": True}
    hidden = {"body": True, "header": True}
    secret = await make(sdk, name, url=url, body='"s"', redact=hidden, label=[])
    message = await sdk.call("messages.get", secret["messageId"])
    for text in (message["body"], *message["header"]["X-Global"]):
        assert text.startswith("REDACTED:")
    assert "label" not in message
    at = (await sdk.call("messages.get", first["messageId"]))["createdAt"] // 1000 + 3600
    later = await make(sdk, name, url=url, notBefore=at)
    assert (await sdk.call("messages.get", later["messageId"]))["notBefore"] == at * 1000
    await sink.wait_for(2, "/hook")


@pytest.mark.conformance("K-14", "P-6", "P-29")
@pytest.mark.parametrize("name", CALLS)
async def test_each_kind_of_destination(sdk: JavaScriptSdk, sink: Sink, name: str) -> None:
    urls = [sink.url_of("/one"), sink.url_of("/two")]
    endpoints = [{"url": url} for url in urls]
    await sdk.call("urlGroups.addEndpoints", {"name": "pair", "endpoints": endpoints})
    for field in ("urlGroup", "topic"):
        made = await make(sdk, name, **{field: "pair"}, body='"x"')
        assert [each["url"] for each in made] == urls
        for path, each in zip(("/one", "/two"), made, strict=True):
            received = await sink.wait_one(path)
            assert received.header("Upstash-Message-Id") == each["messageId"]
            assert received.header("X-Global") == "g"
        sink.received.clear()
    await sdk.call("urlGroups.delete", "pair")
    if "JSON" in name:  # elsewhere the SDK forgets what the provider is
        custom = provider("custom", baseUrl=sink.url_of("/base"), token="cu_1")
        options = {"api": {"name": "llm", "provider": custom}, "callback": sink.url_of("/done")}
        called = await make(sdk, name, **options, body="{}")
        received = await sink.wait_one("/base/v1/chat/completions")
        assert received.header("Authorization") == "Bearer cu_1"
        assert received.header("Upstash-Message-Id") == called["messageId"]
        await sink.wait_one("/done")
