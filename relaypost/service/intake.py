"""What the service needs of the engine: slots to start new messages at once."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from relaypost.domain.messages import Message
from relaypost.domain.types import UnixMs
from relaypost.store.base import Claim


class Taken(Protocol):
    """What came of taking messages in."""

    @property
    def claimed(self) -> list[Message]: ...
    @property
    def next_due_at(self) -> UnixMs | None: ...


T = TypeVar("T", bound=Taken)


class Intake(Protocol):
    def offer(self, wanted: int) -> Claim | None:
        """Set slots aside for at most `wanted` new messages; `None` when older ones wait."""
        ...

    def start(
        self, claim: Claim | None, claimed: list[Message], *, next_due_at: UnixMs | None
    ) -> None:
        """Attempt what was claimed, give the rest of the slots back, and note what falls due."""
        ...

    def note_due(self, due_at: UnixMs | None) -> None:
        """Note when there is something to claim; `None` is nothing new."""
        ...


async def take_in(intake: Intake, wanted: int, accept: Callable[[Claim | None], Awaitable[T]]) -> T:
    """Have up to `wanted` new messages accepted, and start at once those for which there is room.

    Whatever becomes of `accept`, the slots that were set aside for it are given back.
    """
    claim = intake.offer(wanted)
    try:
        accepted = await accept(claim)
    except BaseException:
        intake.start(claim, [], next_due_at=None)
        raise
    intake.start(claim, accepted.claimed, next_due_at=accepted.next_due_at)
    return accepted
