"""Callback messages: what is reported of an attempt, and to whom (sections 3.12 to 3.14)."""

from base64 import b64encode
from typing import Any

import msgspec

from relaypost.domain.dead_letters import LastResponse
from relaypost.domain.lifecycle import Transition
from relaypost.domain.messages import Callback, Envelope, Message, NewMessage, Redaction, State
from relaypost.domain.types import DeadLetterId
from relaypost.wire.headers import header_map
from relaypost.wire.ids import dead_letter_text, message_text

CONTENT_TYPE = ("Content-Type", "application/json")


def callback_messages(
    message: Message,
    transition: Transition,
    response: LastResponse,
    *,
    dead_letter_id: DeadLetterId | None,
) -> tuple[NewMessage, ...]:
    """The callback of this attempt and, when the message has failed, its failure callback."""
    envelope = message.envelope
    made = []
    if envelope.callback is not None and transition.report_max_retries is not None:
        body = _body(message, response, max_retries=transition.report_max_retries)
        made.append(_message(message, envelope.callback, body))
    if envelope.failure_callback is not None and transition.state is State.FAILED:
        assert dead_letter_id is not None
        body = _body(
            message,
            response,
            max_retries=envelope.max_retries,
            dead_letter_id=dead_letter_id,
        )
        made.append(_message(message, envelope.failure_callback, body))
    return tuple(made)


def _message(message: Message, callback: Callback, body: bytes) -> NewMessage:
    envelope = message.envelope
    return NewMessage(
        project_id=message.project_id,
        delay_ms=callback.delay_ms,
        envelope=Envelope(
            url=callback.url,
            method=callback.method,
            headers=(CONTENT_TYPE, *callback.headers),
            body=body,
            timeout_ms=callback.timeout_ms,
            max_retries=_or(callback.max_retries, envelope.max_retries),
            retry_delay=callback.retry_delay,
            failure_callback=callback.failure_callback,
            labels=_or(callback.labels, envelope.labels),
            redaction=_redaction(envelope.redaction, callback.redaction),
            caller_ip=envelope.caller_ip,
            flow_control=callback.flow_control,
        ),
    )


def _or(own: Any, inherited: Any) -> Any:
    return inherited if own is None else own


def _redaction(reported: Redaction | None, own: Redaction | None) -> Redaction | None:
    """The body of a callback holds copies of whatever the reported message hides (section 2.14)."""
    if reported is None:
        return own
    hidden = (reported, own) if own else (reported,)
    return Redaction(
        body=True,
        all_headers=any(redaction.all_headers for redaction in hidden),
        headers=tuple(dict.fromkeys(name for redaction in hidden for name in redaction.headers)),
    )


def _body(
    message: Message,
    response: LastResponse,
    *,
    max_retries: int,
    dead_letter_id: DeadLetterId | None = None,
) -> bytes:
    envelope = message.envelope
    fields: dict[str, Any] = {
        "status": response.status,
        "header": header_map(response.headers),
        "body": _base64(response.body),
        "retried": message.retried,
        "maxRetries": max_retries,
        "dlqId": dead_letter_id and dead_letter_text(dead_letter_id),
        "sourceMessageId": message_text(message.id),
        "topicName": envelope.topic_name,
        "endpointName": envelope.endpoint_name,
        "url": envelope.url,
        "method": envelope.method,
        "sourceHeader": header_map(envelope.headers),
        "sourceBody": _base64(envelope.body),
        "notBefore": message.not_before,
        "createdAt": message.created_at,
        "scheduleId": envelope.schedule_id,
        "callerIP": envelope.caller_ip,
    }
    return msgspec.json.encode({name: value for name, value in fields.items() if value is not None})


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
