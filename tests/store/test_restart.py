"""What a start finds: everything that was answered, and the gates as its rows say."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from relaypost.domain.gates import Capacity
from relaypost.domain.limits import Limits
from relaypost.domain.logs import LogState
from relaypost.domain.messages import State
from relaypost.domain.projects import SigningKeys
from relaypost.domain.url_groups import Endpoint
from relaypost.store.sqlite.store import SqliteStore
from tests.support.books import Book, ids
from tests.support.messages import (
    BUSY,
    NOW,
    PROJECT,
    callback,
    new_message,
    project,
    publication,
    settlement,
)

Restart = Callable[..., Awaitable[Book]]


@pytest.fixture
async def restart(tmp_path: Path) -> AsyncIterator[Restart]:
    """Opens a book on what the last one's process has left behind when it was killed.

    A process that is killed leaves its files as they are at that moment: they are copied while
    the store is open. What the system had not yet written would be lost with the machine only.
    """
    stores: list[SqliteStore] = []

    async def restart(capacity: Capacity | None = None) -> Book:
        path = tmp_path / f"{len(stores)}.db"
        if stores:
            before = tmp_path / f"{len(stores) - 1}.db"
            for suffix in ("", "-wal"):
                shutil.copyfile(f"{before}{suffix}", f"{path}{suffix}")
        stores.append(SqliteStore(str(path), capacity=capacity))
        return await Book.open(stores[-1])

    yield restart
    for store in stores:
        await store.upkeep.close()


async def test_what_was_accepted_is_there(restart: Restart) -> None:
    book = await restart()
    waiting = new_message(delay_ms=50, callback=callback())
    accepted = await book.add(waiting, new_message(), claim=book.offer())
    made = [published.messages[0][0] for published in accepted.published]
    before = await book.entries()
    book = await restart()
    assert [(await book.get(id)).envelope for id in made] == [
        waiting.envelope,
        new_message().envelope,
    ]
    assert await book.entries() == before


async def test_the_leases_of_the_process_that_was_killed_are_lost(restart: Restart) -> None:
    book = await restart()
    (message,) = await book.start(new_message())
    lease = book.lease
    book = await restart()
    assert book.lease > lease
    assert await book.state(message.id) is State.ACTIVE
    rescued = await book.messages.rescue(10, now=book.clock.now())
    assert (rescued.count, rescued.next_due_at) == (1, NOW)
    assert ids((await book.claim()).messages) == [message.id]


@pytest.mark.conformance("D-29")
async def test_an_end_is_there_with_all_that_follows(restart: Restart) -> None:
    book = await restart()
    (message,) = await book.start(new_message(max_retries=0))
    reports = settlement(message, BUSY, callbacks=(new_message("https://back.example/"),))
    (reporting,) = (await book.settle(reports)).claimed
    book = await restart()
    assert (await book.history(message.id))[-1] is LogState.FAILED
    assert await book.dead_letters() == [message.id]
    await book.messages.rescue(10, now=book.clock.now())
    assert ids((await book.claim()).messages) == [reporting.id]


async def test_open_attempts_are_counted_from_the_rows(restart: Restart) -> None:
    capacity = Capacity(host=2, project=3)
    book = await restart(capacity)
    await book.start(new_message(), new_message())
    book = await restart(capacity)
    assert (await book.add(new_message(), claim=book.offer())).claimed == []
    other = new_message("https://other.example.com/")
    assert len((await book.add(other, other, claim=book.offer())).claimed) == 1, "three in all"
    await book.messages.rescue(10, now=book.clock.now())
    assert len((await book.claim()).messages) == 2


async def test_backlogs_go_on(restart: Restart) -> None:
    capacity = Capacity(host=1, project=2)
    book = await restart(capacity)
    a, b, c = (new_message(f"https://{name}.example.com/") for name in "abc")
    first, _, second = await book.start(a), await book.start(b), [c]
    accepted = await book.add(a, *second, claim=book.offer())
    assert accepted.claimed == []
    book = await restart(capacity)
    assert (await book.claim()).messages == []
    gates = book.messages._database._transaction.gates  # type: ignore[attr-defined]
    assert len(list(gates.lists.lines())) == 1, "both wait at the project"
    await book.messages.rescue(10, now=book.clock.now())
    claimed = (await book.claim()).messages
    assert ids(claimed)[0] == first[0].id
    assert len(claimed) == 2
    settled = await book.settle(*map(settlement, claimed))
    assert len(settled.claimed) == 2


async def test_limits_may_have_changed(restart: Restart) -> None:
    """Backlogs of gates without an open attempt are let go by the first rescue."""
    book = await restart(Capacity(project=1))
    (message,) = await book.start(new_message())
    await book.add(*(new_message() for _ in range(4)), claim=book.offer())
    await book.cancel(message.id)
    book = await restart(Capacity(project=0))
    rescued = await book.messages.rescue(10, now=book.clock.now())
    assert rescued.next_due_at == NOW
    assert len((await book.claim()).messages) == 4


async def test_numbers_go_on(restart: Restart) -> None:
    """In the same millisecond too, and behind the ACTIVE entry that is no row."""
    book = await restart()
    (first,) = await book.start(new_message())
    book = await restart()
    (second,) = await book.start(new_message())
    entries = await book.entries()
    assert ids([entry.message for entry in entries]) == [first.id] * 2 + [second.id] * 2
    assert len({entry.sequence for entry in entries}) == 4


async def test_keys_of_deduplication_stay(restart: Restart) -> None:
    book = await restart()
    first = await book.add(publication(key=b"k"))
    book = await restart()
    again = await book.add(publication(key=b"k"))
    assert again.published[0].duplicate
    assert again.published[0].messages == first.published[0].messages


@pytest.mark.conformance("K-5")
async def test_a_rotation_stays(restart: Restart) -> None:
    book = await restart()
    was, new = project().keys, SigningKeys(current="sig_next", next="sig_newest")
    assert await book.store.projects.set_keys(PROJECT, new, was=was, now=NOW)
    book = await restart()
    (found,) = await book.store.projects.all()
    assert (found.keys, found.keys_rotated_at) == (new, NOW)


async def test_groups_stay(restart: Restart) -> None:
    book = await restart()
    endpoints = [
        Endpoint(url="https://one.example/", name="one"),
        Endpoint(url="https://two.example/"),
    ]
    groups = book.store.url_groups
    await groups.add_endpoints(PROJECT, "g", endpoints, limits=Limits(), now=NOW)
    await groups.set_headers(PROJECT, "g", (("Upstash-Retries", "1"),), now=NOW)
    before = await groups.all(PROJECT)
    book = await restart()
    assert await book.store.url_groups.all(PROJECT) == before
