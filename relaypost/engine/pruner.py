"""Enforces retention, a small batch at a time."""

from dataclasses import dataclass

from relaypost.domain.types import UnixMs
from relaypost.runtime import Clock
from relaypost.store.base import Retention, Upkeep

BATCH = 500
INTERVAL_MS = 1_000
NEXT_BATCH_MS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPeriods:
    """How long things are kept (section 6.12)."""

    logs_ms: int = 7 * 86_400_000
    dead_letters_ms: int = 30 * 86_400_000
    finished_messages_ms: int = 60_000
    """How long a finished message can still be read by its id."""

    def horizon(self, now: UnixMs) -> Retention:
        """A message is kept while it, or its log, can be read."""
        kept_ms = max(self.logs_ms, self.finished_messages_ms)
        return Retention(
            logs_before=UnixMs(now - kept_ms),
            dead_letters_before=UnixMs(now - self.dead_letters_ms),
            now=now,
        )


class Pruner:
    def __init__(self, upkeep: Upkeep, *, clock: Clock, periods: RetentionPeriods) -> None:
        self._upkeep = upkeep
        self._clock = clock
        self._periods = periods

    async def tick(self) -> UnixMs:
        now = self._clock.now()
        pruned = await self._upkeep.prune(BATCH, retention=self._periods.horizon(now))
        return UnixMs(now + (NEXT_BATCH_MS if pruned >= BATCH else INTERVAL_MS))
