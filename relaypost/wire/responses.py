"""Messages, dead letters and keys as answers show them (sections 6.2 to 6.11, 7.1)."""

from collections.abc import Iterable
from typing import Any

import msgspec

from relaypost.domain.dead_letters import DeadLetter
from relaypost.domain.flow_control import FlowControl
from relaypost.domain.messages import Callback, Envelope, Message, Redaction
from relaypost.domain.projects import SigningKeys
from relaypost.domain.types import MessageId, Sequence
from relaypost.wire.headers import header_map
from relaypost.wire.ids import cursor_text, dead_letter_text, message_text
from relaypost.wire.redactions import add_redactions
from relaypost.wire.shapes import (
    CursorText,
    DeadLetterIdText,
    HeaderMap,
    MessageIdText,
    MethodText,
    Millis,
    UrlText,
)
from relaypost.wire.shown import (
    base64_text,
    hidden_text,
    hides_body,
    shown_headers,
    utf8_text,
)


class EnvelopeFields(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """What messages, dead letters and log entries show alike; what is not set is left out."""

    message_id: MessageIdText
    url: UrlText
    method: MethodText
    header: HeaderMap
    max_retries: int
    api: str | None = None
    topic_name: str | None = None
    endpoint_name: str | None = None
    schedule_id: str | None = None
    queue_name: str | None = None
    flow_control_key: str | None = None
    parallelism: int | None = None
    rate: int | None = None
    period: int | None = None
    """In seconds; given whenever there is a key, and only then."""
    caller_ip: str | None = None
    caller_ip_too: str | None = msgspec.field(default=None, name="callerIP")
    """Clients read the one spelling or the other."""
    callback: str | None = None
    failure_callback: str | None = None
    retry_delay_expression: str | None = None
    label: str | None = None
    labels: tuple[str, ...] | None = None


class MessageRecord(EnvelopeFields, kw_only=True, omit_defaults=True, rename="camel"):
    """A message."""

    not_before: Millis
    created_at: Millis
    body: str | None = None
    body_base64: str | None = None
    callback_header: HeaderMap | None = None
    failure_callback_header: HeaderMap | None = None


class DeadLetterRecord(MessageRecord, kw_only=True, omit_defaults=True, rename="camel"):
    """A failed message, with the last answer to it."""

    dlq_id: DeadLetterIdText
    response_status: int
    response_header: HeaderMap
    response_body: str | None = None
    response_body_base64: str | None = None


class DeadLetterPage(msgspec.Struct, omit_defaults=True):
    messages: list[DeadLetterRecord]
    cursor: CursorText | None = None


class Canceled(msgspec.Struct):
    cancelled: int


class Deleted(msgspec.Struct, omit_defaults=True):
    deleted: int
    cursor: CursorText | None = None


class Retried(msgspec.Struct, rename="camel"):
    message_id: MessageIdText


class AllRetried(msgspec.Struct, omit_defaults=True):
    responses: list[Retried]
    cursor: CursorText | None = None


class KeyPair(msgspec.Struct):
    """Receivers accept both; `current` signs."""

    current: str
    next: str


encode = msgspec.json.Encoder().encode


def envelope_fields(id: MessageId, envelope: Envelope) -> dict[str, Any]:
    """The values of `EnvelopeFields`."""
    labels = envelope.labels
    return {
        "message_id": message_text(id),
        "url": envelope.url,
        "method": envelope.method,
        "header": shown_headers(envelope.headers, envelope.redaction),
        "max_retries": envelope.max_retries,
        "api": envelope.api,
        "topic_name": envelope.topic_name,
        "endpoint_name": envelope.endpoint_name,
        "schedule_id": envelope.schedule_id,
        "queue_name": envelope.queue_name,
        **_flow_control_fields(envelope.flow_control),
        "caller_ip": envelope.caller_ip,
        "caller_ip_too": envelope.caller_ip,
        "callback": envelope.callback and envelope.callback.url,
        "failure_callback": envelope.failure_callback and envelope.failure_callback.url,
        "retry_delay_expression": envelope.retry_delay,
        "label": labels[0] if labels else None,
        "labels": labels or None,
    }


def _flow_control_fields(flow_control: FlowControl | None) -> dict[str, Any]:
    """What the message itself brought, which need not be in force any more (section 4.9)."""
    if flow_control is None:
        return {}
    return {
        "flow_control_key": flow_control.key,
        "parallelism": flow_control.parallelism,
        "rate": flow_control.rate,
        "period": flow_control.period_s,
    }


def callback_headers(
    callback: Callback | None, redaction: Redaction | None
) -> dict[str, list[str]] | None:
    """The headers of a callback; hidden where those of its message are, or its own are."""
    if callback is None or not callback.headers:
        return None
    return shown_headers(callback.headers, add_redactions(redaction, callback.redaction))


def message_body(message: Message) -> bytes:
    return encode(MessageRecord(**_message_fields(message)))


def dead_letter_body(dead_letter: DeadLetter) -> bytes:
    return encode(_dead_letter_record(dead_letter))


def dead_letters_body(dead_letters: Iterable[DeadLetter], following: Sequence | None) -> bytes:
    records = [_dead_letter_record(dead_letter) for dead_letter in dead_letters]
    return encode(DeadLetterPage(records, _cursor(following)))


def canceled_body(count: int) -> bytes:
    return encode(Canceled(count))


def deleted_body(count: int, following: Sequence | None) -> bytes:
    return encode(Deleted(count, _cursor(following)))


def retried_body(id: MessageId) -> bytes:
    return encode(Retried(message_text(id)))


def all_retried_body(ids: Iterable[MessageId], following: Sequence | None) -> bytes:
    retried = [Retried(message_text(id)) for id in ids]
    return encode(AllRetried(retried, _cursor(following)))


def keys_body(keys: SigningKeys) -> bytes:
    return encode(KeyPair(keys.current, keys.next))


def _cursor(following: Sequence | None) -> str | None:
    """An answer has a cursor exactly while there is a further page (section 1.9)."""
    return None if following is None else cursor_text(following)


def _message_fields(message: Message) -> dict[str, Any]:
    envelope = message.envelope
    body, body_base64 = body_texts(envelope)
    return {
        **envelope_fields(message.id, envelope),
        "not_before": message.not_before,
        "created_at": message.created_at,
        "body": body,
        "body_base64": body_base64,
        "callback_header": callback_headers(envelope.callback, envelope.redaction),
        "failure_callback_header": callback_headers(envelope.failure_callback, envelope.redaction),
    }


def body_texts(envelope: Envelope) -> tuple[str | None, str | None]:
    if envelope.body and hides_body(envelope.redaction):
        return hidden_text(envelope.body), None
    return _texts(envelope.body)


def _texts(body: bytes) -> tuple[str | None, str | None]:
    """A body as text, or in base64 if it is none; an empty one as neither."""
    text = utf8_text(body)
    return (None, base64_text(body)) if text is None else (text or None, None)


def _dead_letter_record(dead_letter: DeadLetter) -> DeadLetterRecord:
    response = dead_letter.response
    body, body_base64 = _texts(response.body)
    return DeadLetterRecord(
        **_message_fields(dead_letter.message),
        dlq_id=dead_letter_text(dead_letter.id),
        response_status=response.status,
        response_header=header_map(response.headers),
        response_body=body,
        response_body_base64=body_base64,
    )
