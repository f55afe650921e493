"""A simulated world: a node that is killed and restarted, clients, hosts of all kinds.

One seed determines all of it: the load, the faults, and what happens when.
"""

import asyncio
import itertools
import random
from contextlib import suppress
from dataclasses import dataclass

from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.gates import Capacity
from relaypost.domain.messages import Callback, Deduplication, NewMessage, Publication
from relaypost.domain.types import LeaseId, MessageId, ProjectId, UnixMs
from relaypost.engine.attempt import Signing
from relaypost.engine.engine import Engine, EngineSettings
from relaypost.runtime import SeededIds
from relaypost.service.context import Service
from relaypost.service.directory import Directory
from relaypost.service.keys import KeyRing
from relaypost.service.publications import publish
from relaypost.store.sqlite.connection import FORGET_LEASES, open_writer, select
from tests.support.databases import Killed, StoreOver, VirtualDatabase
from tests.support.hosts import BACK, KINDS, Ledger, WorldSender
from tests.support.messages import envelope, project
from tests.support.virtual_time import VirtualClock

PROJECTS = (ProjectId(1), ProjectId(2))
PATIENCE_SECONDS = 4 * 3600
"""How long all messages may take to end, when nothing disturbs them any more."""

UNENDED = "SELECT 1 FROM messages WHERE state < 2 LIMIT 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What a world is like; drawn from its seed, or given."""

    capacity: Capacity
    max_open_attempts: int
    hosts: tuple[str, ...] = KINDS
    clients: int = 4
    requests: int = 10
    seconds: float = 40
    kills: int = 0
    restarts: int = 0
    outages: int = 0
    lost_leases: int = 0

    @classmethod
    def draw(cls, rng: random.Random) -> "Weather":
        slots = rng.choice((2, 8, 24, 64))
        return cls(
            capacity=Capacity(
                node=slots, project=rng.choice((0, 3, 12)), host=rng.choice((1, 3, 16))
            ),
            max_open_attempts=slots,
            hosts=tuple(rng.sample(KINDS, rng.randint(2, len(KINDS)))),
            clients=rng.randint(1, 5),
            requests=rng.randint(2, 12),
            kills=rng.choice((0, 0, 1, 2, 4)),
            restarts=rng.choice((0, 0, 1)),
            outages=rng.choice((0, 0, 1, 2)),
            lost_leases=rng.choice((0, 0, 0, 1, 2)),
        )


@dataclass(slots=True)
class Acknowledged:
    """A publish request that was answered: what it asked for, and the ids it got."""

    publications: list[Publication]
    ids: list[list[MessageId]]
    duplicates: list[bool]
    at: UnixMs


class WatchedDatabase(VirtualDatabase):
    """Compares, after each commit, what the writer keeps beside the rows with the rows."""

    def __init__(self, world: "World") -> None:
        rng, capacity = world.rng, world.weather.capacity
        pauses = (rng.uniform(0, 0.004) for _ in itertools.count())
        super().__init__(world.connection, capacity=capacity, pauses=pauses)
        self._world = world
        self._limits = capacity
        self._leases: set[LeaseId] = set()

    def committed(self) -> None:
        super().committed()
        if self._is_stale:
            return
        if self._leases - self._transaction.leases:
            self._world.leases_lost_at.append(self._world.clock.now())
        self._leases = set(self._transaction.leases)
        gates, rows = self._transaction.gates, self.connection
        active = select(rows, "SELECT id, host_gate FROM messages WHERE state = 1")
        assert gates._hosts == dict(active)
        by_host = "SELECT host_gate, count(*) FROM messages WHERE state = 1 GROUP BY host_gate"
        for host, count in select(rows, by_host):
            assert gates._open[host] == count <= self._limits.host
        if self._limits.project:
            by_project = "SELECT count(*) FROM messages WHERE state = 1 GROUP BY project_id"
            assert all(count <= self._limits.project for (count,) in select(rows, by_project))
        parked = "SELECT DISTINCT parked_at FROM messages WHERE parked_at IS NOT NULL"
        assert all(gate in gates.backlogs for (gate,) in select(rows, parked))


class Node:
    """One process: a store, an engine, and what clients reach of it."""

    def __init__(self, world: "World") -> None:
        rng = world.rng
        world.connection.execute(FORGET_LEASES)
        self.database = WatchedDatabase(world)
        self.store = StoreOver(self.database)
        self.engine = Engine(
            self.store,
            WorldSender(world.ledger, rng),
            clock=world.clock,
            ids=SeededIds(rng),
            signing=Signing(keys_of=lambda id: project(id).keys),
            settings=EngineSettings(
                max_open_attempts=world.weather.max_open_attempts, grace_seconds=2
            ),
        )
        self.service = Service(
            store=self.store,
            intake=self.engine.intake,
            clock=world.clock,
            policy=AddressPolicy(),
            keys=KeyRing(projects=Directory(development=False), new_key=str),
        )
        self._stop = asyncio.Event()
        self._task = world.tasks.create_task(self._run())

    async def kill(self) -> None:
        """End it between two steps, wherever it is; it writes and answers nothing more."""
        self.database.kill()
        self._task.cancel()
        await asyncio.wait([self._task])

    async def stop(self) -> None:
        self._stop.set()
        await asyncio.wait([self._task])
        await self.store.upkeep.close()

    async def _run(self) -> None:
        try:
            await self.engine.run(self._stop)
        except BaseExceptionGroup as group:
            _, others = group.split(Killed)
            if others is not None:
                raise
        except (asyncio.CancelledError, Killed):
            assert not self.database.is_alive


