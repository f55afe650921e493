"""Keeps this node's lease alive and gives back what nodes that are gone had claimed."""

import logging

from relaypost.domain.types import LeaseId, UnixMs
from relaypost.engine.dispatcher import Dispatcher
from relaypost.runtime import Clock
from relaypost.store.base import Messages

LEASE_MS = 30_000
RENEW_MS = 5_000
INTERVAL_MS = 1_000
MAX_RESCUED = 500

log = logging.getLogger(__name__)


class Rescuer:
    def __init__(self, messages: Messages, *, clock: Clock, dispatcher: Dispatcher) -> None:
        self._messages = messages
        self._clock = clock
        self._dispatcher = dispatcher
        self._lease: LeaseId | None = None
        self._renew_at = UnixMs(0)

    async def tick(self) -> UnixMs:
        """Renew, then rescue; answers when to do so again."""
        now = self._clock.now()
        if now >= self._renew_at:
            await self._keep_lease(now)
        rescued = await self._messages.rescue(MAX_RESCUED, now=now)
        if rescued.count:
            log.warning("gave back messages of a lost lease", extra={"rescued": rescued.count})
        self._dispatcher.note_due(rescued.next_due_at)
        return now if rescued.count == MAX_RESCUED else UnixMs(now + INTERVAL_MS)

    async def give_up(self) -> None:
        """End the lease, so that what is still open can be claimed again at once."""
        lease, self._lease = self._lease, None
        self._dispatcher.hold(None)
        if lease is not None:
            await self._messages.renew(lease, until=self._clock.now())

    async def _keep_lease(self, now: UnixMs) -> None:
        until = UnixMs(now + LEASE_MS)
        if self._lease is None or not await self._messages.renew(self._lease, until=until):
            if self._lease is not None:
                log.error("lost the lease: was this process suspended? open attempts may repeat")
            self._lease = await self._messages.take_lease(until=until)
            self._dispatcher.hold(self._lease)
        self._renew_at = UnixMs(now + RENEW_MS)
