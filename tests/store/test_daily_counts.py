"""The daily limit of messages (section 1.8): exact, over duplicates, callbacks, days and starts."""

import shutil
from pathlib import Path

import pytest

from relaypost.domain.filters import Page
from relaypost.domain.rate_limits import DAY_MS
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.store.base import Accepted
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.store import SqliteStore
from tests.support.books import EVER, NO_FILTER, Book
from tests.support.databases import HeldDatabase, StoreOver
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
from tests.support.tasks import start, turn

LIMIT = 5
MIDNIGHT = UnixMs((NOW // DAY_MS + 1) * DAY_MS)


async def add(book: Book, count: int = 1, *, limit: int = LIMIT, key: bytes | None = None) -> bool:
    """Whether a request for so many messages was accepted."""
    asked = publication(*(new_message() for _ in range(count)), key=key)
    accepted = await book.messages.add([asked], claim=None, now=book.clock.now(), daily_limit=limit)
    return is_accepted(accepted)


def is_accepted(accepted: Accepted) -> bool:
    assert (accepted.exceeded is None) is bool(accepted.published)
    return accepted.exceeded is None


async def remaining(book: Book, *, limit: int = LIMIT, owner: ProjectId = PROJECT) -> int:
    """What is left, told by a request that is far too large."""
    asked = publication(*(new_message(project_id=owner) for _ in range(limit + 1)))
    now = book.clock.now()
    accepted = await book.messages.add([asked], claim=None, now=now, daily_limit=limit)
    assert accepted.exceeded is not None
    assert (accepted.exceeded.limit, accepted.exceeded.now) == (limit, now)
    return accepted.exceeded.remaining


async def test_a_request_is_accepted_whole_or_not_at_all(book: Book) -> None:
    assert await add(book, 4)
    before = await book.entries()
    assert not await add(book, 2)
    assert await book.entries() == before
    assert await remaining(book) == 1
    assert await add(book, 1)
    assert not await add(book, 1)
    assert await remaining(book) == 0


async def test_without_a_limit_nothing_is_refused(book: Book) -> None:
    assert await add(book, 50, limit=0)


async def test_what_was_accepted_before_the_limit_counts(book: Book) -> None:
    assert await add(book, 4, limit=0)
    assert await remaining(book) == 1
    assert await add(book, 1, limit=0)
    assert await remaining(book) == 0


async def test_duplicates_do_not_count(book: Book) -> None:
    assert await add(book, 3, key=b"a")
    assert await add(book, 3, key=b"a"), "nothing new is made"
    assert await remaining(book) == 2
    asked = [publication(key=b"b"), publication(key=b"b"), publication(key=b"a"), publication()]
    now = book.clock.now()
    accepted = await book.messages.add(asked, claim=None, now=now, daily_limit=LIMIT)
    assert [published.duplicate for published in accepted.published] == [False, True, True, False]
    assert await remaining(book) == 0
    assert await add(book, 3, key=b"a"), "also when nothing is left"


async def test_a_refused_key_is_not_taken(book: Book) -> None:
    assert not await add(book, 6, key=b"a")
    assert await add(book, 1, key=b"a")
    assert await remaining(book) == 4


async def test_a_day_ends_at_midnight(book: Book) -> None:
    assert await add(book, LIMIT)
    book.clock.advance(MIDNIGHT - NOW - 1)
    assert not await add(book)
    book.clock.advance(1)
    assert await add(book, LIMIT)
    assert await remaining(book) == 0


async def test_what_was_made_unasked_counts_on_the_next_day_too(book: Book) -> None:
    assert await add(book, LIMIT)
    book.clock.advance(MIDNIGHT - NOW)
    assert await add(book, 2, limit=0)
    assert await remaining(book) == 3


async def test_callbacks_count_and_are_not_refused(book: Book) -> None:
    (message,) = await book.start(new_message())
    assert await add(book, LIMIT - 1)
    back = new_message("https://back.example.com/")
    assert (await book.settle(settlement(message, callbacks=(back, back)))).applied == [True]
    assert await remaining(book, limit=10) == 3


async def test_cancelling_gives_nothing_back(book: Book) -> None:
    accepted = await book.add(publication(*(new_message() for _ in range(LIMIT))))
    await book.cancel(*(id for id, _ in accepted.published[0].messages))
    assert await remaining(book) == 0


async def test_projects_count_each_for_itself(book: Book) -> None:
    await book.store.projects.add(project(OTHER_PROJECT), [])
    assert await add(book, LIMIT)
    assert await remaining(book, owner=OTHER_PROJECT) == LIMIT
    assert await remaining(book) == 0


async def test_dead_letters_are_retried_within_the_limit(book: Book) -> None:
    for _ in range(3):
        (message,) = await book.start(new_message(max_retries=0))
        await book.settle(settlement(message, outcome=BUSY))
    found = await book.store.dead_letters.matching(PROJECT, NO_FILTER, Page(count=9), since=EVER)

    async def retry(limit: int, *, all_or_none: bool) -> Accepted:
        return await book.store.dead_letters.replace(
            PROJECT,
            found.items,
            bring_back=lambda sealed: new_message(sealed.url),
            all_or_none=all_or_none,
            since=EVER,
            claim=None,
            now=book.clock.now(),
            daily_limit=limit,
        )

    for all_or_none in (True, False):
        refused = await retry(5, all_or_none=all_or_none)
        assert refused.exceeded is not None
        assert refused.exceeded.remaining == 2
        assert len(await book.dead_letters()) == 3
    assert is_accepted(await retry(6, all_or_none=False))
    assert await remaining(book, limit=6) == 0
    assert is_accepted(await retry(6, all_or_none=False)), "nothing was there to retry"


async def test_a_count_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "before.db"
    store = SqliteStore(str(path))
    book = await Book.open(store)
    assert await add(book, 2)
    assert await add(book, 1, limit=0)
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{path}{suffix}", f"{tmp_path}/after.db{suffix}")
    await store.upkeep.close()

    store = SqliteStore(f"{tmp_path}/after.db")
    book = await Book.open(store)
    _forget_all(store)
    assert await remaining(book) == 2, "read from its row, not counted anew"
    await store.upkeep.close()


def _forget_all(store: SqliteStore) -> None:
    connection = store.messages._database._transaction.connection
    connection.execute("DELETE FROM messages").fetchall()


async def test_a_unit_that_fails_counts_nothing() -> None:
    database = HeldDatabase()
    book = await Book.open(StoreOver(database))
    assert await add(book, 1)
    with database.held():
        adding = [start(add(book, 1)) for _ in range(2)]
        failing = start(database.write(fail))
        await turn()
    with pytest.raises(ZeroDivisionError):
        await failing
    assert [await task for task in adding] == [True, True]
    assert await remaining(book) == 2
    await database.close()


async def test_a_count_is_written_once_for_each_commit() -> None:
    database = HeldDatabase()
    book = await Book.open(StoreOver(database))
    assert await add(book, 1, limit=99)
    queries: list[str] = []

    def note(_: object, query: str, __: object) -> bool:
        queries.append(query)
        return True

    with database.held():
        adding = [start(add(book, 1, limit=99)) for _ in range(20)]
        await turn()
        database.connection.exec_trace = note
    assert all([await task for task in adding])
    assert sum("daily_messages" in query for query in queries) == 1
    assert await remaining(book, limit=99) == 78
    await database.close()


def fail(_: Transaction) -> None:
    raise ZeroDivisionError
