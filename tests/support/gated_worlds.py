"""A world with queues and flow-control keys, of two projects, whose gates are watched."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.gates import Capacity
from relaypost.domain.types import MessageId, ProjectId, UnixMs
from relaypost.store.base import Changed
from tests.support.databases import SlowStore
from tests.support.gate_model import GateModel
from tests.support.gate_watch import GateWatch, Steering
from tests.support.virtual_time import START
from tests.support.watched_stores import WatchedStore
from tests.support.worlds import PROJECTS, InlineStore, World

MAX_CANCELED = 20
WATCH_SECONDS = 0.1
LATEST_MS = 1_000
"""How long after a gate has opened a message may still wait (4.1)."""

LOSS_MS = 10_000
"""After a lease is lost it takes a while until the node finds out and takes another."""


class GatedWorld(World):
    """With a slow writer nothing is watched: what holds is then seen by its traces only."""

    def __init__(self, path: str, seed: int, *, capacity: Capacity, is_slow: bool = False) -> None:
        self.watch = GateWatch(
            GateModel(
                global_parallelism=capacity.project,
                host_bound=capacity.host,
                host_floor=1,
                now=START,
            ),
            PROJECTS,
        )
        self._is_watched = not is_slow
        self._waiting_since: dict[MessageId, int] = {}
        self._quiet_until = 0
        super().__init__(path, seed, capacity=capacity, is_slow=is_slow)

    def _open_store(self) -> InlineStore | SlowStore:
        if not self._is_watched:
            return super()._open_store()
        return WatchedStore(self._path, watch=self.watch, capacity=self.capacity)

    async def lose_lease(self) -> None:
        """All open attempts are cut off for the store, and go on for their destinations."""
        node, now = self.node, self.clock.now()
        lease = node.engine._rescuer._lease
        if lease is None:
            return
        self._quiet_until = now + LOSS_MS
        with suppress(StoreUnavailable):
            await node.store.messages.renew(lease, until=now)
            rescued = await node.store.messages.rescue(1_000, now=now)
            self._note_due(rescued.next_due_at)

    async def put_queue(
        self,
        owner: ProjectId,
        name: str,
        *,
        parallelism: int | None = None,
        is_paused: bool | None = None,
    ) -> None:
        queues, now = self.node.store.queues, self.clock.now()
        await self._change(
            queues.put(
                owner,
                name,
                parallelism=parallelism,
                is_paused=is_paused,
                max_queues=0,
                now=now,
            )
        )

    async def set_paused(self, owner: ProjectId, name: str, is_paused: bool) -> None:
        queues, now = self.node.store.queues, self.clock.now()
        await self._change(queues.set_paused(owner, name, is_paused, now=now))

    async def delete_queue(self, owner: ProjectId, name: str) -> None:
        with suppress(StoreUnavailable):
            await self.node.store.queues.delete(owner, name)
        await self.cancel_deleted()

    async def cancel_deleted(self) -> None:
        is_left = True
        while is_left:
            queues, now = self.node.store.queues, self.clock.now()
            is_left = await self._change(queues.cancel_deleted(MAX_CANCELED, now=now))

    async def steer(self, owner: ProjectId, key: str, steering: Steering) -> None:
        store, now = self.node.store, self.clock.now()
        if isinstance(store, WatchedStore):
            await self._change(store.steer(owner, key, steering, now=now))
            return
        await self._change(
            store.flow_control_keys.steer(
                owner,
                key,
                lambda pace: steering.of_pace(pace, now),
                creates=steering.creates,
                now=now,
            )
        )

    async def watch_over(self) -> None:
        """Object, for as long as it runs, to a message that could start and does not."""
        while self._is_watched:
            await asyncio.sleep(WATCH_SECONDS)
            self._look()

    def _look(self) -> None:
        now = self.clock.now()
        intake = self.node.engine.intake
        is_able = self.node.engine.is_running and intake._slots.free and now > self._quiet_until
        if not is_able:
            self._waiting_since.clear()
            return
        self.watch.at(now)
        since = self._waiting_since
        left = [item.id for item in self.watch.model.startable()]
        self._waiting_since = {id: since.get(id, now) for id in left}
        for id, begun in self._waiting_since.items():
            assert now - begun <= LATEST_MS, f"{id} could start since {begun}, now is {now}"

    async def _change(self, changing: Awaitable[Changed]) -> bool:
        try:
            changed = await changing
        except StoreUnavailable:
            return False
        self._note_due(changed.next_due_at)
        return changed.applied

    def _note_due(self, due_at: UnixMs | None) -> None:
        if due_at is not None:
            self.node.engine.intake.note_due(due_at)
