"""What the database file says, read from outside and without changing it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from relaypost.domain.messages import State

SETTLED_SECONDS = 20.0

UNFINISHED = "SELECT count(*) FROM messages WHERE state IN (0, 1) OR parked_at IS NOT NULL"

BY_URL = """
SELECT envelopes.url, messages.id, messages.state, messages.retried
FROM messages JOIN envelopes ON envelopes.id = messages.id
"""

DEAD_LETTERS = """
SELECT envelopes.url, dead_letters.message_id FROM dead_letters
JOIN envelopes ON envelopes.id = dead_letters.message_id
"""


@contextmanager
def opened(database: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(5_000)
    try:
        yield connection
    finally:
        connection.close()


def rows(connection: apsw.Connection, query: str) -> list[Any]:
    return connection.execute(query).fetchall()


def unfinished(database: Path) -> int:
    """How many messages still wait, are attempted or are parked."""
    with opened(database) as connection:
        count: int = rows(connection, UNFINISHED)[0][0]
        return count


async def wait_settled(database: Path) -> None:
    """Messages in doubt and callbacks end too: nothing may be stuck."""
    async with asyncio.timeout(SETTLED_SECONDS):
        while await asyncio.to_thread(unfinished, database):  # noqa: ASYNC110  # other process
            await asyncio.sleep(0.05)


def states_by_path(connection: apsw.Connection, base_url: str) -> dict[str, list[State]]:
    found: dict[str, list[State]] = {}
    for url, _, state, _ in rows(connection, BY_URL):
        found.setdefault(url.removeprefix(base_url), []).append(State(state))
    return found


def dead_paths(connection: apsw.Connection, base_url: str) -> list[str]:
    return [url.removeprefix(base_url) for url, _ in rows(connection, DEAD_LETTERS)]


def integrity(connection: apsw.Connection) -> str:
    words: str = rows(connection, "PRAGMA integrity_check")[0][0]
    return words
