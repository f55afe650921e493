"""Messages and dead letters as they are shown (sections 6.2, 6.7, 2.14)."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from relaypost.domain.dead_letters import DeadLetter, LastResponse
from relaypost.domain.flow_control import FlowControl
from relaypost.domain.messages import Callback, Envelope, Message, Redaction, State
from relaypost.domain.projects import SigningKeys
from relaypost.domain.sequences import sequence
from relaypost.domain.types import DeadLetterId, MessageId, ProjectId, Sequence, UnixMs
from relaypost.wire.ids import message_text
from relaypost.wire.responses import (
    all_retried_body,
    canceled_body,
    dead_letter_body,
    dead_letters_body,
    deleted_body,
    keys_body,
    message_body,
    retried_body,
)
from relaypost.wire.shown import hidden_text

Writer = Callable[[Sequence | None], bytes]

NOW = UnixMs(1_795_525_409_034)
ID = MessageId(sequence(NOW, 3))
PLAIN = Envelope(url="https://api.example.com/x", timeout_ms=1000, max_retries=3)
FULL = Envelope(
    url="https://api.example.com/orders?src=web",
    method="PUT",
    headers=(("Content-Type", "application/json"), ("X-Tenant", "acme"), ("X-Tenant", "b")),
    body=b'{"order":71}',
    timeout_ms=20_000,
    max_retries=5,
    retry_delay="min(pow(2, retried) * 1000, 60000)",
    callback=Callback(
        url="https://api.example.com/done", headers=(("X-Trace", "9f2"),), timeout_ms=1
    ),
    failure_callback=Callback(url="https://api.example.com/broken", timeout_ms=1),
    labels=("shop", "nightly"),
    caller_ip="203.0.113.7",
    topic_name="group",
    endpoint_name="first",
    schedule_id="scd_1",
    queue_name="invoices",
    flow_control=FlowControl(key="erp", parallelism=2, rate=10, period_s=60),
)


def message(sealed: Envelope) -> Message:
    return Message(
        id=ID,
        project_id=ProjectId(1),
        envelope=sealed,
        state=State.WAITING,
        not_before=UnixMs(NOW + 90_000),
        due_at=NOW,
    )


def shown(sealed: Envelope) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(message_body(message(sealed)))
    return fields


def dead_letter(sealed: Envelope, response: LastResponse) -> DeadLetter:
    return DeadLetter(id=DeadLetterId(ID), message=message(sealed), response=response)


@pytest.mark.conformance("R-2", "A-8")
def test_a_message_with_nothing_set_has_the_required_fields_only() -> None:
    assert shown(PLAIN) == {
        "messageId": message_text(ID),
        "url": "https://api.example.com/x",
        "method": "POST",
        "header": {},
        "maxRetries": 3,
        "notBefore": NOW + 90_000,
        "createdAt": NOW,
    }


@pytest.mark.conformance("K-15")
def test_what_was_published_to_an_api_says_so() -> None:
    for_llm = replace(PLAIN, api="llm")
    assert shown(for_llm)["api"] == "llm"
    answer = LastResponse(status=500, headers=(), body=b"")
    assert json.loads(dead_letter_body(dead_letter(for_llm, answer)))["api"] == "llm"


def test_a_message_with_everything_set() -> None:
    assert shown(FULL) == {
        "messageId": message_text(ID),
        "url": "https://api.example.com/orders?src=web",
        "method": "PUT",
        "header": {"Content-Type": ["application/json"], "X-Tenant": ["acme", "b"]},
        "body": '{"order":71}',
        "maxRetries": 5,
        "notBefore": NOW + 90_000,
        "createdAt": NOW,
        "callerIP": "203.0.113.7",
        "callerIp": "203.0.113.7",
        "callback": "https://api.example.com/done",
        "failureCallback": "https://api.example.com/broken",
        "callbackHeader": {"X-Trace": ["9f2"]},
        "retryDelayExpression": "min(pow(2, retried) * 1000, 60000)",
        "topicName": "group",
        "endpointName": "first",
        "scheduleId": "scd_1",
        "queueName": "invoices",
        "flowControlKey": "erp",
        "parallelism": 2,
        "rate": 10,
        "period": 60,
        "label": "shop",
        "labels": ["shop", "nightly"],
    }


@pytest.mark.conformance("P-22")
@pytest.mark.parametrize(
    ("brought", "expected"),
    [
        (FlowControl(key="k", parallelism=5), {"parallelism": 5, "period": 1}),
        (FlowControl(key="k", rate=23, period_s=5403), {"rate": 23, "period": 5403}),
    ],
)
def test_flow_control_shows_what_was_given_and_always_a_period(
    brought: FlowControl, expected: dict[str, int]
) -> None:
    fields = shown(replace(PLAIN, flow_control=brought))
    names = ("flowControlKey", "parallelism", "rate", "period")
    assert {name: fields[name] for name in names if name in fields} == {
        "flowControlKey": "k",
        **expected,
    }


@pytest.mark.conformance("R-3")
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {}),
        (b"text", {"body": "text"}),
        ("caf\u00e9 \0".encode(), {"body": "caf\u00e9 \0"}),
        (b"\xff\xfe", {"bodyBase64": "//4="}),
    ],
)
def test_bodies(body: bytes, fields: dict[str, str]) -> None:
    found = shown(replace(PLAIN, body=body))
    assert {name: found[name] for name in ("body", "bodyBase64") if name in found} == fields


@pytest.mark.conformance("P-24", "R-29")
def test_what_is_redacted_is_hidden_in_messages_and_dead_letters() -> None:
    sealed = replace(
        FULL,
        body=b"\xff",
        redaction=Redaction(body=True, all_headers=True),
        failure_callback=Callback(url="https://f/", headers=(("X-B", "c"),), timeout_ms=1),
    )
    response = LastResponse(status=500, headers=(("X-Tenant", "acme"),), body=b"no")
    for fields in (shown(sealed), json.loads(dead_letter_body(dead_letter(sealed, response)))):
        assert fields["body"] == hidden_text(b"\xff")
        assert "bodyBase64" not in fields
        assert fields["header"]["X-Tenant"] == [hidden_text(b"acme"), hidden_text(b"b")]
        assert fields["callbackHeader"] == {"X-Trace": [hidden_text(b"9f2")]}
        assert fields["failureCallbackHeader"] == {"X-B": [hidden_text(b"c")]}
        assert fields["url"] == sealed.url
    assert fields["responseHeader"] == {"X-Tenant": ["acme"]}
    assert fields["responseBody"] == "no"


def test_an_empty_body_has_nothing_to_hide() -> None:
    assert "body" not in shown(replace(PLAIN, redaction=Redaction(body=True)))


def test_headers_that_a_callback_hides_are_hidden_on_its_message_too() -> None:
    callback = Callback(
        url="https://c/",
        headers=(("X-A", "b"),),
        timeout_ms=1,
        redaction=Redaction(all_headers=True),
    )
    assert shown(replace(PLAIN, callback=callback))["callbackHeader"] == {
        "X-A": [hidden_text(b"b")]
    }


@pytest.mark.conformance("R-20", "A-7")
def test_a_dead_letter_is_its_message_with_the_last_answer() -> None:
    response = LastResponse(status=404, headers=(("X-A", "b"),), body=b"404 Not Found")
    fields = json.loads(dead_letter_body(dead_letter(FULL, response)))
    assert fields == {
        **shown(FULL),
        "dlqId": f"{NOW}-3",
        "responseStatus": 404,
        "responseHeader": {"X-A": ["b"]},
        "responseBody": "404 Not Found",
    }


@pytest.mark.conformance("R-19")
@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", {}),
        (b"boom", {"responseBody": "boom"}),
        (b"\xff", {"responseBodyBase64": "/w=="}),
    ],
)
def test_bodies_of_answers(body: bytes, found: dict[str, str]) -> None:
    fields = json.loads(dead_letter_body(dead_letter(PLAIN, LastResponse(status=502, body=body))))
    names = ("responseBody", "responseBodyBase64")
    assert {name: fields[name] for name in names if name in fields} == found
    assert fields["responseHeader"] == {}


@pytest.mark.conformance("R-16", "A-10")
def test_a_cursor_is_there_while_there_is_more() -> None:
    letter = dead_letter(PLAIN, LastResponse(status=500))
    writers: list[Writer] = [
        lambda cursor: dead_letters_body([letter], cursor),
        lambda cursor: dead_letters_body([], cursor),
        lambda cursor: deleted_body(0, cursor),
        lambda cursor: all_retried_body([], cursor),
    ]
    for write in writers:
        assert json.loads(write(Sequence(ID)))["cursor"] == f"{NOW}-3"
        assert "cursor" not in json.loads(write(None))
    empty = [write(None) for write in writers[1:]]
    assert empty == [b'{"messages":[]}', b'{"deleted":0}', b'{"responses":[]}']


def test_small_answers() -> None:
    assert canceled_body(2) == b'{"cancelled":2}'
    assert deleted_body(3, None) == b'{"deleted":3}'
    text = message_text(ID)
    assert json.loads(retried_body(ID)) == {"messageId": text}
    assert json.loads(all_retried_body([ID], None)) == {"responses": [{"messageId": text}]}
    keys = SigningKeys(current="sig_a", next="sig_b")
    assert json.loads(keys_body(keys)) == {"current": "sig_a", "next": "sig_b"}
