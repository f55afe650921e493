"""A world in virtual time: one database file, one node at a time on it, destinations, a caller."""

import asyncio
import os
import random
from collections.abc import Sequence as Items
from contextlib import suppress
from dataclasses import dataclass, field

from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.gates import Capacity
from relaypost.domain.messages import Deduplication, NewMessage, Publication, Published, State
from relaypost.domain.types import MessageId, ProjectId, UnixMs
from relaypost.engine.attempt import Signing
from relaypost.engine.engine import Engine, EngineSettings
from relaypost.engine.rescuer import LEASE_MS, MAX_RESCUED
from relaypost.runtime import Clock, Ids, SeededIds
from relaypost.service.context import Service
from relaypost.service.directory import Directory
from relaypost.service.keys import KeyRing
from relaypost.service.publications import publish
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.store import SqliteStore
from tests.support.databases import SlowStore
from tests.support.destinations import Destinations
from tests.support.messages import OTHER_PROJECT, PROJECT, project, publication
from tests.support.tasks import start
from tests.support.virtual_time import VirtualClock

PROJECTS = (PROJECT, OTHER_PROJECT)
PATIENCE_SECONDS = 3_600
EVERYTHING = 1_000_000
UNENDED = "SELECT 1 FROM messages WHERE state < 2 LIMIT 1"
SMALL = Capacity(node=16, project=12, host=4)
CAPACITIES = (
    SMALL,
    Capacity(node=8, project=0, host=2),
    Capacity(node=64, project=5, host=5),
    Capacity(node=3, project=3, host=1),
)


def seeds(count: int) -> range:
    """The first so many; `SIMULATION_SEEDS=1000:5000` or `SIMULATION_SEEDS=17` asks for others."""
    first, _, end = os.environ.get("SIMULATION_SEEDS", f"0:{count}").partition(":")
    return range(int(first), int(end or int(first) + 1))


class InlineStore(SqliteStore):
    """Each write is done at once."""

    def __init__(self, path: str, *, capacity: Capacity) -> None:
        super().__init__(path, capacity=capacity, inline=True, max_examined=EVERYTHING)

    async def stop(self) -> None:
        await self.upkeep.close()

    async def kill(self) -> None:
        await self.upkeep.close()


class Node:
    """One life of a server: a store on the file, and an engine over it."""

    def __init__(
        self,
        store: InlineStore | SlowStore,
        sender: Destinations,
        *,
        clock: Clock,
        ids: Ids,
        capacity: Capacity,
        grace_seconds: float = 30,
    ) -> None:
        self.store = store
        self._directory = Directory(development=False)
        self.engine = Engine(
            self.store,
            sender,
            clock=clock,
            ids=ids,
            signing=Signing(keys_of=self._directory.keys_of),
            settings=EngineSettings(max_open_attempts=capacity.node, grace_seconds=grace_seconds),
        )
        self.service = Service(
            store=self.store,
            intake=self.engine.intake,
            clock=clock,
            policy=AddressPolicy(),
            keys=KeyRing(projects=self._directory, new_key=lambda: ids.new("sig_")),
            ids=ids,
            note_tick=self.engine.scheduler.note,
        )
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        while not await self._is_loaded():  # noqa: ASYNC110  # a poll in virtual time costs nothing
            await asyncio.sleep(0.5)
        self._running = start(self.engine.run(self._stop))

    async def _is_loaded(self) -> bool:
        try:
            for id in PROJECTS:
                await self.store.projects.add(project(id), [])
            await self._directory.load(self.store.projects)
        except StoreUnavailable:
            return False
        return True

    async def kill(self) -> None:
        """End at once: the file goes first, so that nothing on the way out is written."""
        await self.store.kill()
        assert self._running is not None
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running

    async def stop(self) -> None:
        self._stop.set()
        assert self._running is not None
        await self._running
        await self.store.stop()


@dataclass(frozen=True, slots=True)
class Canceled:
    """A cancel that ended a waiting message; `sends` is how many requests there were until then."""

    message: MessageId
    sends: int


@dataclass(slots=True)
class Answers:
    """What the server has promised to its callers."""

    accepted: dict[MessageId, NewMessage] = field(default_factory=dict)
    first: dict[bytes, tuple[Published, UnixMs]] = field(default_factory=dict)
    """By deduplication key: the publication that counts, and until when."""
    canceled: list[Canceled] = field(default_factory=list)
    unanswered: list[Publication] = field(default_factory=list)
    """What may have been accepted: the node died, or the caller went away, before the answer."""
    duplicates: int = 0
    kills: int = 0


