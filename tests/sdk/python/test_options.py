"""Every option of every method of the Python SDK that publishes, up to the dead letter."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from qstash.chat import custom
from qstash.dlq import DlqMessage
from qstash.message import Message
from qstash.schedule import ScheduleState

from tests.support.clients import PythonSdk
from tests.support.inner_servers import HeldApplication, HeldClock, serving
from tests.support.options import check_reported, of_callbacks, of_failure_callbacks
from tests.support.rest import RestApi
from tests.support.servers import Account
from tests.support.sinks import Answer, Sink

CALLS = ("publish", "publish_json", "enqueue", "enqueue_json", "batch", "batch_json")
PLANS = ("create", "create_json")
QUEUED = ("enqueue", "enqueue_json", "batch_json", *PLANS)
"""A batch is tried with queues and without."""
QUEUE, SCHEDULE = "optional", "once.a-minute"
BUSY = Answer(503, b"busy", (("Retry-After", "0"),))
STATES = ["CREATED", "ACTIVE", "ERROR", "RETRY", "ACTIVE", "ERROR", "FAILED"]


async def make(sdk: PythonSdk, name: str, **options: Any) -> Any:
    """What one call makes, or the one item of a batch."""
    if name in QUEUED:
        options["queue"] = QUEUE
    call = getattr(sdk.message, name)
    if name.startswith("batch"):
        (made,) = await call([options])
        return made
    return await call(**options)


async def plan(sdk: PythonSdk, name: str, **options: Any) -> None:
    del options["deduplication_id"], options["content_based_deduplication"]
    options |= {"destination": options.pop("url"), "queue": QUEUE, "schedule_id": SCHEDULE}
    assert await getattr(sdk.schedule, name)(cron="* * * * *", **options) == SCHEDULE


@pytest.fixture
async def account(name: str, account: Account, clock: HeldClock) -> AsyncIterator[Account]:
    """Schedules have a server of their own, on which a minute soon ends."""
    if name not in PLANS:
        yield account
        return
    async with serving(HeldApplication(clock)) as url:
        yield replace(account, url=url)


@pytest.fixture
def key(label: str, kind: str) -> str:
    """A key of this test alone: keys can't be deleted."""
    return f"{label}/{kind}"


@pytest.fixture
def options(name: str, sink: Sink, key: str, label: str) -> dict[str, Any]:
    """All that a method takes, but for what excludes another; the destination is always busy."""
    given: dict[str, Any] = {
        "url": f"{sink.script('/hook', BUSY)}?a=1",
        "body": {"n": "ü"},
        "method": "PATCH",
        "headers": {"X-Tenant": "t-17", "Upstash-Forward-X-Open": "o", "X-Count": 3},
        "callback": sink.script("/callback", Answer(500)),
        "callback_headers": of_callbacks(sink, f"{key} callbacks"),
        "failure_callback": sink.script("/failure", Answer(500)),
        "failure_callback_headers": of_failure_callbacks(f"{key} callbacks"),
        "retries": 1,
        "timeout": 7,
        "deduplication_id": key,
        "content_based_deduplication": False,
        "label": f"{label},second",
        "redact": {"header": ["X-Tenant"]},
    }
    if "json" not in name:
        given |= {"body": '{"n": "ü"}', "content_type": "application/json; charset=utf-8"}
    if name != "batch_json":  # the SDK loses it there
        given["retry_delay"] = "1000 * retried"
    if not name.startswith("enqueue"):
        limits = {"key": key, "parallelism": 3, "rate": 50, "period": "1m"}
        given |= {"delay": "0.05s", "flow_control": limits}
    return given


@pytest.mark.conformance("A-7")
@pytest.mark.parametrize("name", CALLS)
async def test_all_at_once(
    sdk: PythonSdk, sink: Sink, rest: RestApi, name: str, options: dict[str, Any], key: str
) -> None:
    made = await make(sdk, name, **options)
    assert not made.deduplicated
    assert await check_delivered(sink, options) == made.message_id
    dead_letter_id = await check_reported(sink, rest, made.message_id, f"{key} callbacks")
    await check_read(sdk, dead_letter_id, name, options)
    again = await make(sdk, name, **options)
    assert (again.deduplicated, again.message_id) == (True, made.message_id)


@pytest.mark.conformance("A-7", "S-1", "S-14", "S-16")
@pytest.mark.parametrize("name", PLANS)
async def test_all_at_once_of_a_schedule(
    sdk: PythonSdk,
    sink: Sink,
    rest: RestApi,
    name: str,
    options: dict[str, Any],
    key: str,
    clock: HeldClock,
) -> None:
    await plan(sdk, name, **options)
    clock.let_go()
    message_id = await check_delivered(sink, options)
    dead_letter_id = await check_reported(sink, rest, message_id, f"{key} callbacks")
    await check_read(sdk, dead_letter_id, name, options)
    assert {attempt.header("Upstash-Schedule-Id") for attempt in sink.at("/hook")} == {SCHEDULE}
    found = await sdk.schedule.get(SCHEDULE)
    assert found.last_schedule_states == {message_id: ScheduleState.FAIL}
    assert found.last_schedule_time == (await sdk.message.get(message_id)).created_at


