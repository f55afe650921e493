"""Enforces retention, and ends what a deletion left over, a small batch at a time."""

from relaypost.domain.retention import RetentionPeriods
from relaypost.domain.types import UnixMs
from relaypost.engine.dispatcher import Dispatcher
from relaypost.runtime import Clock
from relaypost.store.base import Queues, Upkeep

BATCH = 500
INTERVAL_MS = 1_000
NEXT_BATCH_MS = 20


class Pruner:
    def __init__(
        self,
        upkeep: Upkeep,
        queues: Queues,
        *,
        clock: Clock,
        dispatcher: Dispatcher,
        periods: RetentionPeriods,
    ) -> None:
        self._upkeep = upkeep
        self._queues = queues
        self._clock = clock
        self._dispatcher = dispatcher
        self._periods = periods

    async def tick(self) -> UnixMs:
        now = self._clock.now()
        pruned = await self._upkeep.prune(BATCH, horizon=self._periods.horizon(now))
        pruned += await self._upkeep.forget_removed(BATCH, now=now)
        canceled = await self._queues.cancel_deleted(BATCH, now=now)
        self._dispatcher.note_due(canceled.next_due_at)
        is_behind = pruned >= BATCH or canceled.applied
        return UnixMs(now + (NEXT_BATCH_MS if is_behind else INTERVAL_MS))
