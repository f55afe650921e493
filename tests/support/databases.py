"""SQLite databases whose writer a test can hold up, break, kill, or run in virtual time."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from relaypost.domain.gates import Capacity
from relaypost.store.sqlite.connection import open_writer
from relaypost.store.sqlite.database import MAX_BATCH, Database, Transaction, Unit
from relaypost.store.sqlite.store import SqliteStore


class HeldDatabase(Database):
    """A threaded database in memory; while it is held, units gather into one batch."""

    def __init__(self, *, capacity: Capacity | None = None) -> None:
        self.connection = open_writer(None)
        super().__init__(self.connection, path=None, capacity=capacity or Capacity(), inline=False)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the writer busy with a unit of its own."""
        entered, released = threading.Event(), threading.Event()

        def hold(_: Transaction) -> None:
            entered.set()
            assert released.wait(10)

        holding = self.write(hold)
        try:
            holding.send(None)  # hand the unit over; its answer is of no interest
            assert entered.wait(10)
            yield
        finally:
            released.set()
            holding.close()


class Killed(BaseException):
    """What the tasks of a process that is gone get instead of an answer."""


class VirtualDatabase(Database):
    """Group commit on the loop itself: the writer takes its time, and may be killed.

    `pauses` says how long it takes to get to a batch, and, after the commit, to its answers.
    """

    def __init__(
        self, connection: apsw.Connection, *, capacity: Capacity, pauses: Iterator[float]
    ) -> None:
        super().__init__(connection, path=None, capacity=capacity, inline=False)
        self.connection = connection
        self.is_alive = True
        self.is_broken = False
        """Whether every commit fails, as on a full disk."""
        self.has_committed = asyncio.Event()
        """Set with each commit; who waits for the next one clears it."""
        self.has_answered = asyncio.Event()
        self._pauses = pauses
        self._waiting: list[Unit[Any]] = []
        self._is_busy = False

    def slow_down(self, *, by_seconds: float) -> None:
        self._pauses = (pause + by_seconds for pause in self._pauses)

    def kill(self) -> None:
        """From now on nothing is written, and nobody is answered."""
        self.is_alive = False
        waiting, self._waiting = self._waiting, []
        for unit in waiting:
            self._drop(unit)

    async def close(self) -> None:
        """Finish what is queued; the connection is the test's own."""
        self._is_closed = True
        while self._is_busy:
            self.has_answered.clear()
            await self.has_answered.wait()

    def committed(self) -> None:
        self.has_committed.set()

    def _start(self) -> None:
        """There is no thread to start."""

    def _submit(self, unit: Unit[Any]) -> None:
        if not self.is_alive:
            self._drop(unit)
            return
        self._waiting.append(unit)
        if not self._is_busy:
            self._go_on()

    def _go_on(self) -> None:
        self._is_busy = True
        asyncio.get_running_loop().call_later(next(self._pauses), self._write_batch)

    def _write_batch(self) -> None:
        batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
        if self.is_alive:
            self._commit(batch)
            self.committed()
        asyncio.get_running_loop().call_later(next(self._pauses), self._answer, batch)

    def _begin(self) -> None:
        if self.is_broken:
            raise apsw.FullError("database or disk is full")
        super()._begin()

    def _answer(self, batch: list[Unit[Any]]) -> None:
        for unit in batch:
            if self.is_alive:
                unit.answer()
            else:
                self._drop(unit)
        self._is_busy = False
        self.has_answered.set()
        if self._waiting:
            self._go_on()

    def _drop(self, unit: Unit[Any]) -> None:
        unit.error = Killed()
        unit.answer()


class StoreOver(SqliteStore):
    """A store over a database that the test has made."""

    def __init__(self, database: Database) -> None:
        self._speak_to(database, lock=None)


def count_commits(connection: apsw.Connection) -> list[int]:
    """A list that grows with every commit."""
    commits: list[int] = []

    def note(*_: Any) -> bool:
        commits.append(1)
        return False

    connection.set_commit_hook(note)
    return commits
