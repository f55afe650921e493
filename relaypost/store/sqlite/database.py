"""One SQLite database: a writer thread with group commit, and readers beside it.

A unit of work is a function of a `Transaction`. The writer drains its queue, runs all units in one
transaction, commits once and then answers all callers: a batch forms by itself while a commit runs.
When a unit fails, the batch is rolled back and its units are run again one by one.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from collections.abc import Sequence as Items
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import apsw

from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.gates import Capacity
from relaypost.domain.sequences import next_sequence
from relaypost.domain.types import Sequence, UnixMs
from relaypost.store.sqlite.connection import newest_sequence, open_reader, select
from relaypost.store.sqlite.gates import OpenGates

T = TypeVar("T")
MAX_BATCH = 128
READERS = 2


class Transaction:
    """What a unit of work sees: the write connection, and what its writer keeps beside it."""

    def __init__(self, connection: apsw.Connection, capacity: Capacity) -> None:
        self.connection = connection
        self.execute = connection.execute
        self.gates = OpenGates(capacity)
        self._last = Sequence(0)
        self.reload()

    def reload(self) -> None:
        """Derive the state anew from the rows, as after a start or a rollback."""
        self._last = newest_sequence(self.connection)
        self.gates.reload(self.connection)

    def rows(self, query: str, values: Items[Any] = ()) -> list[Any]:
        return select(self.connection, query, values)

    def take_sequence(self, now: UnixMs) -> Sequence:
        self._last = next_sequence(self._last, now)
        return self._last


Work = Callable[[Transaction], T]


@dataclass(slots=True)
class _Unit(Generic[T]):
    work: Work[T]
    future: "asyncio.Future[T]"
    result: Any = None
    error: BaseException | None = field(default=None)


class Database:
    """Runs units of work. Without threads (`inline`), each runs at once on the caller's loop."""

    def __init__(
        self, connection: apsw.Connection, *, path: str | None, capacity: Capacity, inline: bool
    ) -> None:
        self._transaction = Transaction(connection, capacity)
        self._inline = inline
        self._units: queue.SimpleQueue[_Unit[Any] | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._readers = (
            None
            if path is None
            else ThreadPoolExecutor(READERS, "reader", initializer=self._init_reader)
        )
        self._path = path
        self._local = threading.local()

    async def write(self, work: Work[T]) -> T:
        """Run `work` and answer when it is committed.

        Raises:
            StoreUnavailable: the database can't be written; nothing was changed.
        """
        if self._inline:
            return self._run_inline(work)
        unit: _Unit[T] = _Unit(work, self._running_loop().create_future())
        self._units.put(unit)
        return await unit.future

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run `work` on committed state; it sees one snapshot when it opens a transaction."""
        if self._readers is None:
            return await self.write(lambda transaction: work(transaction.connection))
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, self._read, work)
        except apsw.Error as error:
            raise StoreUnavailable(_explain(error)) from error

    async def close(self) -> None:
        """Finish what is queued, then release the file."""
        if self._thread is not None:
            self._units.put(None)
            await asyncio.to_thread(self._thread.join)
        if self._readers is not None:
            self._readers.shutdown()
        self._transaction.connection.close()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._write_batches, name="writer", daemon=True)
            self._thread.start()
        return self._loop

    def _init_reader(self) -> None:
        assert self._path is not None
        self._local.connection = open_reader(self._path)

    def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        connection: apsw.Connection = self._local.connection
        connection.execute("BEGIN")
        try:
            return work(connection)
        finally:
            connection.execute("ROLLBACK")

    def _run_inline(self, work: Work[T]) -> T:
        unit: _Unit[T] = _Unit(work, None)  # type: ignore[arg-type]  # nobody waits for it
        self._commit([unit])
        if unit.error is not None:
            raise unit.error
        result: T = unit.result
        return result

    def _write_batches(self) -> None:
        assert self._loop is not None
        while batch := self._next_batch():
            self._commit(batch)
            self._loop.call_soon_threadsafe(_answer, batch)

    def _next_batch(self) -> list[_Unit[Any]]:
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

    def _commit(self, batch: list[_Unit[Any]]) -> None:
        transaction = self._transaction
        try:
            transaction.execute("BEGIN IMMEDIATE")
            for unit in batch:
                unit.result = unit.work(transaction)
            transaction.execute("COMMIT")
        except Exception as error:
            self._roll_back(batch, error)

    def _roll_back(self, batch: list[_Unit[Any]], error: Exception) -> None:
        transaction = self._transaction
        try:
            if transaction.connection.in_transaction:
                transaction.execute("ROLLBACK")
            transaction.reload()
        except apsw.Error as second:
            error = second
        if len(batch) == 1 or isinstance(error, _WHOLE_DATABASE):
            for unit in batch:
                unit.error = _translate(error)
        else:
            for unit in batch:
                self._commit([unit])


_WHOLE_DATABASE = (apsw.FullError, apsw.IOError, apsw.CorruptError, apsw.ReadOnlyError)


def _answer(batch: list[_Unit[Any]]) -> None:
    for unit in batch:
        if unit.future.done():
            continue
        if unit.error is None:
            unit.future.set_result(unit.result)
        else:
            unit.future.set_exception(unit.error)


def _translate(error: Exception) -> Exception:
    if not isinstance(error, apsw.Error):
        return error
    unavailable = StoreUnavailable(_explain(error))
    unavailable.__cause__ = error
    return unavailable


def _explain(error: apsw.Error) -> str:
    return f"the database can't be used now: {error}"
