"""What the service needs of the engine: slots to start new messages at once."""

from typing import Protocol

from relaypost.domain.messages import Message
from relaypost.domain.types import UnixMs
from relaypost.store.base import Claim


class Intake(Protocol):
    def offer(self, wanted: int) -> Claim | None:
        """Set slots aside for at most `wanted` new messages; `None` when older ones wait."""
        ...

    def start(
        self, claim: Claim | None, claimed: list[Message], *, next_due_at: UnixMs | None
    ) -> None:
        """Attempt what was claimed, give the rest of the slots back, and note what falls due."""
        ...
