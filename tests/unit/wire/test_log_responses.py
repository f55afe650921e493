"""Log entries as they are shown (sections 6.5, 6.6)."""

import json
from dataclasses import replace
from typing import Any

import pytest

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.logs import LogEntry, LogState, NewLogEntry
from relaypost.domain.messages import Callback, Envelope, Message, Redaction, State
from relaypost.domain.sequences import sequence
from relaypost.domain.types import DeadLetterId, MessageId, ProjectId, Sequence, UnixMs
from relaypost.wire.ids import message_text
from relaypost.wire.log_responses import events_body, histories_body, logs_body
from relaypost.wire.shown import hidden_text

NOW = UnixMs(1_795_525_499_812)
ID = MessageId(sequence(NOW))
LATER = UnixMs(NOW + 5000)
SEALED = Envelope(
    url="https://api.example.com/orders",
    method="PUT",
    headers=(("X-Tenant", "acme"),),
    body=b'{"order":71}',
    timeout_ms=20_000,
    max_retries=5,
    retry_delay="1000 * retried",
    callback=Callback(url="https://c/", headers=(("X-Trace", "9f2"),), timeout_ms=1),
    failure_callback=Callback(url="https://f/", headers=(("X-F", "1"),), timeout_ms=1),
    labels=("shop", "nightly"),
    queue_name="invoices",
    flow_control=FlowControl(key="erp", parallelism=2, rate=10, period_s=60),
    caller_ip="203.0.113.7",
)
ERROR = NewLogEntry(
    state=LogState.ERROR,
    next_delivery_at=LATER,
    error="503 Service Unavailable",
    response_status=503,
    response_headers=(("Content-Type", "text/plain"),),
    response_body=b"busy",
)
SHARED = {
    "messageId": message_text(ID),
    "url": "https://api.example.com/orders",
    "method": "PUT",
    "header": {"X-Tenant": ["acme"]},
    "body": "eyJvcmRlciI6NzF9",
    "timeout": 20_000,
    "maxRetries": 5,
    "retryDelayExpr": "1000 * retried",
    "retryDelayExpression": "1000 * retried",
    "callback": "https://c/",
    "callbackHeaders": {"X-Trace": ["9f2"]},
    "failureCallback": "https://f/",
    "failureCallbackHeaders": {"X-F": ["1"]},
    "queueName": "invoices",
    "flowControlKey": "erp",
    "parallelism": 2,
    "rate": 10,
    "period": 60,
    "label": "shop",
    "labels": ["shop", "nightly"],
    "callerIP": "203.0.113.7",
    "callerIp": "203.0.113.7",
}


def entry(
    sealed: Envelope = SEALED, what: NewLogEntry = ERROR, *, failed: bool = False
) -> LogEntry:
    message = Message(
        id=ID,
        project_id=ProjectId(1),
        envelope=sealed,
        state=State.WAITING,
        not_before=NOW,
        due_at=NOW,
    )
    return LogEntry(
        sequence=sequence(NOW, 9),
        message=message,
        entry=what,
        dead_letter_id=DeadLetterId(sequence(NOW, 2)) if failed else None,
    )


def shown(*entries: LogEntry, trim: int | None = None) -> list[dict[str, Any]]:
    page: dict[str, list[dict[str, Any]]] = json.loads(events_body(entries, None, trim=trim))
    return page["events"]


@pytest.mark.conformance("R-12", "R-19", "A-8")
def test_entries_of_one_message() -> None:
    retry = NewLogEntry(state=LogState.RETRY, next_delivery_at=LATER)
    assert shown(entry(what=retry), entry()) == [
        {**SHARED, "time": NOW, "state": "RETRY", "nextDeliveryTime": LATER},
        {
            **SHARED,
            "time": NOW,
            "state": "ERROR",
            "error": "503 Service Unavailable",
            "nextDeliveryTime": LATER,
            "responseStatus": 503,
            "responseBody": "YnVzeQ==",
            "responseHeader": {"Content-Type": ["text/plain"]},
            "responseHeaders": {"Content-Type": ["text/plain"]},
        },
    ]


