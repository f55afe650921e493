"""Writes down what attempts came to, many at a time."""

import asyncio
import logging
from collections import defaultdict

from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.lifecycle import Settlement
from relaypost.domain.types import LeaseId
from relaypost.engine.dispatcher import Dispatcher
from relaypost.runtime import Clock
from relaypost.store.base import Messages

MAX_BATCH = 100
PAUSE_SECONDS = 0.5
"""Before trying again when the store can't be written. Outcomes wait in memory meanwhile."""

log = logging.getLogger(__name__)


class Settler:
    """Collects settlements while a write is under way, then writes those together."""

    def __init__(self, messages: Messages, *, clock: Clock, dispatcher: Dispatcher) -> None:
        self._messages = messages
        self._clock = clock
        self._dispatcher = dispatcher
        self._pending: defaultdict[LeaseId, list[Settlement]] = defaultdict(list)
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def add(self, settlement: Settlement, lease: LeaseId) -> None:
        self._pending[lease].append(settlement)
        self._arrived.set()
        self._idle.clear()

    async def wait_idle(self) -> None:
        """Return when everything that was added is written."""
        await self._idle.wait()

    async def run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._pending:
                lease = next(iter(self._pending))
                await self._write(lease)
            self._idle.set()

    async def _write(self, lease: LeaseId) -> None:
        batch = self._pending[lease][:MAX_BATCH]
        claim = self._dispatcher.offer_to_settle(len(batch), lease)
        try:
            settled = await self._messages.settle(batch, claim=claim, now=self._clock.now())
        except StoreUnavailable as error:
            self._dispatcher.start(claim, [], next_due_at=None)
            log.error("outcomes wait to be written: %s", error, extra={"waiting": len(batch)})
            await asyncio.sleep(PAUSE_SECONDS)
            return
        self._forget(lease, len(batch))
        self._dispatcher.start(claim, settled.claimed, next_due_at=settled.next_due_at)
        for settlement, applied in zip(batch, settled.applied, strict=True):
            if not applied:
                log.warning("lease lost, outcome dropped", extra=_ids(settlement))

    def _forget(self, lease: LeaseId, count: int) -> None:
        left = self._pending[lease][count:]
        if left:
            self._pending[lease] = left
        else:
            del self._pending[lease]


def _ids(settlement: Settlement) -> dict[str, int]:
    message = settlement.message
    return {"message_id": message.id, "project_id": message.project_id}
