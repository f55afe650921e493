"""Schedules as answers show them (section 5.5)."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import msgspec

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.messages import Envelope, State
from relaypost.domain.schedules import Schedule
from relaypost.wire.answers import Answer
from relaypost.wire.destinations import API_PREFIX
from relaypost.wire.ids import message_text
from relaypost.wire.responses import body_texts, callback_headers, encode
from relaypost.wire.shapes import (
    CronText,
    HeaderMap,
    MethodText,
    Millis,
    QueueNameText,
    ScheduleIdText,
    Seconds,
    UrlText,
)
from relaypost.wire.shown import shown_headers

Progress = Literal["IN_PROGRESS", "SUCCESS", "FAIL"]

PROGRESS: Final[dict[State, Progress]] = {
    State.WAITING: "IN_PROGRESS",
    State.ACTIVE: "IN_PROGRESS",
    State.DELIVERED: "SUCCESS",
    State.FAILED: "FAIL",
    State.CANCELED: "FAIL",
}


class ScheduleRecord(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):
    schedule_id: ScheduleIdText
    cron: CronText
    created_at: Millis
    destination: UrlText
    method: MethodText
    header: HeaderMap
    body: str | None = None
    body_base64: str | None = None
    retries: int
    delay: Seconds | None = None
    timeout: Seconds | None = None
    callback: UrlText | None = None
    failure_callback: UrlText | None = None
    callback_header: HeaderMap | None = None
    failure_callback_header: HeaderMap | None = None
    queue_name: QueueNameText | None = None
    flow_control_key: str | None = None
    parallelism: int | None = None
    rate: int | None = None
    period: Seconds | None = None
    retry_delay_expression: str | None = None
    label: str | None = None
    labels: tuple[str, ...] | None = None
    caller_ip: str | None = None
    caller_ip_too: str | None = msgspec.field(default=None, name="callerIP")
    """Clients read the one spelling or the other."""
    is_paused: bool
    last_schedule_time: Millis | None = None
    next_schedule_time: Millis | None = None
    last_schedule_states: (
        Annotated[
            dict[str, Progress], msgspec.Meta(description="The messages of the newest run, by id.")
        ]
        | None
    ) = None
    error: (
        Annotated[str, msgspec.Meta(description="Why the newest run made no messages.")] | None
    ) = None


class Created(msgspec.Struct, rename="camel", omit_defaults=True):
    schedule_id: ScheduleIdText
    deduplicated: bool = False


def created_answer(id: str, *, is_duplicate: bool) -> Answer:
    status = HTTPStatus.ACCEPTED if is_duplicate else HTTPStatus.OK
    return Answer(status, encode(Created(id, is_duplicate)))


def schedule_body(schedule: Schedule) -> bytes:
    return encode(_record(schedule))


def schedules_body(schedules: Iterable[Schedule]) -> bytes:
    return encode([_record(schedule) for schedule in schedules])


def _record(schedule: Schedule) -> ScheduleRecord:
    template, envelope = schedule.template, schedule.template.envelope
    body, body_base64 = body_texts(envelope)
    labels = envelope.labels
    states = {message_text(id): PROGRESS[state] for id, state in schedule.last_states}
    return ScheduleRecord(
        schedule_id=schedule.id,
        cron=schedule.cron,
        created_at=schedule.created_at,
        destination=envelope.url if envelope.api is None else API_PREFIX + envelope.api,
        method=envelope.method,
        header=shown_headers(envelope.headers, envelope.redaction),
        body=body,
        body_base64=body_base64,
        retries=envelope.max_retries,
        delay=None if template.delay_ms is None else template.delay_ms // 1000,
        timeout=None if template.timeout_ms is None else -(-template.timeout_ms // 1000),
        queue_name=envelope.queue_name,
        retry_delay_expression=envelope.retry_delay,
        label=labels[0] if labels else None,
        labels=labels or None,
        caller_ip=envelope.caller_ip,
        caller_ip_too=envelope.caller_ip,
        is_paused=schedule.is_paused,
        last_schedule_time=schedule.last_run_at,
        next_schedule_time=schedule.next_tick_at,
        last_schedule_states=states or None,
        error=schedule.error,
        **_callback_fields(envelope),
        **_flow_control_fields(envelope.flow_control),
    )


def _callback_fields(envelope: Envelope) -> dict[str, Any]:
    callback, failure = envelope.callback, envelope.failure_callback
    return {
        "callback": callback and callback.url,
        "failure_callback": failure and failure.url,
        "callback_header": callback_headers(callback, envelope.redaction),
        "failure_callback_header": callback_headers(failure, envelope.redaction),
    }


def _flow_control_fields(flow_control: FlowControl | None) -> dict[str, Any]:
    """With a key there always is a period, without one there is nothing."""
    if flow_control is None:
        return {}
    return {
        "flow_control_key": flow_control.key,
        "parallelism": flow_control.parallelism,
        "rate": flow_control.rate,
        "period": flow_control.period_s,
    }