class World:
    def __init__(
        self, path: str, seed: int, *, capacity: Capacity = SMALL, is_slow: bool = False
    ) -> None:
        self.rng = random.Random(seed)
        self.clock = VirtualClock()
        self.capacity = capacity
        self.destinations = Destinations(random.Random(self.rng.random()), clock=self.clock)
        self.answers = Answers()
        self._path = path
        self._ids = SeededIds(random.Random(self.rng.random()))
        self._is_slow = is_slow
        self.node = self._new_node()

    def _new_node(self) -> Node:
        return Node(
            self._open_store(),
            self.destinations,
            clock=self.clock,
            ids=self._ids,
            capacity=self.capacity,
            grace_seconds=self.rng.choice((0.2, 2, 30)),
        )

    def _open_store(self) -> InlineStore | SlowStore:
        if not self._is_slow:
            return InlineStore(self._path, capacity=self.capacity)
        rng = random.Random(self.rng.random())
        return SlowStore(self._path, capacity=self.capacity, rng=rng, max_examined=EVERYTHING)

    async def kill(self, *, down_seconds: float) -> None:
        """Kill the node and start another one on its file after a while."""
        await self.node.kill()
        self.answers.kills += 1
        await self._start_another(down_seconds)

    async def stop(self, *, down_seconds: float) -> None:
        """Stop the node in good order and start another one: what takes too long is cut off."""
        await self.node.stop()
        await self._start_another(down_seconds)

    async def _start_another(self, down_seconds: float) -> None:
        await asyncio.sleep(down_seconds)
        self.node = self._new_node()
        await self.node.start()

    async def lose_lease(self) -> None:
        """Find the lease run out, as after a long suspension: all open attempts may repeat."""
        late = UnixMs(self.clock.now() + LEASE_MS)
        rescued = await self.node.store.messages.rescue(MAX_RESCUED, now=late)
        if rescued.next_due_at is not None:
            self.node.engine.intake.note_due(rescued.next_due_at)

    async def publish(self, *asked: NewMessage | Publication) -> list[Published]:
        """Publish; nothing is promised when the node is down."""
        publications = [publication(one) if isinstance(one, NewMessage) else one for one in asked]
        try:
            published = await publish(self.node.service, publications)
        except (StoreUnavailable, asyncio.CancelledError):
            self.answers.unanswered += publications
            return []
        for one, answer in zip(publications, published, strict=True):
            self._note(one, answer)
        return published

    async def cancel(self, ids: Items[MessageId]) -> None:
        """Cancel messages that were accepted, as their owners."""
        accepted = self.answers.accepted
        for owner in PROJECTS:
            mine = [id for id in ids if accepted[id].project_id == owner]
            if mine:
                await self._cancel(owner, mine)

    async def _cancel(self, owner: ProjectId, ids: Items[MessageId]) -> None:
        store = self.node.store
        try:
            done = await store.messages.cancel(owner, ids, now=self.clock.now())
            self.node.service.intake.note_due(done.next_due_at)
            asked = [id for id, is_done in zip(ids, done.applied, strict=True) if is_done]
            found = await store.messages.get(owner, asked)
        except StoreUnavailable:
            return
        for message in found:
            if message.state is State.CANCELED:
                self.answers.canceled.append(Canceled(message.id, len(self.destinations.sends)))

    async def settle_down(self) -> None:
        """Return when no message has anything ahead of it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._is_busy():  # noqa: ASYNC110  # a poll in virtual time costs nothing
                await asyncio.sleep(1)

    def _is_busy(self) -> bool:
        if self.destinations.open.total():
            return True
        # Not by a filter: those that are ACTIVE with a cancel asked for are for nobody to cancel.
        connection = self.node.store.messages._database._transaction.connection
        return bool(select(connection, UNENDED))

    async def publish_impatiently(self, *asked: NewMessage | Publication, seconds: float) -> None:
        """Go away after a while, whether there is an answer or not."""
        publishing = start(self.publish(*asked))
        await asyncio.sleep(seconds)
        publishing.cancel()
        await asyncio.wait([publishing])

    async def break_store(self, *, seconds: float) -> None:
        """Let no commit succeed for a while."""
        assert isinstance(self.node.store, SlowStore)
        database = self.node.store.database
        database.is_broken = self.rng.random() < 0.5
        database.is_full = not database.is_broken
        await asyncio.sleep(seconds)
        database.is_broken = database.is_full = False

    def _note(self, asked: Publication, answer: Published) -> None:
        if asked.deduplication is not None and self._is_duplicate(asked.deduplication, answer):
            return
        for (id, _), new in zip(answer.messages, asked.messages, strict=True):
            assert id not in self.answers.accepted
            self.answers.accepted[id] = new

    def _is_duplicate(self, asked: Deduplication, answer: Published) -> bool:
        """Hold what is said of a key against what is known; with a slow writer that is little."""
        if self._is_slow:
            return answer.duplicate
        now, known = self.clock.now(), self.answers.first.get(asked.key)
        assert answer.duplicate == (known is not None and now < known[1])
        if known is None or not answer.duplicate:
            self.answers.first[asked.key] = answer, UnixMs(now + asked.window_ms)
        else:
            assert answer.messages == known[0].messages
            self.answers.duplicates += 1
        return answer.duplicate
