"""Schedules as they are shown (section 5.5)."""

import json
from typing import Any

import pytest

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.messages import Callback, Envelope, Redaction, State
from relaypost.domain.schedules import Schedule
from relaypost.domain.sequences import sequence
from relaypost.domain.types import MessageId, UnixMs
from relaypost.wire.ids import message_text
from relaypost.wire.schedule_responses import created_answer, schedule_body, schedules_body
from relaypost.wire.shown import hidden_text
from tests.support.messages import NOW
from tests.support.schedules import FIRST_TICK, schedule, template

ID = MessageId(sequence(NOW))
FULL = template(
    envelope=Envelope(
        url="https://api.example.com/reports",
        headers=(("Content-Type", "application/json"), ("X-Tenant", "t-17")),
        body=b'{"kind":"d"}',
        timeout_ms=300_000,
        max_retries=5,
        retry_delay="pow(2, retried) * 1000",
        callback=Callback(url="https://api.example.com/done", timeout_ms=1),
        failure_callback=Callback(
            url="https://api.example.com/broken", headers=(("X-Trace", "9f2"),), timeout_ms=1
        ),
        labels=("nightly", "shop"),
        caller_ip="203.0.113.7",
        schedule_id="nightly-report",
        queue_name="reports",
        flow_control=FlowControl(key="erp", rate=10, period_s=60),
    ),
    delay_ms=10_900,
    timeout_ms=299_001,
)


def shown(found: Schedule) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(schedule_body(found))
    assert [fields] == json.loads(schedules_body([found]))
    return fields


@pytest.mark.conformance("S-3", "S-5")
def test_everything_that_is_set() -> None:
    found = schedule(
        "nightly-report",
        cron="CRON_TZ=Europe/Berlin 0 1 * * *",
        template=FULL,
        last_run_at=UnixMs(NOW - 5),
        last_states=((ID, State.DELIVERED),),
    )
    assert shown(found) == {
        "scheduleId": "nightly-report",
        "cron": "CRON_TZ=Europe/Berlin 0 1 * * *",
        "createdAt": NOW,
        "destination": "https://api.example.com/reports",
        "method": "POST",
        "header": {"Content-Type": ["application/json"], "X-Tenant": ["t-17"]},
        "body": '{"kind":"d"}',
        "retries": 5,
        "delay": 10,
        "timeout": 300,
        "callback": "https://api.example.com/done",
        "failureCallback": "https://api.example.com/broken",
        "failureCallbackHeader": {"X-Trace": ["9f2"]},
        "queueName": "reports",
        "flowControlKey": "erp",
        "rate": 10,
        "period": 60,
        "retryDelayExpression": "pow(2, retried) * 1000",
        "label": "nightly",
        "labels": ["nightly", "shop"],
        "callerIP": "203.0.113.7",
        "callerIp": "203.0.113.7",
        "isPaused": False,
        "lastScheduleTime": NOW - 5,
        "nextScheduleTime": FIRST_TICK,
        "lastScheduleStates": {message_text(ID): "SUCCESS"},
    }


@pytest.mark.conformance("S-5", "A-8")
def test_nothing_that_is_not_set() -> None:
    found = schedule(template=template(body=b"", schedule_id="scd_1"))
    assert shown(found) == {
        "scheduleId": "scd_1",
        "cron": "* * * * *",
        "createdAt": NOW,
        "destination": "https://api.example.com/orders",
        "method": "POST",
        "header": {},
        "retries": 3,
        "isPaused": False,
        "nextScheduleTime": FIRST_TICK,
    }


@pytest.mark.conformance("S-5")
def test_a_key_always_has_a_period() -> None:
    found = shown(schedule(template=template(flow_control=FlowControl(key="k", parallelism=2))))
    limits = {name: found.get(name) for name in ("flowControlKey", "parallelism", "rate", "period")}
    assert limits == {"flowControlKey": "k", "parallelism": 2, "rate": None, "period": 1}
    assert "rate" not in found


def test_an_api_is_shown_by_its_name() -> None:
    found = shown(schedule(template=template(url="https://llm.example/v1", api="llm")))
    assert found["destination"] == "api/llm"


def test_a_paused_one_has_no_next_tick() -> None:
    found = shown(schedule(is_paused=True, next_tick_at=None))
    assert found["isPaused"] is True
    assert "nextScheduleTime" not in found


def test_a_failed_run_has_an_error_and_no_states() -> None:
    found = shown(schedule(last_run_at=NOW, error="topic g not found"))
    assert (found["error"], found["lastScheduleTime"]) == ("topic g not found", NOW)
    assert "lastScheduleStates" not in found


@pytest.mark.conformance("S-17", "A-8")
def test_states_of_messages_have_three_names() -> None:
    ids = [MessageId(ID + number) for number in range(len(State))]
    found = shown(schedule(last_states=tuple(zip(ids, State, strict=True))))
    assert list(found["lastScheduleStates"].values()) == [
        "IN_PROGRESS",
        "IN_PROGRESS",
        "SUCCESS",
        "FAIL",
        "FAIL",
    ]


def test_a_body_that_is_no_text_is_shown_in_base64() -> None:
    found = shown(schedule(template=template(body=b"\0\xff")))
    assert "body" not in found
    assert found["bodyBase64"] == "AP8="


@pytest.mark.conformance("S-20")
def test_what_is_redacted_is_hidden() -> None:
    sealed = template(
        headers=(("X-Secret", "s"), ("X-Open", "o")),
        body=b"b",
        callback=Callback(url="https://h/", headers=(("X-Secret", "c"),), timeout_ms=1),
        redaction=Redaction(body=True, headers=("X-Secret",)),
    )
    found = shown(schedule(template=sealed))
    assert found["body"] == hidden_text(b"b")
    assert found["header"] == {"X-Secret": [hidden_text(b"s")], "X-Open": ["o"]}
    assert found["callbackHeader"] == {"X-Secret": [hidden_text(b"c")]}


@pytest.mark.conformance("S-19")
def test_the_answer_to_a_creation() -> None:
    assert created_answer("a", is_duplicate=False) == (200, b'{"scheduleId":"a"}')
    assert created_answer("a", is_duplicate=True) == (
        202,
        b'{"scheduleId":"a","deduplicated":true}',
    )
