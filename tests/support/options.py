"""The options of callbacks, as headers with a prefix, and what must come of them."""

import json
from typing import Any

from tests.support.rest import RestApi
from tests.support.sinks import Received, Sink

CALLBACK, FAILURE = "Upstash-Callback-", "Upstash-Failure-Callback-"
GROUP = {
    "Method": "PUT",
    "Timeout": "5s",
    "Retries": "1",
    "Retry-Delay": "1",
    "Delay": "0.05s",
    "Forward-X-Group": "yes",
    "Flow-Control-Value": "parallelism=9",
    "Label": "report",
    "Redact-Fields": "body",
}
SHOWN = {"method": "PUT", "maxRetries": 1, "retryDelayExpression": "1", "label": "report",
         "parallelism": 9}  # fmt: skip


def in_group(prefix: str, key: str) -> dict[str, str]:
    """Every option of a callback, with a flow-control key of its own."""
    return {prefix + name: value for name, value in {**GROUP, "Flow-Control-Key": key}.items()}


def of_callbacks(sink: Sink, key: str) -> dict[str, str]:
    """Every option of the callback, which has a failure callback of its own."""
    return in_group(CALLBACK, key) | {
        f"{CALLBACK}X-Trace": "callback",
        f"{CALLBACK}Failure-Callback": sink.url_of("/unread"),
        f"{CALLBACK}Failure-Callback-X-Trace": "unread",
    }


def of_failure_callbacks(key: str) -> dict[str, str]:
    return in_group(FAILURE, key) | {f"{FAILURE}X-Trace": "failure"}


async def check_reported(sink: Sink, rest: RestApi, message_id: str, key: str) -> str:
    """Two attempts were reported, and the failure; whoever was told, failed too.

    Answers the id of the dead letter.
    """
    callbacks = await sink.wait_for(4, "/callback")
    failures = await sink.wait_for(2, "/failure")
    for received in (*callbacks, *failures):
        assert (received.method, received.header("X-Group")) == ("PUT", "yes")
        assert received.header("X-Trace") == received.path.removeprefix("/")
        assert _report(received)["sourceMessageId"] == message_id
    assert sorted(_report(received)["retried"] for received in callbacks) == [0, 0, 1, 1]
    for received in (callbacks[0], failures[0]):
        await _check_message(rest, str(received.header("Upstash-Message-Id")), key)
    unread = await sink.wait_for(2, "/unread")
    assert {received.header("X-Trace") for received in unread} == {"unread"}
    dead = {received.header("Upstash-Message-Id") for received in callbacks}
    assert {_report(received)["sourceMessageId"] for received in unread} == dead
    dead_letter_id: str = _report(failures[0])["dlqId"]
    return dead_letter_id


async def _check_message(rest: RestApi, callback_id: str, key: str) -> None:
    message = await rest.get(f"/v2/messages/{callback_id}")
    assert {name: message[name] for name in SHOWN} == SHOWN
    assert message["flowControlKey"] == key
    assert message["notBefore"] == message["createdAt"] + 50
    assert message["body"].startswith("REDACTED:")
    assert {entry["timeout"] for entry in await rest.history(callback_id)} == {5000}


def _report(received: Received) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(received.body)
    return report
