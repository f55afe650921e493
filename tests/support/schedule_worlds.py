"""Schedules over months of virtual time, on a node that is killed at its ticks."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field

from relaypost.domain.cron import parse
from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.gates import Capacity
from relaypost.domain.messages import Message
from relaypost.domain.sequences import time_of
from relaypost.domain.ticks import next_tick
from relaypost.domain.types import UnixMs
from relaypost.engine.scheduler import Scheduler, Scheduling
from relaypost.runtime import shipped_zone
from relaypost.service.schedules import tick_after
from relaypost.store.base import Claim
from relaypost.store.sqlite.connection import open_reader, select
from tests.support.databases import SlowStore
from tests.support.messages import PROJECT, project
from tests.support.schedules import new_schedule, template
from tests.support.tasks import start
from tests.support.virtual_time import VirtualClock
from tests.support.worlds import EVERYTHING

LONG_SLEEP_SECONDS = 86_400.0
"""Nobody moves this clock: there is no need to look at it every second."""
MADE = "SELECT schedule_id, id FROM envelopes ORDER BY id"


class NoIntake:
    """Nothing is attempted here: months of deliveries would take long."""

    def offer(self, wanted: int) -> Claim | None:
        return None

    def start(
        self, claim: Claim | None, claimed: list[Message], *, next_due_at: UnixMs | None
    ) -> None:
        """Messages wait."""

    def note_due(self, due_at: UnixMs | None) -> None:
        """They wait for ever."""


@dataclass(frozen=True, slots=True)
class Gap:
    """When something was away: from, and until."""

    since: UnixMs
    until: UnixMs

    def meets(self, since: int, until: int) -> bool:
        return self.since <= until and since <= self.until


@dataclass(slots=True)
class ScheduleWorld:
    path: str
    rng: random.Random
    clock: VirtualClock
    downs: list[Gap] = field(default_factory=list)
    pauses: dict[str, list[Gap]] = field(default_factory=dict)
    accepted_at: dict[str, UnixMs] = field(default_factory=dict)
    is_up: bool = True
    _store: SlowStore | None = None
    _scheduler: Scheduler | None = None
    _running: "asyncio.Task[None] | None" = None

    @property
    def store(self) -> SlowStore:
        assert self._store is not None
        return self._store

    async def open(self) -> None:
        rng = random.Random(self.rng.random())
        self._store = SlowStore(self.path, capacity=Capacity(), rng=rng, max_examined=EVERYTHING)
        await self._store.projects.add(project(), [])
        self._scheduler = Scheduler(
            self._store.schedules,
            clock=self.clock,
            intake=NoIntake(),
            scheduling=Scheduling(),
            max_sleep_seconds=LONG_SLEEP_SECONDS,
        )
        self._running = start(self._scheduler.run())

    async def create(self, id: str, cron: str) -> None:
        now = self.clock.now()
        tick = next_tick(parse(cron, shipped_zone), now, since=now)
        assert tick is not None
        sealed = template(schedule_id=id, body=b"")
        asked = new_schedule(id, cron=cron, template=sealed, accepted_at=now, next_tick_at=tick)
        await self.store.schedules.put(asked, max_schedules=0, now=now)
        self.accepted_at[id] = now
        self._note(tick)

    async def kill(self, *, down_seconds: float) -> None:
        """Kill the node, whatever it is at, and start another one after a while."""
        assert self._running is not None
        since, self.is_up = self.clock.now(), False
        await self.store.kill()
        self._running.cancel()
        with suppress(asyncio.CancelledError, StoreUnavailable):
            await self._running
        await asyncio.sleep(down_seconds)
        await self.open()
        self.is_up = True
        self.downs.append(Gap(since, self.clock.now()))

    async def pause(self, id: str, *, seconds: float) -> None:
        """Pause a schedule for a while; both steps have to wait for a node."""
        await self._wait_up()
        since = self.clock.now()
        await self.store.schedules.pause(PROJECT, id)
        await asyncio.sleep(seconds)
        await self._wait_up()
        now = self.clock.now()
        planned = await self.store.schedules.resume(
            PROJECT, id, next_tick=tick_after(now, shipped_zone), now=now
        )
        self.pauses.setdefault(id, []).append(Gap(since, now))
        if planned.next_tick_at is not None:
            self._note(planned.next_tick_at)

    async def close(self) -> dict[str, list[UnixMs]]:
        """When each schedule ran, by what is on disk."""
        assert self._running is not None
        self._running.cancel()
        await asyncio.wait([self._running])
        await self.store.stop()
        runs: dict[str, list[UnixMs]] = {id: [] for id in self.accepted_at}
        for schedule_id, id in select(open_reader(self.path), MADE):
            runs[schedule_id].append(time_of(id))
        return runs

    async def _wait_up(self) -> None:
        while not self.is_up:  # noqa: ASYNC110  # a poll in virtual time costs nothing
            await asyncio.sleep(60)

    def _note(self, tick: UnixMs) -> None:
        assert self._scheduler is not None
        self._scheduler.note(tick)
