"""Removed projects: nothing of them starts, and in the end nothing of them is left."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.gates import Capacity
from relaypost.domain.limits import Limits
from relaypost.domain.messages import State
from relaypost.domain.tokens import Token, TokenKind
from relaypost.domain.types import DeadLetterId, ProjectId
from relaypost.domain.url_groups import Endpoint
from relaypost.store.base import Store
from relaypost.store.sqlite.connection import open_writer, select
from relaypost.store.sqlite.removals import OTHERS
from relaypost.store.sqlite.store import SqliteStore
from tests.store.conftest import OpenStore
from tests.support.books import Book, ids
from tests.support.messages import (
    BUSY,
    NOW,
    OTHER_PROJECT,
    PROJECT,
    new_message,
    project,
    publication,
    settlement,
)
from tests.support.schedules import new_schedule

WITH_ENVELOPES = {"messages", "dead_letters"}


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator["Files"]:
    files = Files(tmp_path)
    yield files
    for store in files.stores:
        await store.upkeep.close()


class Files:
    """Stores on files, each on what the one before had written when it was killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.stores: list[SqliteStore] = []

    async def open(self) -> Book:
        path = self._folder / f"{len(self.stores)}.db"
        if self.stores:
            before = self._folder / f"{len(self.stores) - 1}.db"
            for suffix in ("", "-wal"):
                shutil.copyfile(f"{before}{suffix}", f"{path}{suffix}")
        self.stores.append(SqliteStore(str(path)))
        return await Book.open(self.stores[-1])


def of_other(url: str = "https://api.example.com/orders", **overrides: Any) -> Any:
    return new_message(url, project_id=OTHER_PROJECT, **overrides)


async def populate(book: Book, count: int = 1) -> None:
    """Give the other project some of all that a project can own."""
    token = Token(digest=b"t" * 32, project_id=OTHER_PROJECT, kind=TokenKind.FULL)
    await book.store.projects.add(project(OTHER_PROJECT), [token])
    await book.store.projects.set_limit(OTHER_PROJECT, "max_queues", 3)
    await book.store.url_groups.add_endpoints(
        OTHER_PROJECT,
        "group",
        [Endpoint(url="https://api.example.com/")],
        limits=Limits(),
        now=book.clock.now(),
    )
    for number in range(count):
        claim = book.offer()
        (failed,) = (await book.add(of_other(max_retries=0), claim=claim)).claimed
        await book.settle(
            settlement(failed, BUSY, dead_letter_id=DeadLetterId(failed.id + 1)),
        )
        (retried,) = (await book.add(of_other(), claim=claim)).claimed
        await book.settle(settlement(retried, BUSY))
        await book.add(of_other(), claim=claim)
        await book.add(of_other(delay_ms=1000))
        await book.add(*(of_other(queue_name=f"q{number}") for _ in range(3)), claim=claim)
        keyed = FlowControl(key=f"k{number}", rate=1, period_s=5)
        await book.add(*(of_other(flow_control=keyed) for _ in range(3)), claim=claim)
        await book.add(of_other(queue_name=f"q{number}", flow_control=keyed), claim=claim)
        asked = publication(of_other(), key=b"%d" % number)
        await book.messages.add([asked], claim=None, now=book.clock.now(), daily_limit=1000)
        planned = new_schedule(f"s{number}", project_id=OTHER_PROJECT)
        await book.store.schedules.put(planned, max_schedules=0, now=book.clock.now())


async def forget(store: Store, limit: int = 1000) -> int:
    steps = 0
    while forgotten := await store.upkeep.forget_removed(limit, now=NOW):
        assert forgotten <= limit
        steps += 1
    return steps