@pytest.mark.conformance("A-7")
def test_an_entry_with_nothing_set() -> None:
    plain = Envelope(url="https://h/", timeout_ms=1000, max_retries=3)
    assert shown(entry(plain, NewLogEntry(state=LogState.CREATED))) == [
        {
            "time": NOW,
            "messageId": message_text(ID),
            "state": "CREATED",
            "url": "https://h/",
            "method": "POST",
            "header": {},
            "timeout": 1000,
            "maxRetries": 3,
        }
    ]


def test_a_failed_entry_names_its_dead_letter() -> None:
    failed = NewLogEntry(state=LogState.FAILED, error="489: non-retryable error")
    (fields,) = shown(entry(what=failed, failed=True))
    assert (fields["dlqId"], fields["error"]) == (f"{NOW}-2", "489: non-retryable error")


def test_an_answer_without_headers_and_body() -> None:
    (fields,) = shown(entry(what=replace(ERROR, response_headers=(), response_body=b"")))
    assert fields["responseHeader"] == fields["responseHeaders"] == {}
    assert "responseBody" not in fields


@pytest.mark.conformance("R-13")
def test_every_state_has_its_spelling() -> None:
    spellings = [shown(entry(what=NewLogEntry(state=state)))[0]["state"] for state in LogState]
    assert spellings == [
        "CREATED",
        "ACTIVE",
        "RETRY",
        "ERROR",
        "DELIVERED",
        "FAILED",
        "CANCEL_REQUESTED",
        "CANCELED",
    ]


@pytest.mark.conformance("P-24", "R-29")
def test_what_is_redacted_is_hidden() -> None:
    hidden = replace(SEALED, redaction=Redaction(body=True, all_headers=True))
    (fields,) = shown(entry(hidden))
    assert fields["body"] == hidden_text(SEALED.body)
    assert fields["header"] == {"X-Tenant": [hidden_text(b"acme")]}
    assert fields["callbackHeaders"] == {"X-Trace": [hidden_text(b"9f2")]}
    assert fields["failureCallbackHeaders"] == {"X-F": [hidden_text(b"1")]}
    assert fields["responseBody"] == "YnVzeQ=="


@pytest.mark.parametrize(
    ("trim", "bodies"),
    [(None, ("eyJvcmRlciI6NzF9", "YnVzeQ==")), (2, ("eyI=", "YnU=")), (0, None), (-1, None)],
)
def test_trimmed_bodies(trim: int | None, bodies: tuple[str, str] | None) -> None:
    (fields,) = shown(entry(), trim=trim)
    found = {name: fields[name] for name in ("body", "responseBody") if name in fields}
    assert tuple(found.values()) == (bodies or ())


def test_a_hidden_body_is_left_out_when_bodies_are() -> None:
    hidden = entry(replace(SEALED, redaction=Redaction(body=True)))
    assert shown(hidden, trim=3)[0]["body"] == hidden_text(SEALED.body)
    assert "body" not in shown(hidden, trim=-1)[0]


@pytest.mark.conformance("R-16", "R-18", "A-10")
def test_keys_of_the_answers() -> None:
    following = Sequence(sequence(NOW, 4711))
    events = json.loads(events_body([entry()], following, trim=None))
    assert events == {"events": shown(entry()), "cursor": f"{NOW}-4711"}
    logs = json.loads(logs_body([entry()], None, trim=None))
    assert logs == {"logs": shown(entry()), "events": shown(entry())}
    assert events_body([], None, trim=None) == b'{"events":[]}'
    assert json.loads(logs_body([], None, trim=None)) == {"logs": [], "events": []}
    assert histories_body([], None, trim=None) == b'{"messages":[]}'


def test_histories() -> None:
    created = entry(what=NewLogEntry(state=LogState.CREATED))
    body = histories_body([[created, entry()]], Sequence(ID), trim=None)
    assert json.loads(body) == {
        "messages": [
            {
                "messageId": message_text(ID),
                "state": "ERROR",
                "events": shown(created, entry()),
            }
        ],
        "cursor": f"{NOW}-0",
    }
