"""A message: one delivery to one URL, from its acceptance to its end."""

import enum
from dataclasses import dataclass

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.sequences import time_of
from relaypost.domain.types import Headers, MessageId, ProjectId, UnixMs


class State(enum.IntEnum):
    """Where a message stands; the legal moves are in `lifecycle`."""

    WAITING = 0
    ACTIVE = 1
    DELIVERED = 2
    FAILED = 3
    CANCELED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """What the read side must hide; deliveries always carry the originals."""

    body: bool = False
    all_headers: bool = False
    headers: tuple[str, ...] = ()
    """Canonical names of single headers to hide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A callback that a message asks for: where to, and with which options of its own.

    `None` for `max_retries`, `labels` or `redaction` means those of the message reported on.
    """

    url: str
    method: str = "POST"
    headers: Headers = ()
    timeout_ms: int
    max_retries: int | None = None
    retry_delay: str | None = None
    delay_ms: int = 0
    labels: tuple[str, ...] | None = None
    redaction: Redaction | None = None
    flow_control: FlowControl | None = None
    failure_callback: "Callback | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Everything about a message that never changes: destination, content and delivery policy."""

    url: str
    """The destination, verbatim as published."""
    method: str = "POST"
    headers: Headers = ()
    """`Content-Type` and forwarded headers."""
    body: bytes = b""
    timeout_ms: int
    max_retries: int
    retry_delay: str | None = None
    """A retry-delay expression, verbatim; see `expressions`."""
    callback: Callback | None = None
    failure_callback: Callback | None = None
    labels: tuple[str, ...] = ()
    redaction: Redaction | None = None
    caller_ip: str | None = None
    topic_name: str | None = None
    endpoint_name: str | None = None
    schedule_id: str | None = None
    queue_name: str | None = None
    flow_control: FlowControl | None = None
    api: str | None = None
    """The API of the server that it was published to; where that is, is looked up at each attempt,
    and `url` is what it was at the acceptance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as the store knows it."""

    id: MessageId
    project_id: ProjectId
    envelope: Envelope
    state: State
    not_before: UnixMs
    """When the first attempt may start, as published."""
    due_at: UnixMs
    """When the next attempt may start."""
    retried: int = 0
    cancel_requested: bool = False

    @property
    def created_at(self) -> UnixMs:
        return time_of(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message that is not yet accepted; it gets its id, and so its `created_at`, from the store.

    `delay_ms` counts from the acceptance, `not_before` is an instant; with neither it is due at
    once.
    """

    project_id: ProjectId
    envelope: Envelope
    delay_ms: int = 0
    not_before: UnixMs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduplication:
    """Accept a publication only once for each key and window.

    A key is its kind, one byte, then an id or a hash.
    """

    key: bytes
    window_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What one publish request, or one item of a batch, asks for: its messages, all or none."""

    messages: tuple[NewMessage, ...]
    deduplication: Deduplication | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The messages that a publication made, or, for a duplicate, those that the first one made."""

    messages: tuple[tuple[MessageId, str], ...]
    """Id and URL of each."""
    duplicate: bool = False
