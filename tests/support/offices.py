"""A server's API with its administration beside it, over a database in memory; no engine runs."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from relaypost.api.app import Api
from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.limits import Limits
from relaypost.runtime import SeededIds
from relaypost.service.administration import Administration
from relaypost.service.context import Service
from relaypost.service.credentials import new_key
from relaypost.service.directory import Directory
from relaypost.service.keys import KeyRing
from relaypost.store.sqlite.store import SqliteStore
from tests.support.clocks import FakeClock
from tests.support.desk import FakeIntake
from tests.support.http1 import Reply, ask
from tests.support.listening import listening


@dataclass
class Office:
    administration: Administration
    store: SqliteStore
    clock: FakeClock
    port: int

    async def ask(self, token: str | None, method: str, target: str, body: bytes = b"") -> Reply:
        return await ask(self.port, method, target, token=token, body=body)

    async def publish(self, token: str | None, url: str = "https://example.com/") -> Reply:
        return await self.ask(token, "POST", f"/v2/publish/{url}")


async def _is_ready() -> bool:
    return True


def administration_of(store: SqliteStore, clock: FakeClock, directory: Directory) -> Administration:
    ids = SeededIds(random.Random(1))
    return Administration(
        projects=store.projects,
        upkeep=store.upkeep,
        directory=directory,
        keys=KeyRing(projects=directory, new_key=lambda: new_key(ids)),
        clock=clock,
        ids=ids,
    )


@asynccontextmanager
async def open_office(
    *, limits: Limits | None = None, development: bool = False
) -> AsyncIterator[Office]:
    limits = limits or Limits()
    store, clock = SqliteStore(None, inline=True), FakeClock()
    directory = Directory(development=development, limits=limits)
    administration = administration_of(store, clock, directory)
    service = Service(
        store=store,
        intake=FakeIntake(),
        clock=clock,
        policy=AddressPolicy(),
        keys=administration.keys,
        limits=limits,
        own_limits=directory.own_limits,
    )
    async with listening(Api(service, directory, is_ready=_is_ready)) as server:
        yield Office(administration, store, clock, server.port)
    await store.upkeep.close()
