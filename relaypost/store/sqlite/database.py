"""One SQLite database: a writer thread with group commit, and readers beside it.

A unit of work is a function of a `Transaction`. The writer drains its queue, runs all units in one
transaction, commits once and then answers all callers: a batch forms by itself while a commit runs.
When a unit fails, it alone is answered with its error; the batch is run again without it.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from collections.abc import Sequence as Items
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Generic, TypeVar

import apsw

from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.gates import Capacity
from relaypost.domain.sequences import COUNTER_BITS, EPOCH
from relaypost.domain.types import LeaseId, Sequence, UnixMs
from relaypost.store.sqlite.connection import explain, newest_sequence, open_reader
from relaypost.store.sqlite.daily_counts import DailyCounts
from relaypost.store.sqlite.gates import OpenGates

T = TypeVar("T")
MAX_BATCH = 128
READERS = 2
CLOSED = "the database is closed"

LEASES = "SELECT id FROM leases"

UNAVAILABLE = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.FullError,
    apsw.InterruptError,
    apsw.IOError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.NotADBError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.ReadOnlyError,
)
"""The world around is to blame, and may get better; any other error is a defect of ours."""


class Transaction:
    """What a unit of work sees: the write connection, and what its writer keeps beside it."""

    def __init__(self, connection: apsw.Connection, capacity: Capacity) -> None:
        self.connection = connection
        # A cursor that stays: making one for each statement is a quarter of what that costs.
        self._cursor = connection.cursor()
        self.execute = self._cursor.execute
        self.changes = connection.changes
        self.gates = OpenGates(connection, capacity)
        self.daily = DailyCounts(connection)
        self.leases: set[LeaseId] = set()
        self._last = Sequence(0)
        self.reload()

    def reload(self) -> None:
        """Derive the state anew from the rows, as after a start or a rollback."""
        self._last = max(self._last, newest_sequence(self.connection))
        self.leases = {LeaseId(id) for (id,) in self.rows(LEASES)}
        self.gates.reload()
        self.daily.reload()

    def complete(self) -> None:
        """Write what the state beside the rows has gathered; the last step before a commit."""
        self.gates.save()
        self.daily.write()

    def rows(self, query: str, values: Items[Any] = ()) -> list[Any]:
        """All rows of a query, or of `RETURNING`."""
        return self.execute(query, values).fetchall()

    def take_sequence(self, now: UnixMs) -> Sequence:
        """The next number at `now`, as `next_sequence` says, without two calls for each."""
        following, first = self._last + 1, now - EPOCH << COUNTER_BITS
        self._last = last = Sequence(following if following > first else first)
        return last


Work = Callable[[Transaction], T]


class Unit(Generic[T]):
    """A unit of work with its caller's future; `result` or `error` is set before the answer."""

    __slots__ = ("error", "future", "is_answered", "result", "work")

    def __init__(self, work: Work[T], future: "asyncio.Future[T] | None") -> None:
        self.work = work
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.is_answered = False

    def answer(self) -> None:
        self.is_answered = True
        future = self.future
        if future is None or future.done():
            return
        if self.error is None:
            future.set_result(self.result)
        else:
            future.set_exception(self.error)