class World:
    def __init__(self, seed: int, weather: Weather | None = None) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.weather = weather or Weather.draw(self.rng)

    async def run(self) -> None:
        """Let everything happen, then wait until all messages have ended."""
        self.clock = VirtualClock()
        self.ledger = Ledger(self.clock)
        self.connection = open_writer(None)
        self.acknowledged: list[Acknowledged] = []
        self.leases_lost_at: list[UnixMs] = []
        async with asyncio.TaskGroup() as tasks:
            self.tasks = tasks
            self.node = Node(self)
            for id in PROJECTS:
                await self.node.store.projects.add(project(id), [])
            await self._let_happen()
            await self._wait_ended()
            await self.node.stop()

    async def _let_happen(self) -> None:
        weather = self.weather
        async with asyncio.TaskGroup() as happenings:
            for _ in range(weather.clients):
                happenings.create_task(self._be_client())
            for happen, count in (
                (self._kill, weather.kills),
                (self._restart, weather.restarts),
                (self._break_store, weather.outages),
                (self._lose_lease, weather.lost_leases),
            ):
                for _ in range(count):
                    happenings.create_task(happen())

    async def _wait_ended(self) -> None:
        has_committed = self.node.database.has_committed
        async with asyncio.timeout(PATIENCE_SECONDS):
            while select(self.connection, UNENDED):
                has_committed.clear()
                await has_committed.wait()
            await asyncio.sleep(1)

    # --- faults ------------------------------------------------------------------------------

    async def _some_time(self) -> None:
        await asyncio.sleep(self.rng.uniform(0, self.weather.seconds))

    async def _kill(self) -> None:
        await self._some_time()
        await self.node.kill()
        await asyncio.sleep(self.rng.choice((0, 0.5, 5)))
        self._start_again()

    async def _restart(self) -> None:
        await self._some_time()
        await self.node.stop()
        self._start_again()

    def _start_again(self) -> None:
        if self.node._task.done():
            self.node = Node(self)

    async def _break_store(self) -> None:
        await self._some_time()
        database = self.node.database
        database.is_broken = True
        await asyncio.sleep(self.rng.uniform(0.01, 5))
        database.is_broken = False

    async def _lose_lease(self) -> None:
        """The node's own rescue, at its next turn, finds the lease run out, as another's would."""
        await self._some_time()
        self.connection.execute("UPDATE leases SET until = 0")

    # --- clients -----------------------------------------------------------------------------

    async def _be_client(self) -> None:
        pause = self.weather.seconds / self.weather.requests
        for _ in range(self.weather.requests):
            await asyncio.sleep(self.rng.expovariate(1 / pause))
            with suppress(Killed, StoreUnavailable):
                await self.rng.choice((self._publish, self._publish, self._cancel))()

    async def _publish(self) -> None:
        asked = self.draw_publications()
        publishing = self.tasks.create_task(self._ask(asked))
        if self.rng.random() < 0.1:
            await asyncio.sleep(self.rng.uniform(0, 0.01))
            publishing.cancel()
        await asyncio.wait([publishing])

    async def _ask(self, asked: list[Publication]) -> None:
        with suppress(Killed, StoreUnavailable):
            published = await publish(self.node.service, asked)
            self.acknowledged.append(
                Acknowledged(
                    asked,
                    [[id for id, _ in one.messages] for one in published],
                    [one.duplicate for one in published],
                    self.clock.now(),
                )
            )

    async def _cancel(self) -> None:
        known = [id for answer in self.acknowledged for ids in answer.ids for id in ids]
        ids = self.rng.sample(known, min(len(known), self.rng.randint(0, 3)))
        for owner in PROJECTS:
            await self.node.store.messages.cancel(owner, ids, now=self.clock.now())

    def draw_publications(self) -> list[Publication]:
        rng = self.rng
        return [self._draw_publication() for _ in range(rng.choice((1, 1, 1, 2, 12)))]

    def _draw_publication(self) -> Publication:
        rng = self.rng
        owner = rng.choice(PROJECTS)
        count = rng.choice((1, 1, 1, 3))
        deduplication = None
        if rng.random() < 0.3:
            key = bytes([rng.randint(1, 3)])
            deduplication = Deduplication(key=key, window_ms=10_000)
        messages = tuple(self._draw_message(owner) for _ in range(count))
        return Publication(messages=messages, deduplication=deduplication)

    def _draw_message(self, owner: ProjectId) -> NewMessage:
        rng = self.rng
        host = rng.choice(self.weather.hosts)
        return NewMessage(
            project_id=owner,
            delay_ms=rng.choice((0, 0, 0, rng.randint(1, 15_000))),
            envelope=envelope(
                f"https://{host}/",
                body=b"x" * rng.choice((0, 10, 1000)),
                timeout_ms=rng.randint(1_000, 6_000),
                max_retries=rng.randint(0, 3),
                retry_delay=rng.choice(("0", "200", "1000 * (1 + retried)")),
                callback=self._draw_callback(0.3),
                failure_callback=self._draw_callback(0.3),
            ),
        )

    def _draw_callback(self, chance: float) -> Callback | None:
        if self.rng.random() > chance:
            return None
        return Callback(
            url=f"https://{BACK}/",
            timeout_ms=2_000,
            max_retries=self.rng.randint(1, 3),
            retry_delay="100",
            delay_ms=self.rng.choice((0, 0, 700)),
        )
