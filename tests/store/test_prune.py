"""Retention: what has expired goes, a bounded number of things at a time."""

from pathlib import Path
from typing import Any

import pytest

from relaypost.domain.filters import Filter, Page
from relaypost.domain.logs import LogState
from relaypost.domain.messages import Deduplication, NewMessage, Publication
from relaypost.domain.projects import Project, SigningKeys
from relaypost.domain.retention import RetentionPeriods
from relaypost.domain.types import MessageId, UnixMs
from relaypost.store.base import Store
from relaypost.store.sqlite.connection import open_reader
from relaypost.store.sqlite.store import SqliteStore
from tests.support.lives import DOWN, PROJECT, START, Lives, envelope

LONG_AGO = UnixMs(0)
PERIODS = RetentionPeriods(logs_ms=1000, dead_letters_ms=5000, finished_messages_ms=100)


@pytest.fixture(autouse=True)
async def project(store: SqliteStore) -> None:
    """Retention goes through the projects that there are."""
    keys = SigningKeys(current="sig_a", next="sig_b")
    await store.projects.add(Project(id=PROJECT, name="one", keys=keys), [])


async def prune(store: Store, now: int, *, limit: int = 1000) -> int:
    return await store.upkeep.prune(limit, horizon=PERIODS.horizon(UnixMs(now)))


async def states(store: Store) -> list[LogState]:
    page = Page(count=1000, latest_first=False)
    listing = await store.logs.entries(PROJECT, Filter(), page, since=LONG_AGO)
    return [entry.entry.state for entry in listing.items]


async def test_nothing_to_prune(store: Store) -> None:
    lives = Lives(store)
    await lives.fail()
    await lives.publish()
    assert await prune(store, START + 1000) == 0
    assert len(await states(store)) == 6


async def test_a_finished_message_goes_with_its_entries(store: Store) -> None:
    lives = Lives(store)
    id = await lives.publish(envelope(max_retries=1, retry_delay="0"))
    await lives.end(id, DOWN)
    await lives.start()
    await lives.end(id)
    assert await prune(store, START + 1001) == 1
    assert await store.messages.get(PROJECT, [id]) == []
    assert await states(store) == []


async def test_a_message_that_lives_keeps_what_has_not_expired(store: Store) -> None:
    lives = Lives(store)
    id = await lives.publish(envelope(max_retries=2, retry_delay="500"))
    await lives.end(id, DOWN)
    lives.clock.advance(500)
    await lives.start()
    await prune(store, START + 1001)
    assert await states(store) == [LogState.CREATED, LogState.ACTIVE, LogState.ACTIVE]
    since = UnixMs(START + 1)
    listing = await store.logs.entries(PROJECT, Filter(), Page(count=9), since=since)
    assert [entry.entry.state for entry in listing.items] == [LogState.ACTIVE]
    await lives.end(id)
    (message,) = await store.messages.get(PROJECT, [id])
    assert message.retried == 1


async def test_a_message_and_its_dead_letter_expire_apart(store: Store) -> None:
    lives = Lives(store)
    id = await lives.fail(envelope(body=b"kept"))
    assert await prune(store, START + 1001) == 1
    assert await store.messages.get(PROJECT, list(lives.messages)) == []
    page = Page(count=10)
    kept = await store.dead_letters.select(PROJECT, Filter(), page, since=LONG_AGO)
    assert [(one.id, one.message.envelope.body) for one in kept.items] == [(id, b"kept")]
    assert await prune(store, START + 5001) == 1
    assert (await store.dead_letters.select(PROJECT, Filter(), page, since=LONG_AGO)).items == []


async def test_a_deleted_dead_letter_leaves_the_message_its_fields(store: Store) -> None:
    lives = Lives(store)
    id = await lives.fail(envelope(body=b"kept"))
    await store.dead_letters.delete(PROJECT, [id], since=LONG_AGO)
    (message,) = await store.messages.get(PROJECT, list(lives.messages))
    assert message.envelope.body == b"kept"


async def test_an_envelope_stays_until_nothing_needs_it(tmp_path: Path) -> None:
    path = str(tmp_path / "shared.db")
    store = SqliteStore(path)
    keys = SigningKeys(current="sig_a", next="sig_b")
    await store.projects.add(Project(id=PROJECT, name="one", keys=keys), [])
    reader = open_reader(path)

    def envelopes() -> list[MessageId]:
        rows: list[Any] = reader.execute("SELECT id FROM envelopes ORDER BY id").fetchall()
        return [id for (id,) in rows]

    lives = Lives(store)
    await lives.fail()
    deleted_early = await lives.fail()
    message_first, letter_first = lives.messages
    await store.dead_letters.delete(PROJECT, [deleted_early], since=LONG_AGO)
    assert envelopes() == [message_first, letter_first]
    await prune(store, START + 1001)
    assert envelopes() == [message_first]
    await prune(store, START + 5001)
    assert envelopes() == []
    reader.close()
    await store.upkeep.close()


async def test_a_limit_bounds_each_step(store: Store) -> None:
    lives = Lives(store)
    for _ in range(5):
        await lives.end(await lives.publish())
    pruned = []
    while left := await prune(store, START + 1001, limit=2):
        pruned.append(left)
    assert pruned == [2, 2, 1]
    assert await states(store) == []


async def test_deduplications_expire(store: Store) -> None:
    new = NewMessage(project_id=PROJECT, envelope=envelope())
    once = Publication(messages=(new,), deduplication=Deduplication(key=b"i1", window_ms=600))
    await store.messages.add([once], claim=None, now=START)
    assert await prune(store, START + 599) == 0
    again = await store.messages.add([once], claim=None, now=UnixMs(START + 599))
    assert again.published[0].duplicate
    assert await prune(store, START + 600) == 1


async def test_the_horizon_keeps_finished_messages_readable() -> None:
    short = RetentionPeriods(logs_ms=10, dead_letters_ms=5000, finished_messages_ms=100)
    assert short.horizon(UnixMs(START)).logs_before == START - 100
