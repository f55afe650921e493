"""How much the store looks at to answer: by index, and a bounded number of rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from relaypost.domain.filters import Filter, Page
from relaypost.domain.gates import Capacity
from relaypost.domain.logs import LogState
from relaypost.domain.types import DeadLetterId, MessageId, Sequence, UnixMs
from relaypost.store.sqlite import cancellations, dead_letters, grouped_logs, logs
from relaypost.store.sqlite.connection import open_reader, open_writer
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.store import SqliteStore
from tests.support.lives import DOWN, PROJECT, START, Lives, envelope

LONG_AGO = UnixMs(START - 1)
PAGE = Page(count=10)
IDS = (MessageId(5), MessageId(6))


@contextmanager
def plans(connection: apsw.Connection) -> Iterator[list[str]]:
    """The steps that SQLite plans for each statement that runs inside."""
    statements: list[tuple[str, Any]] = []
    steps: list[str] = []

    def note(_: apsw.Cursor, statement: str, values: Any) -> bool:
        statements.append((statement, values))
        return True

    connection.exec_trace = note
    yield steps
    connection.exec_trace = None
    for statement, values in statements:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
        steps += [str(row[3]) for row in rows]


def scans(steps: list[str]) -> list[str]:
    """The steps that go through a whole table or index; a list of values is none."""
    return [step for step in steps if step.startswith("SCAN") and "json_each" not in step]


@pytest.fixture
def connection() -> Iterator[apsw.Connection]:
    opened = open_writer(None)
    yield opened
    opened.close()


@pytest.mark.parametrize("latest_first", [True, False])
@pytest.mark.parametrize("read", [logs.list_entries, grouped_logs.list_messages])
def test_the_log_is_read_in_order_by_index(
    connection: apsw.Connection, read: Callable[..., Any], latest_first: bool
) -> None:
    page = Page(count=10, latest_first=latest_first)
    for which in (Filter(), Filter(labels=("a",)), Filter(states=(LogState.DELIVERED,))):
        with plans(connection) as steps:
            read(connection, PROJECT, which, page, since=LONG_AGO)
        assert scans(steps) == []
        assert not any("TEMP B-TREE" in step for step in steps)
        assert all("USING" in step for step in steps if step.startswith("SEARCH"))


@pytest.mark.parametrize("which", [Filter(message_ids=IDS), Filter(message_ids=IDS, urls=("u",))])
def test_entries_of_messages_are_found_by_their_ids(
    connection: apsw.Connection, which: Filter
) -> None:
    with plans(connection) as steps:
        logs.list_entries(connection, PROJECT, which, PAGE, since=LONG_AGO)
    tables = [step for step in steps if step.startswith(("SEARCH m ", "SEARCH l "))]
    assert scans(steps) == []
    assert tables == [
        *["SEARCH m USING PRIMARY KEY (project_id=? AND id=?)"] * 3,
        "SEARCH l USING INDEX log_entries_message (message_id=? AND sequence>? AND sequence<?)",
    ]


def test_dead_letters_are_found_by_their_ids(connection: apsw.Connection) -> None:
    by_id = Filter(dead_letter_ids=(DeadLetterId(1), DeadLetterId(2)))
    with plans(connection) as steps:
        dead_letters.list_dead_letters(connection, PROJECT, by_id, PAGE, since=LONG_AGO)
    assert "SEARCH d USING PRIMARY KEY (project_id=? AND id=?)" in steps
    assert scans(steps) == []
    with plans(connection) as steps:
        dead_letters.matching(connection, PROJECT, Filter(message_ids=IDS), PAGE, since=LONG_AGO)
    assert any("autoindex" in step and "(message_id=?)" in step for step in steps)
    assert scans(steps) == []


def test_dead_letters_are_read_in_order_by_index(connection: apsw.Connection) -> None:
    for which in (Filter(), Filter(labels=("a",), response_statuses=(500,))):
        with plans(connection) as steps:
            dead_letters.list_dead_letters(connection, PROJECT, which, PAGE, since=LONG_AGO)
        assert scans(steps) == []
        assert not any("TEMP B-TREE" in step for step in steps)


def test_a_cancel_by_id_touches_one_row(connection: apsw.Connection) -> None:
    transaction = Transaction(connection, Capacity())
    with plans(connection) as steps:
        cancellations.cancel(transaction, PROJECT, IDS, now=START)
    assert set(steps) == {"SEARCH messages USING PRIMARY KEY (project_id=? AND id=?)"}


def test_a_cancel_by_filter_looks_at_live_messages_only(connection: apsw.Connection) -> None:
    for which in (Filter(), Filter(labels=("a",))):
        with plans(connection) as steps:
            cancellations.matching(connection, PROJECT, which, oldest=None)
        tables = [step for step in steps if " messages " in step]
        assert len(tables) == 3
        assert all(
            any(index in step for index in ("messages_due", "messages_parked", "messages_active"))
            for step in tables
        )


async def test_a_page_ends_after_bounded_work(tmp_path: Path) -> None:
    path = str(tmp_path / "relaypost.db")
    store = SqliteStore(path)
    lives = Lives(store)
    for number in range(40):
        await lives.publish(envelope(labels=("rare",) if number % 20 == 7 else ()), claimed=False)
        lives.clock.advance(1)
    await lives.fail()
    reader = open_reader(path)
    for latest_first in (True, False):
        found, sizes = _read_all(reader, latest_first=latest_first)
        rare = [id for id, one in lives.messages.items() if one.envelope.labels]
        assert found == (rare[::-1] if latest_first else rare)
        assert len(sizes) > 4
        assert 0 in sizes
    reader.close()
    await store.upkeep.close()


def _read_all(reader: apsw.Connection, *, latest_first: bool) -> tuple[list[int], list[int]]:
    found: list[int] = []
    sizes: list[int] = []
    after: Sequence | None = None
    while True:
        page = Page(count=2, after=after, latest_first=latest_first)
        listing = logs.list_entries(
            reader, PROJECT, Filter(labels=("rare",)), page, since=LONG_AGO, max_examined=9
        )
        found += [entry.sequence for entry in listing.items]
        sizes.append(len(listing.items))
        if (after := listing.next) is None:
            return found, sizes


async def test_an_unfiltered_page_looks_at_little_more_than_it_shows(tmp_path: Path) -> None:
    path = str(tmp_path / "relaypost.db")
    store = SqliteStore(path)
    lives = Lives(store)
    for _ in range(20):
        await lives.end(await lives.publish(), DOWN)
    reader = open_reader(path)
    with plans(reader) as steps:
        listing = logs.list_entries(reader, PROJECT, Filter(), Page(count=2), since=LONG_AGO)
    pieces = sum("COVERING INDEX messages_ended" in step for step in steps)
    assert (len(listing.items), pieces) == (2, 1)
    reader.close()
    await store.upkeep.close()
