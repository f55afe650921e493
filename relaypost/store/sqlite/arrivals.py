"""What one transaction starts: the room that a claim gives, and what came of it."""

from typing import TYPE_CHECKING

from relaypost.domain.types import UnixMs
from relaypost.store.base import Claim
from relaypost.store.sqlite.database import Transaction

if TYPE_CHECKING:
    from relaypost.domain.messages import Message


class Room:
    """What is left of a claim while its transaction goes on."""

    __slots__ = ("bytes", "lease", "messages")

    def __init__(self, claim: Claim) -> None:
        self.lease = claim.lease
        self.messages = claim.limit
        self.bytes = claim.bytes

    def __bool__(self) -> bool:
        return self.messages > 0 and self.bytes > 0

    def take(self, body: bytes) -> None:
        self.messages -= 1
        self.bytes -= len(body)


class Arrivals:
    """The messages that start at once, and when the others fall due."""

    __slots__ = ("_next_due_at", "claimed", "room")

    def __init__(self, room: Room | None) -> None:
        self.room = room
        self.claimed: list[Message] = []
        self._next_due_at: UnixMs | None = None

    def note_due(self, due_at: UnixMs | None) -> None:
        self._next_due_at = _earlier(self._next_due_at, due_at)

    def next_due_at(self, transaction: Transaction, now: UnixMs) -> UnixMs | None:
        """The earliest of these, and of the times at which gates are to be looked at."""
        return _earlier(self._next_due_at, transaction.gates.lists.next_at(now))


def arrivals_of(transaction: Transaction, claim: Claim | None) -> Arrivals:
    """Room as a claim gives it; none when its lease was lost."""
    if claim is None or claim.lease not in transaction.leases:
        return Arrivals(None)
    return Arrivals(Room(claim))


def _earlier(one: UnixMs | None, other: UnixMs | None) -> UnixMs | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
