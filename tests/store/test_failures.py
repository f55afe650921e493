"""A store on a file that the world around breaks: full disks, second processes, foreign files."""

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.messages import State
from relaypost.domain.types import UnixMs
from relaypost.store.sqlite import connection as opening
from relaypost.store.sqlite.connection import open_writer, select
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.store import SqliteStore
from tests.support.books import Book
from tests.support.messages import NOW, new_message, project, settlement

LARGE = bytes(50_000)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "relaypost.db")


@pytest.fixture
async def store(path: str) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    await store.upkeep.close()


async def limit_pages(store: SqliteStore, pages: int) -> None:
    """As if the disk ended there; none is limitless."""

    def limit(transaction: Transaction) -> None:
        transaction.rows(f"PRAGMA max_page_count = {pages}")

    await store.messages._database.write(limit)


async def test_a_full_disk_is_unavailable_and_then_not(store: SqliteStore) -> None:
    book = await Book.open(store)
    (message,) = await book.start(new_message())
    await limit_pages(store, 20)
    publishes = (book.add(new_message(body=LARGE), claim=book.offer()) for _ in range(5))
    answers = await asyncio.gather(*publishes, return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    assert "full" in str(answers[0])
    assert len(await book.entries()) == 2, "nothing was written of it"
    assert (await book.settle(settlement(message))).applied == [True]
    await limit_pages(store, 100_000)
    assert len((await book.add(new_message(body=LARGE), claim=book.offer())).claimed) == 1


async def test_on_a_full_disk_small_things_are_still_written(store: SqliteStore) -> None:
    """One that does not fit fails alone, in whatever batch it comes."""
    book = await Book.open(store)
    messages = await book.start(*(new_message() for _ in range(3)))
    await limit_pages(store, 20)
    answers = await asyncio.gather(
        book.add(new_message(body=LARGE)),
        book.settle(*map(settlement, messages)),
        book.add(new_message(body=LARGE)),
        return_exceptions=True,
    )
    assert isinstance(answers[0], StoreUnavailable)
    assert isinstance(answers[2], StoreUnavailable)
    assert [await book.state(message.id) for message in messages] == [State.DELIVERED] * 3


async def test_a_slot_is_not_lost_on_a_full_disk(store: SqliteStore) -> None:
    book = await Book.open(store)
    await limit_pages(store, 20)
    with pytest.raises(StoreUnavailable):
        await book.add(new_message(body=LARGE), claim=book.offer())
    gates = store.messages._database._transaction.gates
    await book.store.upkeep.ping()
    assert gates._open == {}


async def test_another_program_that_holds_the_file_is_waited_for(
    store: SqliteStore, path: str
) -> None:
    book = await Book.open(store)
    other = apsw.Connection(path)
    other.execute("BEGIN IMMEDIATE")
    async with asyncio.TaskGroup() as tasks:
        publishing = tasks.create_task(book.add(new_message()))
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
    assert len((await publishing).published) == 1
    other.close()


async def test_another_program_that_keeps_the_file_makes_it_unavailable(
    store: SqliteStore, path: str
) -> None:
    book = await Book.open(store)
    store.messages._database._transaction.connection.set_busy_timeout(1)
    other = apsw.Connection(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await book.add(new_message())
    other.close()
    await book.add(new_message())


async def test_reads_go_on_while_a_write_fails(store: SqliteStore) -> None:
    book = await Book.open(store)
    (message,) = await book.start(new_message())
    await limit_pages(store, 20)
    with pytest.raises(StoreUnavailable):
        await book.add(new_message(body=LARGE))
    assert await book.get(message.id) == message


async def test_a_reader_that_can_not_be_opened_fails_one_read_only(
    store: SqliteStore, path: str
) -> None:
    book = await Book.open(store)
    (message,) = await book.start(new_message())
    database = store.messages._database
    database._path = f"{path}.missing"
    with pytest.raises(StoreUnavailable, match="unable to open"):
        await book.get(message.id)
    database._path = path
    assert await book.get(message.id) == message


async def test_a_read_sees_one_snapshot(store: SqliteStore) -> None:
    book = await Book.open(store)
    await book.start(new_message())

    def count(connection: apsw.Connection) -> int:
        found: int = select(connection, "SELECT count(*) FROM messages")[0][0]
        return found

    def count_twice(connection: apsw.Connection) -> tuple[int, int]:
        first = count(connection)
        adding = asyncio.run_coroutine_threadsafe(book.start(new_message()), loop)
        adding.result(5)
        return first, count(connection)

    loop = asyncio.get_running_loop()
    assert await store.messages._database.read(count_twice) == (1, 1)


async def test_readers_can_not_write(store: SqliteStore) -> None:
    with pytest.raises(StoreUnavailable, match="readonly"):
        await store.messages._database.read(lambda one: one.execute("DELETE FROM leases"))


async def test_a_closed_store_can_not_be_read(store: SqliteStore) -> None:
    await store.projects.all()
    await store.upkeep.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.projects.all()


# --- opening -------------------------------------------------------------------------------------


async def test_a_second_store_on_the_file_is_refused(store: SqliteStore, path: str) -> None:
    with pytest.raises(StoreUnavailable, match=f"another relaypost is using the database {path}"):
        SqliteStore(path)


async def test_by_another_name_it_is_the_same_file(store: SqliteStore, path: str) -> None:
    os.symlink(path, f"{path}.link")
    with pytest.raises(StoreUnavailable, match="another relaypost"):
        SqliteStore(f"{path}.link")


async def test_a_second_process_on_the_file_is_refused(store: SqliteStore, path: str) -> None:
    await store.projects.add(project(), [])
    program = f"from relaypost.store.sqlite.store import SqliteStore; SqliteStore({path!r})"
    running = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], capture_output=True, check=False
    )
    assert running.returncode == 1
    assert b"StoreUnavailable: another relaypost is using the database" in running.stderr


