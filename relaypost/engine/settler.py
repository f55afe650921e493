"""Writes down what attempts came to, many at a time."""

import asyncio
import logging
from collections import defaultdict

from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.lifecycle import Settlement
from relaypost.domain.types import LeaseId
from relaypost.engine.dispatcher import Dispatcher
from relaypost.runtime import Clock
from relaypost.store.base import Messages, Settled
from relaypost.wire.ids import message_text

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
        self._suspects = 0
        """How many of the first are written one by one, to find the one that can't be."""
        self._is_unavailable = False
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
            while self._pending:
                await self._write_some()
            self._arrived.clear()
            self._idle.set()

    async def _write_some(self) -> None:
        lease = next(iter(self._pending))
        batch = self._pending[lease][: 1 if self._suspects else MAX_BATCH]
        try:
            settled = await self._write(batch, lease)
        except StoreUnavailable as error:
            await self._pause(error)
        except Exception:
            self._suspect(batch, lease)
        else:
            self._forget(lease, len(batch))
            self._note(batch, settled)

    async def _write(self, batch: list[Settlement], lease: LeaseId) -> Settled:
        """Settle, with slots for what that lets go or makes; these are given back if it fails."""
        wanted = len(batch) + sum(len(settlement.callbacks) for settlement in batch)
        claim = self._dispatcher.offer_to_settle(wanted, lease)
        try:
            settled = await self._messages.settle(batch, claim=claim, now=self._clock.now())
        except BaseException:
            self._dispatcher.start(claim, [], next_due_at=None)
            raise
        self._dispatcher.start(claim, settled.claimed, next_due_at=settled.next_due_at)
        return settled

    async def _pause(self, error: StoreUnavailable) -> None:
        if not self._is_unavailable:
            waiting = sum(map(len, self._pending.values()))
            log.error("outcomes wait to be written: %s", error, extra={"waiting": waiting})
        self._is_unavailable = True
        await asyncio.sleep(PAUSE_SECONDS)

    def _suspect(self, batch: list[Settlement], lease: LeaseId) -> None:
        """A defect of ours: find the outcome that can't be written, and do without it.

        Its message stays ACTIVE; the next start gives it back.
        """
        if len(batch) > 1:
            self._suspects = len(batch)
            return
        self._forget(lease, 1)
        log.exception("an outcome can't be written and is dropped", extra=_ids(batch[0]))

    def _forget(self, lease: LeaseId, count: int) -> None:
        self._suspects = max(0, self._suspects - count)
        left = self._pending[lease][count:]
        if left:
            self._pending[lease] = left
        else:
            del self._pending[lease]

    def _note(self, batch: list[Settlement], settled: Settled) -> None:
        if self._is_unavailable:
            log.warning("outcomes are written again")
        self._is_unavailable = False
        for settlement, applied in zip(batch, settled.applied, strict=True):
            if not applied:
                log.warning("lease lost, outcome dropped", extra=_ids(settlement))


def _ids(settlement: Settlement) -> dict[str, object]:
    message = settlement.message
    return {"message_id": message_text(message.id), "project_id": message.project_id}
