"""The slots of this node: how many attempts it may have open, and how many bytes of bodies."""

from collections.abc import Iterable

from relaypost.domain.messages import Message
from relaypost.domain.types import LeaseId
from relaypost.store.base import Claim

MAX_BODY_BYTES = 268_435_456


class Slots:
    """Counts what is open and what is set aside for claims under way."""

    def __init__(self, limit: int, *, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._limit = limit
        self._free = limit
        self._free_bytes = max_bytes

    @property
    def free(self) -> int:
        return self._free if self._free_bytes > 0 else 0

    @property
    def are_plenty(self) -> bool:
        """Whether at least half of them are free."""
        return 2 * self.free >= self._limit

    def set_aside(self, wanted: int, lease: LeaseId) -> Claim:
        """A claim for at most `wanted` slots; `take` must follow."""
        granted = min(wanted, self.free)
        self._free -= granted
        return Claim(lease=lease, limit=granted, bytes=self._free_bytes)

    def take(self, claim: Claim, claimed: Iterable[Message]) -> None:
        """Turn a claim into the slots of what it took; the rest of it is free again."""
        self._free += claim.limit
        for message in claimed:
            self._free -= 1
            self._free_bytes -= len(message.envelope.body)

    def leave(self, message: Message) -> None:
        self._free += 1
        self._free_bytes += len(message.envelope.body)
