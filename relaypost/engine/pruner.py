"""Enforces retention, and ends removals that were cut off, a small batch at a time."""

from relaypost.domain.retention import RetentionPeriods
from relaypost.domain.types import UnixMs
from relaypost.runtime import Clock
from relaypost.store.base import Upkeep

BATCH = 500
INTERVAL_MS = 1_000
NEXT_BATCH_MS = 20


class Pruner:
    def __init__(self, upkeep: Upkeep, *, clock: Clock, periods: RetentionPeriods) -> None:
        self._upkeep = upkeep
        self._clock = clock
        self._periods = periods

    async def tick(self) -> UnixMs:
        now = self._clock.now()
        pruned = await self._upkeep.prune(BATCH, horizon=self._periods.horizon(now))
        pruned += await self._upkeep.forget_removed(BATCH)
        return UnixMs(now + (NEXT_BATCH_MS if pruned >= BATCH else INTERVAL_MS))