def tables(connection: apsw.Connection) -> dict[str, list[str]]:
    names = select(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'")
    return {
        name: [column[1] for column in select(connection, f"PRAGMA table_info({name})")]
        for (name,) in names
        if not name.startswith("sqlite_")
    }


def connection_of(store: Store) -> apsw.Connection:
    connection: apsw.Connection = store.messages._database._transaction.connection  # type: ignore[attr-defined]
    return connection


def rows_of(store: Store, owner: ProjectId) -> dict[str, int]:
    """How many rows of a project each table has."""
    connection = connection_of(store)
    return {
        name: count
        for name, columns in tables(connection).items()
        if "project_id" in columns
        for ((count,),) in [
            select(connection, f"SELECT count(*) FROM {name} WHERE project_id = {owner}")
        ]
        if count
    }


def test_every_table_of_a_project_is_known() -> None:
    """A table that is new belongs into the list: what a removed project owned is forgotten."""
    of_projects = {
        name for name, columns in tables(open_writer(None)).items() if "project_id" in columns
    }
    assert of_projects == WITH_ENVELOPES | set(OTHERS)


def test_the_columns_of_that_list_are_there() -> None:
    known = tables(open_writer(None))
    assert all(column in known[table] for table, column in OTHERS.items())


@pytest.mark.parametrize("limit", [1, 3, 1000])
async def test_all_of_it_is_forgotten(book: Book, limit: int) -> None:
    store = book.store
    (kept,) = await book.start(new_message())
    await book.add(new_message(delay_ms=5))
    await populate(book, 2)
    of_mine = rows_of(store, PROJECT)
    connection = connection_of(store)
    assert set(rows_of(store, OTHER_PROJECT)) == WITH_ENVELOPES | set(OTHERS)

    assert await store.projects.remove(OTHER_PROJECT, now=NOW)
    assert await forget(store, limit) > 1
    assert rows_of(store, OTHER_PROJECT) == {}
    assert rows_of(store, PROJECT) == of_mine
    assert select(connection, "SELECT count(*) FROM envelopes") == [(2,)]
    assert select(connection, "SELECT id FROM projects") == [(PROJECT,)]
    assert (await book.settle(settlement(kept))).applied == [True]


async def test_nothing_of_it_starts(book: Book) -> None:
    await populate(book, 2)
    await book.store.projects.remove(OTHER_PROJECT, now=NOW)
    await book.add(new_message())
    for _ in range(20):
        book.clock.advance(1000)
        claimed = (await book.claim()).messages
        assert {message.project_id for message in claimed} <= {PROJECT}
    assert not (await book.claim()).more
    assert (await book.claim()).next_due_at is None, "what is left of it is not looked at again"


async def test_what_holds_places_and_slots_lets_nothing_go(book: Book) -> None:
    """Its attempts end after the removal, and before they are forgotten."""
    await book.store.projects.add(project(OTHER_PROJECT), [])
    keyed = FlowControl(key="k", parallelism=1)
    queued, held = of_other(queue_name="q"), of_other(flow_control=keyed)
    claimed = (await book.add(queued, queued, held, held, claim=book.offer())).claimed
    assert len(claimed) == 2
    await book.store.projects.remove(OTHER_PROJECT, now=NOW)
    settled = await book.settle(*map(settlement, claimed))
    assert (settled.applied, settled.claimed) == ([True, True], [])
    assert (await book.claim()).messages == []
    await forget(book.store)
    assert rows_of(book.store, OTHER_PROJECT) == {}


async def test_what_comes_in_late_is_forgotten_too(book: Book) -> None:
    """A request that had begun before the removal makes a message, its queue and its key."""
    late = of_other(queue_name="late", flow_control=FlowControl(key="late", rate=1))
    await populate(book)
    await book.store.projects.remove(OTHER_PROJECT, now=NOW)
    for _ in range(40):
        await book.store.upkeep.forget_removed(2, now=NOW)
        if "project_limits" not in rows_of(book.store, OTHER_PROJECT):
            break
        assert (await book.add(late, claim=book.offer())).claimed == []
        await book.store.upkeep.forget_removed(2, now=NOW)
    await forget(book.store)
    assert rows_of(book.store, OTHER_PROJECT) == {}


async def test_an_attempt_that_ends_makes_nothing_that_starts(book: Book) -> None:
    await book.store.projects.add(project(OTHER_PROJECT), [])
    (message,) = (await book.add(of_other(), claim=book.offer())).claimed
    await book.store.projects.remove(OTHER_PROJECT, now=NOW)
    back = of_other("https://back.example.com/")
    settled = await book.settle(settlement(message, callbacks=(back,)))
    assert (settled.applied, settled.claimed) == ([True], [])
    await forget(book.store)
    assert (await book.claim()).messages == []


async def test_an_attempt_that_ends_later_finds_nothing(book: Book) -> None:
    await book.store.projects.add(project(OTHER_PROJECT), [])
    (message,) = (await book.add(of_other(), claim=book.offer())).claimed
    await book.store.projects.remove(OTHER_PROJECT, now=NOW)
    await forget(book.store)
    back = of_other("https://back.example.com/")
    assert (await book.settle(settlement(message, callbacks=(back,)))).applied == [False]
    assert (await book.claim()).messages == []


async def test_slots_are_given_back(open_store: OpenStore) -> None:
    book = await Book.open(open_store(Capacity(project=2)))
    await book.store.projects.add(project(OTHER_PROJECT), [])
    accepted = await book.add(of_other(), of_other(), of_other(), claim=book.offer())
    assert len(accepted.claimed) == 2
    gates = book.messages._database._transaction.gates  # type: ignore[attr-defined]
    assert len(gates._tickets) == 2
    await book.store.projects.remove(OTHER_PROJECT, now=NOW)
    await forget(book.store)
    assert (gates._tickets, gates._open, gates.lists.are_any) == ({}, {}, False)


async def test_what_was_removed_stays_so_over_a_crash(files: Files) -> None:
    book = await files.open()
    await populate(book, 3)
    await book.add(new_message())
    await book.store.projects.remove(OTHER_PROJECT, now=NOW)
    assert await book.store.upkeep.forget_removed(4, now=NOW)

    book = await files.open()
    assert [one.id for one in await book.store.projects.all()] == [PROJECT]
    await book.messages.rescue(100, now=book.clock.now())
    book.clock.advance(20_000)
    claimed = (await book.claim()).messages
    assert {message.project_id for message in claimed} == {PROJECT}
    await forget(book.store)
    assert rows_of(files.stores[-1], OTHER_PROJECT) == {}
    assert (await book.claim()).messages == []
    assert await book.state(ids(claimed)[0]) is State.ACTIVE


async def test_several_projects_are_forgotten(book: Book) -> None:
    store = book.store
    for number in (2, 3):
        await book.store.projects.add(project(ProjectId(number)), [])
        await book.add(new_message(project_id=ProjectId(number)))
        await book.store.projects.remove(ProjectId(number), now=NOW)
    await forget(book.store)
    assert [rows_of(store, ProjectId(number)) for number in (2, 3)] == [{}, {}]
    assert await book.store.upkeep.forget_removed(10, now=NOW) == 0


async def test_what_others_count_of_the_day_is_kept(book: Book) -> None:
    async def remaining() -> int:
        asked = [publication(*(new_message() for _ in range(6)))]
        accepted = await book.messages.add(asked, claim=None, now=book.clock.now(), daily_limit=5)
        assert accepted.exceeded is not None
        return accepted.exceeded.remaining

    await book.add(new_message())
    assert await remaining() == 4
    await book.store.projects.add(project(OTHER_PROJECT), [])
    await book.store.projects.remove(OTHER_PROJECT, now=NOW)
    await book.add(new_message())
    await forget(book.store)
    assert await remaining() == 3
