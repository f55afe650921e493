"""Every option of every method of the Python SDK that publishes, up to the dead letter."""

import json
from typing import Any

import pytest
from qstash.chat import custom
from qstash.dlq import DlqMessage
from qstash.message import Message

from tests.support.clients import PythonSdk
from tests.support.options import check_reported, of_callbacks, of_failure_callbacks
from tests.support.rest import RestApi
from tests.support.sinks import Answer, Sink

CALLS = ("publish", "publish_json", "enqueue", "enqueue_json", "batch", "batch_json")
QUEUED = ("enqueue", "enqueue_json", "batch_json")
"""A batch is tried with queues and without."""
QUEUE = "optional"
BUSY = Answer(503, b"busy", (("Retry-After", "0"),))
LATE = "1d"


async def make(sdk: PythonSdk, name: str, **options: Any) -> Any:
    """What one call makes, or the one item of a batch."""
    if name in QUEUED:
        options["queue"] = QUEUE
    call = getattr(sdk.message, name)
    if name.startswith("batch"):
        (made,) = await call([options])
        return made
    return await call(**options)


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
    attempts = await sink.wait_for(2, "/hook")
    for retried, attempt in enumerate(attempts):
        assert (attempt.method, attempt.target) == ("PATCH", "/hook?a=1")
        assert json.loads(attempt.body) == {"n": "ü"}
        assert attempt.header("Content-Type") == options.get("content_type", "application/json")
        assert [attempt.header(name) for name in ("X-Tenant", "X-Open", "X-Count")] == [
            "t-17", "o", "3",
        ]  # fmt: skip
        assert attempt.header("Upstash-Message-Id") == made.message_id
        assert attempt.header("Upstash-Retried") == str(retried)
    dead_letter_id = await check_reported(sink, rest, made.message_id, f"{key} callbacks")

    message = await sdk.message.get(made.message_id)
    check_kept(message, name, options)
    dead_letter = await sdk.dlq.get(dead_letter_id)
    check_kept(dead_letter, name, options)
    assert (dead_letter.response_status, dead_letter.response_body) == (503, "busy")
    logs = (await sdk.log.list(filter={"message_id": made.message_id})).logs
    states = [entry.state.value for entry in logs[::-1]]
    assert states == ["CREATED", "ACTIVE", "ERROR", "RETRY", "ACTIVE", "ERROR", "FAILED"]
    assert {entry.timeout for entry in logs} == {7000}
    active = next(entry for entry in logs[::-1] if entry.state.value == "ACTIVE")
    assert active.time >= message.not_before
    again = await make(sdk, name, **options)
    assert (again.deduplicated, again.message_id) == (True, made.message_id)


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
