"""SQLite databases whose writer a test can hold up, or break."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from relaypost.domain.gates import Capacity
from relaypost.store.sqlite.connection import open_writer
from relaypost.store.sqlite.database import Database, Transaction
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
