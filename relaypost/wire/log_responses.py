"""Log entries as answers show them (sections 6.5, 6.6).

The entries of one message share most of their fields: those are encoded once for each message.
"""

from collections.abc import Iterable
from typing import Annotated

import msgspec

from relaypost.domain.logs import LogEntry, LogState
from relaypost.domain.messages import Envelope, Message
from relaypost.domain.types import Headers, MessageId, Sequence
from relaypost.wire.headers import header_map
from relaypost.wire.ids import cursor_text, dead_letter_text, message_text
from relaypost.wire.responses import EnvelopeFields, callback_headers, encode, envelope_fields
from relaypost.wire.shapes import CursorText, DeadLetterIdText, HeaderMap, MessageIdText, Millis
from relaypost.wire.shown import base64_text, hidden_text, hides_body

StateText = Annotated[
    str,
    msgspec.Meta(
        description="What happened.",
        extra_json_schema={"enum": [state.name for state in LogState]},
    ),
]


class EntryFields(msgspec.Struct, omit_defaults=True, rename="camel"):
    """What is of one entry alone."""

    time: Millis
    state: StateText
    error: str | None = None
    next_delivery_time: Millis | None = None
    response_status: int | None = None
    response_body: str | None = None
    response_header: HeaderMap | None = None
    response_headers: HeaderMap | None = None
    """The same: clients read the one name or the other."""
    dlq_id: DeadLetterIdText | None = None


class MessageFields(EnvelopeFields, kw_only=True, omit_defaults=True, rename="camel"):
    """What all entries of a message share."""

    timeout: int
    body: str | None = None
    callback_headers: HeaderMap | None = None
    failure_callback_headers: HeaderMap | None = None
    retry_delay_expr: str | None = None
    """The same as `retryDelayExpression`: clients read the one name or the other."""


ENTRY: tuple[type[msgspec.Struct], ...] = (EntryFields, MessageFields)
"""One object on the wire has the fields of both."""

Entries = Annotated[
    msgspec.Raw,
    msgspec.Meta(
        extra_json_schema={"type": "array", "items": {"$ref": "#/components/schemas/LogEntry"}}
    ),
]


class EventPage(msgspec.Struct, omit_defaults=True):
    events: Entries
    cursor: CursorText | None = None


class LogPage(msgspec.Struct, omit_defaults=True):
    """The same entries under both names."""

    logs: Entries
    events: Entries
    cursor: CursorText | None = None


class History(msgspec.Struct, rename="camel"):
    """What happened to one message, and its newest state."""

    message_id: MessageIdText
    state: StateText
    events: Entries


class HistoryPage(msgspec.Struct, omit_defaults=True):
    messages: list[History]
    cursor: CursorText | None = None


def events_body(
    entries: Iterable[LogEntry], following: Sequence | None, *, trim: int | None
) -> bytes:
    """The answer of `/v2/events`; `trim` bytes of each body are shown, -1 for none at all."""
    page = EntryWriter(trim).array(entries)
    return encode(EventPage(page, _cursor(following)))


def logs_body(
    entries: Iterable[LogEntry], following: Sequence | None, *, trim: int | None
) -> bytes:
    """The answer of `/v2/logs`: the key of the present contract, and the older one."""
    page = EntryWriter(trim).array(entries)
    return encode(LogPage(page, page, _cursor(following)))


def histories_body(
    histories: Iterable[list[LogEntry]], following: Sequence | None, *, trim: int | None
) -> bytes:
    writer = EntryWriter(trim)
    messages = [
        History(
            message_text(history[0].message.id),
            history[-1].entry.state.name,
            writer.array(history),
        )
        for history in histories
    ]
    return encode(HistoryPage(messages, _cursor(following)))


def _cursor(following: Sequence | None) -> str | None:
    return None if following is None else cursor_text(following)


class EntryWriter:
    """Encodes entries; remembers the shared fields of each message."""

    def __init__(self, trim: int | None) -> None:
        self._trim = trim
        self._shared: dict[MessageId, bytes] = {}

    def array(self, entries: Iterable[LogEntry]) -> msgspec.Raw:
        return msgspec.Raw(b"[%b]" % b",".join([self._object(entry) for entry in entries]))

    def _object(self, entry: LogEntry) -> bytes:
        """Join two objects into one: neither is empty, and they have no name in common."""
        message = entry.message
        shared = self._shared.get(message.id)
        if shared is None:
            shared = self._shared[message.id] = encode(self._message_fields(message))
        return b"%b,%b" % (encode(self._entry_fields(entry))[:-1], shared[1:])

    def _entry_fields(self, logged: LogEntry) -> EntryFields:
        entry = logged.entry
        headers = _headers(entry.response_headers)
        return EntryFields(
            logged.time,
            entry.state.name,
            entry.error,
            entry.next_delivery_at,
            entry.response_status,
            self._base64(entry.response_body),
            headers,
            headers,
            None if logged.dead_letter_id is None else dead_letter_text(logged.dead_letter_id),
        )

    def _message_fields(self, message: Message) -> MessageFields:
        envelope = message.envelope
        redaction = envelope.redaction
        return MessageFields(
            **envelope_fields(message.id, envelope),
            timeout=envelope.timeout_ms,
            body=self._body(envelope),
            callback_headers=callback_headers(envelope.callback, redaction),
            failure_callback_headers=callback_headers(envelope.failure_callback, redaction),
            retry_delay_expr=envelope.retry_delay,
        )

    def _body(self, envelope: Envelope) -> str | None:
        """In base64; the hash of a hidden body is shown as it is."""
        if envelope.body and hides_body(envelope.redaction):
            return None if self._trim == -1 else hidden_text(envelope.body)
        return self._base64(envelope.body)

    def _base64(self, body: bytes | None) -> str | None:
        if not body or self._trim == -1:
            return None
        return base64_text(body[: self._trim]) or None


def _headers(headers: Headers | None) -> dict[str, list[str]] | None:
    return None if headers is None else header_map(headers)