async def test_a_closed_store_leaves_the_file_to_the_next(path: str) -> None:
    first = SqliteStore(path)
    await first.upkeep.close()
    second = SqliteStore(path)
    await second.upkeep.close()


def test_a_failed_opening_leaves_the_file_to_the_next(path: str) -> None:
    Path(path).write_bytes(b"This is no database. " * 500)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="file is not a database"):
            SqliteStore(path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        SqliteStore(str(tmp_path / "missing" / "relaypost.db"))


def test_a_file_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="can't open the database"):
        SqliteStore(str(tmp_path))


async def test_the_lock_file_is_for_its_owner_only(store: SqliteStore, path: str) -> None:
    assert stat.S_IMODE(os.stat(f"{path}.lock").st_mode) == 0o600


def test_a_file_system_without_shared_memory_is_refused(path: str) -> None:
    """Without a write-ahead log readers would hold up the writer."""
    connection = apsw.Connection(path, vfs="unix-dotfile")
    with pytest.raises(StoreUnavailable, match="can't do WAL, only delete"):
        opening._prepare(connection, in_memory=False)
    connection.close()


async def test_commits_are_synchronous(path: str) -> None:
    connection = open_writer(path)
    assert connection.execute("PRAGMA synchronous").fetchall() == [(2,)], "FULL"
    assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    connection.close()


# --- the clock -----------------------------------------------------------------------------------


async def test_the_newest_time(store: SqliteStore) -> None:
    assert await store.upkeep.newest_time() < NOW
    book = await Book.open(store)
    (message,) = await book.start(new_message())
    assert await store.upkeep.newest_time() == NOW
    book.clock.advance(700)
    await book.settle(settlement(message))
    assert await store.upkeep.newest_time() == NOW + 700


async def test_the_newest_time_is_that_of_entries_too(store: SqliteStore) -> None:
    book = await Book.open(store)
    accepted = await book.add(new_message(delay_ms=60_000))
    book.clock.advance(300)
    await book.cancel(accepted.published[0].messages[0][0])
    assert await store.upkeep.newest_time() == UnixMs(NOW + 300)