async def check_delivered(sink: Sink, options: dict[str, Any]) -> str:
    """Answers the id of the message."""
    attempts = await sink.wait_for(2, "/hook")
    for retried, attempt in enumerate(attempts):
        assert (attempt.method, attempt.target) == ("PATCH", "/hook?a=1")
        assert json.loads(attempt.body) == {"n": "ü"}
        assert attempt.header("Content-Type") == options.get("content_type", "application/json")
        assert [attempt.header(name) for name in ("X-Tenant", "X-Open", "X-Count")] == [
            "t-17", "o", "3",
        ]  # fmt: skip
        assert attempt.header("Upstash-Retried") == str(retried)
    (message_id,) = {attempt.header("Upstash-Message-Id") for attempt in attempts}
    return str(message_id)


async def check_read(
    sdk: PythonSdk, dead_letter_id: str, name: str, options: dict[str, Any]
) -> None:
    dead_letter = await sdk.dlq.get(dead_letter_id)
    message = await sdk.message.get(dead_letter.message_id)
    for kept in (message, dead_letter):
        check_kept(kept, name, options)
    assert (dead_letter.response_status, dead_letter.response_body) == (503, "busy")
    logs = (await sdk.log.list(filter={"message_id": message.message_id})).logs[::-1]
    assert [entry.state.value for entry in logs] == STATES
    assert {entry.timeout for entry in logs} == {7000}
    assert logs[1].time >= message.not_before


def check_kept(message: Message | DlqMessage, name: str, options: dict[str, Any]) -> None:
    assert (message.url, message.method) == (options["url"], "PATCH")
    assert json.loads(message.body or "") == {"n": "ü"}
    headers = dict(message.headers or {})
    (tenant,) = headers.pop("X-Tenant")
    assert tenant.startswith("REDACTED:")
    content_type = options.get("content_type", "application/json")
    assert headers == {"Content-Type": [content_type], "X-Open": ["o"], "X-Count": ["3"]}
    assert (message.callback, message.failure_callback) == (
        options["callback"],
        options["failure_callback"],
    )
    assert message.callback_headers == {"X-Group": ["yes"], "X-Trace": ["callback"]}
    assert message.failure_callback_headers == {"X-Group": ["yes"], "X-Trace": ["failure"]}
    assert (message.max_retries, message.retry_delay_expression) == (1, options.get("retry_delay"))
    assert message.queue == (QUEUE if name in QUEUED else None)
    assert message.schedule_id == (SCHEDULE if name in PLANS else None)
    assert message.label == options["label"].split(",")[0]
    limits = message.flow_control
    if "flow_control" in options:
        assert message.not_before == message.created_at + 50
        assert limits is not None
        assert (limits.key, limits.parallelism) == (options["flow_control"]["key"], 3)
        assert (limits.rate, limits.period) == (50, 60)
    else:
        assert (message.not_before, limits) == (message.created_at, None)


@pytest.mark.parametrize("name", CALLS)
async def test_those_that_exclude_another(
    sdk: PythonSdk, rest: RestApi, sink: Sink, name: str, key: str
) -> None:
    url = sink.url_of("/hook")
    named = {"url": url, "body": key, "content_based_deduplication": True}
    first, second = [await make(sdk, name, **named) for _ in range(2)]
    assert (first.deduplicated, second.deduplicated) == (False, True)
    assert second.message_id == first.message_id
    hidden = {"body": True, "header": True}
    secret = await make(sdk, name, url=url, body="s", headers={"X-Y": "s"}, redact=hidden)
    message = await sdk.message.get(secret.message_id)
    shown = [message.body, *message.headers["X-Y"]]
    assert all(text.startswith("REDACTED:") for text in shown)
    if not name.startswith("enqueue"):
        at = (await sdk.message.get(first.message_id)).created_at // 1000 + 3600
        later = await make(sdk, name, url=url, not_before=at)
        assert (await sdk.message.get(later.message_id)).not_before == at * 1000
    await sink.wait_for(2, "/hook")


@pytest.mark.conformance("K-14", "P-6", "P-29")
@pytest.mark.parametrize("name", CALLS)
async def test_each_kind_of_destination(sdk: PythonSdk, sink: Sink, name: str) -> None:
    urls = [sink.url_of("/one"), sink.url_of("/two")]
    await sdk.url_group.upsert_endpoints("pair", [{"url": url} for url in urls])
    made = await make(sdk, name, url_group="pair", body="x")
    assert [(each.url, each.deduplicated) for each in made] == [(url, False) for url in urls]
    for path, each in zip(("/one", "/two"), made, strict=True):
        received = await sink.wait_one(path)
        assert received.header("Upstash-Message-Id") == each.message_id
        assert received.header("Upstash-Topic-Name") == "pair"
    await sdk.url_group.delete("pair")
    api = {"name": "llm", "provider": custom(sink.url_of("/base"), "cu_1")}
    called = await make(sdk, name, api=api, body="{}")
    received = await sink.wait_one("/base/v1/chat/completions")
    assert received.header("Authorization") == "Bearer cu_1"
    assert received.header("Upstash-Message-Id") == called.message_id
