"""SQLite databases whose writer a test can hold up, break, kill, or run in virtual time."""

import asyncio
import itertools
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.gates import Capacity, project_gate
from relaypost.store.sqlite.connection import lock_file, open_writer, select
from relaypost.store.sqlite.database import MAX_BATCH, Database, Transaction, Unit, answer_all
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


FULL = "database or disk is full"


class VirtualDatabase(Database):
    """Group commit on the loop itself: the writer takes its time, and may be killed.

    `pauses` says how long it takes to get to a batch, and, after the commit, to its answers.
    """

    def __init__(
        self, connection: apsw.Connection, *, capacity: Capacity, pauses: Iterator[float]
    ) -> None:
        super().__init__(connection, path=None, capacity=capacity, inline=False)
        self.connection = connection
        self.is_broken = False
        """Whether no transaction begins."""
        self.is_full = False
        """Whether every commit fails that has something to write."""
        connection.set_commit_hook(self._check_room)
        self.has_committed = asyncio.Event()
        """Set with each commit; who waits for the next one clears it."""
        self.has_answered = asyncio.Event()
        self._pauses = pauses
        self._waiting: list[Unit[Any]] = []
        self._is_busy = False
        self._is_killed = False

    def slow_down(self, *, by_seconds: float) -> None:
        self._pauses = (pause + by_seconds for pause in self._pauses)

    def kill(self) -> None:
        """From now on nothing is written, and nobody hears of what has been."""
        self._is_closed = self._is_killed = True
        waiting, self._waiting = self._waiting, []
        self._drop(waiting)

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
        self._waiting.append(unit)
        if not self._is_busy:
            self._go_on()

    def _go_on(self) -> None:
        self._is_busy = True
        asyncio.get_running_loop().call_later(next(self._pauses), self._write_batch)

    def _write_batch(self) -> None:
        batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
        if self._is_killed:
            self._drop(batch)
            return
        self._commit(batch)
        self.committed()
        asyncio.get_running_loop().call_later(next(self._pauses), self._answer, batch)

    def _begin(self) -> None:
        if self.is_broken:
            raise apsw.FullError(FULL)
        super()._begin()

    def _check_room(self) -> bool:
        if self.is_full:
            raise apsw.FullError(FULL)
        return False

    def _answer(self, batch: list[Unit[Any]]) -> None:
        if self._is_killed:
            self._drop(batch)
            return
        answer_all(batch)
        self._is_busy = False
        self.has_answered.set()
        if self._waiting:
            self._go_on()

    def _drop(self, batch: list[Unit[Any]]) -> None:
        for unit in batch:
            unit.error = StoreUnavailable("killed")
        answer_all(batch)


class WatchedDatabase(VirtualDatabase):
    """Compares, after each commit, what the writer keeps beside the rows with the rows."""

    def __init__(
        self, connection: apsw.Connection, *, capacity: Capacity, pauses: Iterator[float]
    ) -> None:
        super().__init__(connection, capacity=capacity, pauses=pauses)
        self._limits = capacity

    def committed(self) -> None:
        super().committed()
        if self._is_stale:
            return
        gates, rows = self._transaction.gates, self.connection
        tickets = {id: ticket.host for id, ticket in gates._tickets.items()}
        assert tickets == dict(select(rows, ACTIVE_HOSTS))
        for host, count in select(rows, OPEN_BY_HOST):
            assert gates._open[host] == count <= self._limits.host
        for project, count in select(rows, OPEN_BY_PROJECT):
            assert gates._open[project_gate(project)] == count
            assert not self._limits.project or count <= self._limits.project
        assert all(id in gates.lists for (id,) in select(rows, PARKED_AT))


ACTIVE_HOSTS = "SELECT id, host_gate FROM messages WHERE state = 1"
OPEN_BY_HOST = "SELECT host_gate, count(*) FROM messages WHERE state = 1 GROUP BY host_gate"
OPEN_BY_PROJECT = "SELECT project_id, count(*) FROM messages WHERE state = 1 GROUP BY project_id"
PARKED_AT = "SELECT DISTINCT parked_at FROM messages WHERE parked_at IS NOT NULL"


class SlowStore(SqliteStore):
    """A store on a file whose writer takes its time; it can be killed in the midst of it."""

    def __init__(
        self, path: str, *, capacity: Capacity, rng: random.Random, max_examined: int
    ) -> None:
        self._lock = lock_file(path)
        pauses = (rng.uniform(0, 0.004) for _ in itertools.count())
        self.database = WatchedDatabase(open_writer(path), capacity=capacity, pauses=pauses)
        self._speak_to(self.database, None, max_examined=max_examined)

    async def stop(self) -> None:
        await self.database.close()
        self._release()

    async def kill(self) -> None:
        self.database.kill()
        self._release()

    def _release(self) -> None:
        self.database.connection.close()
        os.close(self._lock)


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