class Database:
    """Runs units of work. Without threads (`inline`), each runs at once on the caller's loop."""

    def __init__(
        self, connection: apsw.Connection, *, path: str | None, capacity: Capacity, inline: bool
    ) -> None:
        self._transaction = Transaction(connection, capacity)
        self._is_stale = False
        """Whether what the transaction keeps beside the rows may differ from them."""
        self._inline = inline
        self._path = path
        self._units: queue.SimpleQueue[Unit[Any] | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._readers = None if path is None or inline else ThreadPoolExecutor(READERS, "reader")
        self._local = threading.local()
        self._is_closed = False

    async def write(self, work: Work[T]) -> T:
        """Run `work` and answer when it is committed.

        Raises:
            StoreUnavailable: the database can't be written; nothing was changed.
        """
        if self._inline:
            return self._run_inline(work)
        future: asyncio.Future[T] = self._running_loop().create_future()
        self._submit(Unit(work, future))
        return await future

    async def hand_out(self, work: Work[T]) -> T:
        """Like `write`, for work that claims messages: a cancellation does not lose its answer.

        The caller gets what was committed, and is cancelled at its next `await`.
        """
        if self._inline:
            return self._run_inline(work)
        future: asyncio.Future[T] = self._running_loop().create_future()
        unit = Unit(work, future)
        self._submit(unit)
        try:
            return await future
        except asyncio.CancelledError:
            await self._outlast(unit)
            if unit.error is not None:
                raise
            result: T = unit.result
            return result

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run `work` on committed state; it sees one snapshot."""
        if self._readers is None:
            return await self.write(lambda transaction: work(transaction.connection))
        if self._is_closed:
            raise StoreUnavailable(CLOSED)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, self._read, work)
        except UNAVAILABLE as error:
            raise StoreUnavailable(explain(error)) from error

    async def close(self) -> None:
        """Finish what is queued, then release the file."""
        self._is_closed = True
        if self._thread is not None:
            self._units.put(None)
            await asyncio.to_thread(self._thread.join)
        if self._readers is not None:
            await asyncio.to_thread(self._readers.shutdown)
        self._transaction.connection.close()

    async def _outlast(self, unit: Unit[T]) -> None:
        """Wait for the answer to a unit in spite of cancellations, then have the task cancelled."""
        unit.future = ended = asyncio.get_running_loop().create_future()
        while not unit.is_answered:
            with suppress(asyncio.CancelledError):
                await asyncio.wait([ended])
        if ended.done():
            ended.exception()  # looked at here, or asyncio would complain that nobody did
        task = asyncio.current_task()
        assert task is not None
        # One request more and one less: their number is what timeouts and task groups compare.
        task.cancel()
        task.uncancel()

    def _submit(self, unit: Unit[Any]) -> None:
        self._units.put(unit)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._is_closed:
            raise StoreUnavailable(CLOSED)
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._start()
        return self._loop

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._write_batches, name="writer", daemon=True)
        self._thread.start()

    def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        connection = self._reader()
        connection.execute("BEGIN")
        try:
            return work(connection)
        finally:
            connection.execute("ROLLBACK")

    def _reader(self) -> apsw.Connection:
        """The connection of this thread; opened here, so that a failure is one of one read only."""
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            assert self._path is not None
            connection = self._local.connection = open_reader(self._path)
        return connection

    def _run_inline(self, work: Work[T]) -> T:
        if self._is_closed:
            raise StoreUnavailable(CLOSED)
        unit: Unit[T] = Unit(work, None)
        self._commit([unit])
        if unit.error is not None:
            raise unit.error
        result: T = unit.result
        return result

    def _write_batches(self) -> None:
        assert self._loop is not None
        while batch := self._next_batch():
            self._commit(batch)
            try:
                self._loop.call_soon_threadsafe(answer_all, batch)
            except RuntimeError:
                return  # the loop is closed: nobody waits for answers any more

    def _next_batch(self) -> list[Unit[Any]]:
        """Wait for a unit and take what else has come by; empty at the end."""
        first = self._units.get()
        batch = [] if first is None else [first]
        while batch and len(batch) < MAX_BATCH:
            try:
                unit = self._units.get_nowait()
            except queue.Empty:
                break
            if unit is None:
                self._units.put(None)
                break
            batch.append(unit)
        return batch

    def _commit(self, batch: list[Unit[Any]]) -> None:
        """Run all units in one transaction, and again without each that fails."""
        left = batch
        while left:
            self._try(left)
            if all(unit.error is None for unit in left):
                return
            left = [unit for unit in left if unit.error is None]

    def _try(self, batch: list[Unit[Any]]) -> None:
        """Commit all units, or nothing and set the error of those that are to blame."""
        transaction = self._transaction
        running: Unit[Any] | None = None
        try:
            self._begin()
            for running in batch:
                running.result = running.work(transaction)
            running = None
            transaction.complete()
            transaction.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            error = _translate(error)
            for unit in batch if running is None else (running,):
                unit.error = error

    def _begin(self) -> None:
        transaction = self._transaction
        if self._is_stale:
            self._roll_back()
        transaction.execute("BEGIN IMMEDIATE")
        if self._is_stale:
            transaction.reload()
            self._is_stale = False

    def _roll_back(self) -> None:
        """Undo the transaction; the state beside it is derived anew by the next one.

        If even that fails, the next one tries again before it begins, and its callers hear of it.
        """
        self._is_stale = True
        with suppress(apsw.Error):
            if self._transaction.connection.in_transaction:
                self._transaction.execute("ROLLBACK")


def answer_all(batch: list[Unit[Any]]) -> None:
    for unit in batch:
        unit.answer()


def _translate(error: Exception) -> Exception:
    if not isinstance(error, UNAVAILABLE):
        return error
    unavailable = StoreUnavailable(explain(error))
    unavailable.__cause__ = error
    return unavailable
