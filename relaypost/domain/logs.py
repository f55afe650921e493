"""Log entries: the history of messages as it is read back."""

import enum
from dataclasses import dataclass

from relaypost.domain.messages import Message
from relaypost.domain.sequences import time_of
from relaypost.domain.types import DeadLetterId, Headers, Sequence, UnixMs


class LogState(enum.IntEnum):
    """What an entry says of its message (section 3.15)."""

    CREATED = 0
    ACTIVE = 1
    RETRY = 2
    ERROR = 3
    DELIVERED = 4
    FAILED = 5
    CANCEL_REQUESTED = 6
    CANCELED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLogEntry:
    """What an entry adds to the fields of its message (section 3.16)."""

    state: LogState
    next_delivery_at: UnixMs | None = None
    error: str | None = None
    response_status: int | None = None
    response_headers: Headers | None = None
    response_body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One entry, with the message that it is about."""

    sequence: Sequence
    message: Message
    entry: NewLogEntry
    dead_letter_id: DeadLetterId | None = None

    @property
    def time(self) -> UnixMs:
        return time_of(self.sequence)
