"""Envelopes as rows: columns for what filters compare, one packed column for the rest."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.messages import Callback, Envelope, Message, Redaction, State
from relaypost.domain.types import Headers, MessageId, UnixMs

INSERT = """
INSERT INTO envelopes (id, not_before, url, caller_ip, labels, topic_name, schedule_id, queue_name,
                       flow_control_key, rest, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

COLUMNS = """
e.not_before, e.url, e.caller_ip, e.labels, e.topic_name, e.schedule_id, e.queue_name,
e.flow_control_key, e.rest, e.body
"""
"""For a query that names the table `e`; see `from_row`."""

MESSAGE_COLUMNS = f"m.project_id, m.id, m.state, m.due_at, m.retried, m.cancel_requested, {COLUMNS}"
"""For a query that names the tables `m` and `e`; see `message_from_row`."""

RAW = "\0"
"""Marks a header value whose bytes follow, each as a character: it can't be stored as text."""


_Limits = tuple[int | None, int | None, int]
"""Parallelism, rate and period of a flow-control key."""


class _Rest(msgspec.Struct, array_like=True, frozen=True, omit_defaults=True):
    method: str
    headers: Headers
    timeout_ms: int
    max_retries: int
    retry_delay: str | None = None
    callback: Callback | None = None
    failure_callback: Callback | None = None
    redaction: Redaction | None = None
    endpoint_name: str | None = None
    limits: _Limits | None = None
    api: str | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Rest).decode
_encode_headers = msgspec.msgpack.Encoder().encode
_decode_headers = msgspec.msgpack.Decoder(Headers).decode


def pack_headers(headers: Headers) -> bytes:
    try:
        if _are_plain(headers):
            return _encode_headers(headers)
    except UnicodeEncodeError:
        pass
    return _encode_headers(_mark_raw(headers))


def unpack_headers(packed: bytes) -> Headers:
    return _read_raw(_decode_headers(packed))


def _pack(envelope: Envelope) -> bytes:
    try:
        if _is_plain(envelope) and _is_plain(envelope.callback):
            return _encode(_rest(envelope))
    except UnicodeEncodeError:
        pass
    return _encode(_rest(_map_headers(envelope, _mark_raw)))


def _are_plain(headers: Headers) -> bool:
    """Whether no value looks as if it were marked."""
    for _, value in headers:  # noqa: SIM110  # on the way of every message: half the time
        if value[:1] == RAW:
            return False
    return True


def _is_plain(of: Envelope | Callback | None) -> bool:
    if of is None:
        return True
    return _are_plain(of.headers) and _is_plain(of.failure_callback)


def _rest(envelope: Envelope) -> _Rest:
    return _Rest(
        envelope.method,
        envelope.headers,
        envelope.timeout_ms,
        envelope.max_retries,
        envelope.retry_delay,
        envelope.callback,
        envelope.failure_callback,
        envelope.redaction,
        envelope.endpoint_name,
        None if envelope.flow_control is None else _limits(envelope.flow_control),
        envelope.api,
    )


def _limits(flow_control: FlowControl) -> _Limits:
    return (flow_control.parallelism, flow_control.rate, flow_control.period_s)


def _flow_control(key: str | None, limits: _Limits | None) -> FlowControl | None:
    if key is None or limits is None:
        return None
    parallelism, rate, period_s = limits
    return FlowControl(key=key, parallelism=parallelism, rate=rate, period_s=period_s)


def _map_headers(envelope: Envelope, change: Callable[[Headers], Headers]) -> Envelope:
    return replace(
        envelope,
        headers=change(envelope.headers),
        callback=_map_callback(envelope.callback, change),
        failure_callback=_map_callback(envelope.failure_callback, change),
    )


def _map_callback(
    callback: Callback | None, change: Callable[[Headers], Headers]
) -> Callback | None:
    if callback is None:
        return None
    return replace(
        callback,
        headers=change(callback.headers),
        failure_callback=_map_callback(callback.failure_callback, change),
    )


def _mark_raw(headers: Headers) -> Headers:
    """Lone surrogates can't be stored as text; nor may a value that is text look marked."""
    return tuple(
        (name, value if value.isprintable() else RAW + _bytes(value).decode("latin-1"))
        for name, value in headers
    )


def _read_raw(headers: Headers) -> Headers:
    if not any(value[:1] == RAW for _, value in headers):
        return headers
    return tuple(
        (name, _text(value[1:].encode("latin-1")) if value[:1] == RAW else value)
        for name, value in headers
    )


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _join(labels: tuple[str, ...]) -> str | None:
    """Labels hold no comma; the outer commas let a filter look for `,label,`."""
    return f",{','.join(labels)}," if labels else None


def _split(labels: str | None) -> tuple[str, ...]:
    return tuple(labels[1:-1].split(",")) if labels else ()


def to_row(id: MessageId, envelope: Envelope, *, not_before: UnixMs) -> tuple[Any, ...]:
    """The values of `INSERT`."""
    return (
        id,
        not_before,
        envelope.url,
        envelope.caller_ip,
        _join(envelope.labels),
        envelope.topic_name,
        envelope.schedule_id,
        envelope.queue_name,
        None if envelope.flow_control is None else envelope.flow_control.key,
        _pack(envelope),
        envelope.body,
    )


def from_row(row: tuple[Any, ...]) -> Envelope:
    """Read the values of `COLUMNS`, from `url` on."""
    url, caller_ip, labels, topic_name, schedule_id, queue_name, key, packed, body = row
    rest = _decode(packed)
    return Envelope(
        url=url,
        method=rest.method,
        headers=_read_raw(rest.headers),
        body=body,
        timeout_ms=rest.timeout_ms,
        max_retries=rest.max_retries,
        retry_delay=rest.retry_delay,
        callback=rest.callback and _map_callback(rest.callback, _read_raw),
        failure_callback=rest.failure_callback and _map_callback(rest.failure_callback, _read_raw),
        labels=_split(labels),
        redaction=rest.redaction,
        caller_ip=caller_ip,
        topic_name=topic_name,
        endpoint_name=rest.endpoint_name,
        schedule_id=schedule_id,
        queue_name=queue_name,
        flow_control=_flow_control(key, rest.limits),
        api=rest.api,
    )


def message_from_row(row: tuple[Any, ...]) -> Message:
    """Read the values of `MESSAGE_COLUMNS`."""
    project_id, id, state, due_at, retried, cancel_requested, not_before = row[:7]
    return Message(
        id=id,
        project_id=project_id,
        envelope=from_row(row[7:]),
        state=State(state),
        not_before=not_before,
        due_at=due_at,
        retried=retried,
        cancel_requested=bool(cancel_requested),
    )


_decode_whole = msgspec.msgpack.Decoder(Envelope).decode


def pack_whole(envelope: Envelope) -> bytes:
    """An envelope with its body as one value."""
    try:
        if _is_plain(envelope) and _is_plain(envelope.callback):
            return _encode(envelope)
    except UnicodeEncodeError:
        pass
    return _encode(_map_headers(envelope, _mark_raw))


def unpack_whole(packed: bytes) -> Envelope:
    envelope = _decode_whole(packed)
    if _is_plain(envelope) and _is_plain(envelope.callback):
        return envelope
    return _map_headers(envelope, _read_raw)
