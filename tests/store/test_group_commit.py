"""The writer thread: many units in one transaction, and none pays for another's failure."""

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial

import apsw
import pytest

from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.flow_control import FlowControl, reset
from relaypost.domain.messages import State
from relaypost.domain.retention import RetentionPeriods
from relaypost.store.sqlite.database import MAX_BATCH, Transaction, Work
from tests.support.books import Book
from tests.support.databases import HeldDatabase, StoreOver, count_commits
from tests.support.messages import NOW, PROJECT, new_message, settlement
from tests.support.tasks import start, turn


@pytest.fixture
async def database() -> AsyncIterator[HeldDatabase]:
    database = HeldDatabase()
    yield database
    await database.close()


@pytest.fixture
async def book(database: HeldDatabase) -> Book:
    return await Book.open(StoreOver(database))


def fail(_: Transaction) -> None:
    raise ValueError("a defect")


def break_a_constraint(transaction: Transaction) -> None:
    transaction.execute("INSERT INTO projects (id, name) VALUES (99, NULL)")


async def test_units_that_wait_share_a_commit(book: Book, database: HeldDatabase) -> None:
    commits = count_commits(database.connection)
    async with asyncio.TaskGroup() as tasks:
        with database.held():
            for _ in range(20):
                tasks.create_task(book.add(new_message()))
            await turn()
    assert len(commits) == 2, "the one that held the writer up, and one for all others"


async def test_a_batch_has_its_limit(book: Book, database: HeldDatabase) -> None:
    commits = count_commits(database.connection)
    async with asyncio.TaskGroup() as tasks:
        with database.held():
            for _ in range(MAX_BATCH + 1):
                tasks.create_task(book.add(new_message()))
            await turn()
    assert len(commits) == 3


@pytest.mark.parametrize(
    ("work", "error"), [(fail, ValueError), (break_a_constraint, apsw.ConstraintError)]
)
async def test_a_unit_that_fails_takes_no_other_with_it(
    book: Book, database: HeldDatabase, work: Work[None], error: type[Exception]
) -> None:
    commits = count_commits(database.connection)
    with database.held():
        before = [start(book.add(new_message())) for _ in range(3)]
        failing = start(database.write(work))
        after = [start(book.add(new_message())) for _ in range(3)]
        await turn()
    with pytest.raises(error):
        await failing
    made = [(await task).published[0].messages[0][0] for task in (*before, *after)]
    assert len(commits) == 2, "those that did not fail share one commit"
    assert len(set(made)) == 6
    assert [await book.state(id) for id in made] == [State.WAITING] * 6


async def test_what_a_failing_unit_did_is_undone(book: Book, database: HeldDatabase) -> None:
    (message,) = await book.start(new_message())

    def settle_and_fail(transaction: Transaction) -> None:
        transaction.execute("UPDATE messages SET state = 2")
        transaction.gates.leave(message.id, reached=True, now=NOW)
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        await database.write(settle_and_fail)
    assert await book.get(message.id) == message
    assert (await book.settle(settlement(message))).applied == [True]


async def test_numbers_are_not_given_twice_after_a_failure(
    book: Book, database: HeldDatabase
) -> None:
    (first,) = await book.start(new_message())
    with pytest.raises(ValueError, match="a defect"):
        await database.write(fail)
    (second,) = await book.start(new_message())
    entries = await book.entries(first.id, second.id)
    assert len({entry.sequence for entry in entries}) == 4, "the ACTIVE of the first is no row"


async def test_a_key_may_be_changed_and_found_old_in_one_commit(
    book: Book, database: HeldDatabase
) -> None:
    """Its row still says that nobody has used it for long."""
    key = FlowControl(key="k", parallelism=1)
    (message,) = await book.start(new_message(flow_control=key))
    await book.settle(settlement(message))
    book.clock.advance(25 * 3_600_000)
    now, keys = book.clock.now(), book.store.flow_control_keys
    with database.held():
        resetting = start(keys.steer(PROJECT, "k", partial(reset, now=now), creates=False, now=now))
        pruning = start(book.store.upkeep.prune(10, horizon=RetentionPeriods().horizon(now)))
        await turn()
    assert (await resetting).applied
    assert await pruning == 0
    status = await keys.get(PROJECT, "k", now=now)
    assert status is not None
    assert status.pace.window_started_at == now


async def test_a_failed_commit_fails_all(book: Book, database: HeldDatabase) -> None:
    def refuse() -> bool:
        return True

    database.connection.set_commit_hook(refuse)
    with pytest.raises(apsw.ConstraintError):
        await book.add(new_message())
    database.connection.set_commit_hook(None)
    assert await book.entries() == []
    await book.add(new_message())


async def test_a_world_that_fails_is_unavailable(book: Book, database: HeldDatabase) -> None:
    def lose_the_disk(_: Transaction) -> None:
        raise apsw.IOError("disk I/O error")

    with pytest.raises(StoreUnavailable, match="disk I/O error"):
        await database.write(lose_the_disk)
    await book.add(new_message())


# --- cancellations -------------------------------------------------------------------------------


async def test_a_cancelled_caller_gets_what_was_handed_out(
    book: Book, database: HeldDatabase
) -> None:
    got: list[object] = []

    async def publish() -> None:
        accepted = await book.add(new_message(), claim=book.offer())
        got.extend(accepted.claimed)
        await turn()
        got.append("not reached")

    with database.held():
        caller = start(publish())
        await turn()
        caller.cancel()
        await turn()
        assert not caller.done(), "it waits for the commit"
    with pytest.raises(asyncio.CancelledError):
        await caller
    (claimed,) = got
    assert await book.get(claimed.id) == claimed  # type: ignore[attr-defined]


async def test_several_cancellations_count_as_they_came(book: Book, database: HeldDatabase) -> None:
    cancellings: list[int] = []

    async def publish() -> None:
        await book.add(new_message(), claim=book.offer())
        task = asyncio.current_task()
        assert task is not None
        cancellings.append(task.cancelling())

    with database.held():
        caller = start(publish())
        for _ in range(3):
            await turn()
            caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert cancellings == [3]


async def test_a_cancelled_caller_of_what_failed_is_cancelled(
    book: Book, database: HeldDatabase
) -> None:
    unstorable = new_message(url="https://api.example.com/\udcff")
    with database.held():
        caller = start(book.add(unstorable, claim=book.offer()))
        await turn()
        caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_other_writes_are_cancelled_at_once(book: Book, database: HeldDatabase) -> None:
    with database.held(), pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await book.store.upkeep.ping()
    await book.store.upkeep.ping()


# --- the end -------------------------------------------------------------------------------------


async def test_closing_finishes_what_is_queued() -> None:
    database = HeldDatabase()
    book = await Book.open(StoreOver(database))
    commits = count_commits(database.connection)
    with database.held():
        caller = start(book.add(new_message()))
        await turn()
        closing = start(database.close())
        await turn()
    await closing
    assert len((await caller).published) == 1
    assert len(commits) == 2


def test_a_loop_that_is_gone_is_not_answered() -> None:
    database = HeldDatabase()

    async def begin() -> None:
        start(database.write(lambda _: released.wait(10)))
        await turn()

    released = threading.Event()
    asyncio.run(begin())
    writer = database._thread
    assert writer is not None
    released.set()
    writer.join(10)
    assert not writer.is_alive()
    database.connection.close()


async def test_a_closed_store_is_unavailable(book: Book, database: HeldDatabase) -> None:
    await database.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await book.add(new_message())
    with pytest.raises(StoreUnavailable, match="closed"):
        await book.claim()
