"""An engine that runs: over a database in virtual time, with a scripted sender."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.gates import Capacity
from relaypost.domain.messages import Message, NewMessage
from relaypost.domain.types import MessageId
from relaypost.engine.attempt import Signing
from relaypost.engine.engine import Engine, EngineSettings
from relaypost.engine.scheduler import Scheduling
from relaypost.runtime import SeededIds
from relaypost.service.context import Service
from relaypost.service.directory import Directory
from relaypost.service.keys import KeyRing
from relaypost.service.publications import publish
from relaypost.store.sqlite import messages
from relaypost.store.sqlite.connection import open_writer
from tests.support.databases import StoreOver, VirtualDatabase
from tests.support.messages import PROJECT, project, publication
from tests.support.senders import ScriptedSender
from tests.support.virtual_time import VirtualClock

PAUSE_SECONDS = 0.001
"""How long the writer of the database takes, before and after each commit."""


@dataclass(slots=True)
class Running:
    """What a test does to a running engine, and sees of it."""

    database: VirtualDatabase
    store: StoreOver
    sender: ScriptedSender
    clock: VirtualClock
    engine: Engine
    service: Service
    stop: asyncio.Event

    async def publish(self, *asked: NewMessage) -> list[MessageId]:
        published = await publish(self.service, [publication(one) for one in asked])
        return [id for one in published for id, _ in one.messages]

    async def get(self, id: MessageId) -> Message:
        (found,) = await self.store.messages.get(PROJECT, [id])
        return found

    async def wait_ended(self, *ids: MessageId) -> None:
        """Return when all are terminal."""
        for id in ids:
            while messages.ended_at(self.database.connection, PROJECT, id) is None:
                self.database.has_committed.clear()
                await self.database.has_committed.wait()

    async def wait_idle(self) -> None:
        """Return when nothing is under way."""
        await asyncio.sleep(0.05)

    @property
    def free_slots(self) -> int:
        return self.engine.intake._slots.free


async def make_engine(
    *,
    capacity: Capacity | None = None,
    max_open_attempts: int = 100,
    grace_seconds: float = 30,
    scheduling: Scheduling | None = None,
) -> Running:
    """An engine that does not run yet."""
    capacity = capacity or Capacity(node=max_open_attempts)
    database = VirtualDatabase(
        open_writer(None), capacity=capacity, pauses=itertools.repeat(PAUSE_SECONDS)
    )
    store, clock, sender = StoreOver(database), VirtualClock(), ScriptedSender()
    await store.projects.add(project(), [])
    engine = Engine(
        store,
        sender,
        clock=clock,
        ids=SeededIds(random.Random(1)),
        signing=Signing(keys_of=lambda _: project().keys),
        settings=EngineSettings(
            max_open_attempts=max_open_attempts,
            grace_seconds=grace_seconds,
            scheduling=scheduling or Scheduling(),
        ),
    )
    service = Service(
        store=store,
        intake=engine.intake,
        clock=clock,
        policy=AddressPolicy(),
        keys=KeyRing(projects=Directory(development=False), new_key=str),
        note_tick=engine.scheduler.note,
    )
    return Running(database, store, sender, clock, engine, service, asyncio.Event())


@asynccontextmanager
async def running_engine(**settings: Any) -> AsyncIterator[Running]:
    """Runs until the block ends, then stops; takes what `make_engine` takes."""
    running = await make_engine(**settings)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(running.engine.run(running.stop))
        await running.wait_idle()
        yield running
        running.stop.set()
    await running.store.upkeep.close()
