"""The order in the wait list of a key whose messages come from several gates at once (4.1).

Of the messages whose gates are open, the one that was ready first starts first.
"""

from collections.abc import Awaitable, Callable

import pytest

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.gates import Capacity
from relaypost.domain.messages import NewMessage
from relaypost.domain.types import UnixMs
from tests.store.conftest import OpenStore
from tests.support.books import Book, ids
from tests.support.messages import PROJECT, new_message, settlement

OpenBook = Callable[..., Awaitable[Book]]
A, B = "https://a.example.com/", "https://b.example.com/"


@pytest.fixture
def open_book(open_store: OpenStore) -> OpenBook:
    async def open_book(**limits: int) -> Book:
        return await Book.open(open_store(Capacity(**limits)))

    return open_book


def keyed(url: str = A, *, parallelism: int | None = 1, **overrides: object) -> NewMessage:
    limits = FlowControl(key="erp", parallelism=parallelism)
    return new_message(url, flow_control=limits, **overrides)


async def cut_all(book: Book) -> None:
    """All open attempts are lost with their lease."""
    now = book.clock.now()
    await book.messages.renew(book.lease, until=now)
    await book.messages.rescue(100, now=now)
    book.lease = await book.messages.take_lease(until=UnixMs(now + 30_000))


@pytest.mark.xfail(strict=True, reason="defect: every other slot goes to those that are parked")
async def test_a_repeat_comes_before_those_that_waited_behind_it(open_book: OpenBook) -> None:
    """Also when the node has a slot for one only, whichever gate's turn it is."""
    book = await open_book()
    (first,) = await book.start(keyed())
    await book.add(keyed(), claim=book.offer())
    for _ in range(2):
        await cut_all(book)
        assert ids((await book.claim(limit=1)).messages) == [first.id]


@pytest.mark.xfail(strict=True, reason="defect: what is due is looked at before what is resumed")
async def test_a_resumed_queue_comes_before_what_was_ready_later(open_book: OpenBook) -> None:
    book = await open_book()
    (first,) = await book.start(keyed(queue_name="mails"))
    await cut_all(book)
    await book.store.queues.set_paused(PROJECT, "mails", True, now=book.clock.now())
    assert (await book.claim()).messages == [], "it has its place and waits for the queue"
    book.clock.advance(1)
    await book.add(keyed(delay_ms=1), claim=book.offer())
    book.clock.advance(1)
    await book.store.queues.set_paused(PROJECT, "mails", False, now=book.clock.now())
    assert ids((await book.claim()).messages) == [first.id]


@pytest.mark.xfail(strict=True, reason="defect: what is due is looked at before open hosts")
async def test_a_host_that_has_room_comes_before_what_was_ready_later(open_book: OpenBook) -> None:
    book = await open_book(host=1)
    (holder,) = await book.start(new_message(A))
    accepted = await book.add(keyed(A), keyed(A), claim=book.offer())
    assert accepted.claimed == [], "they wait at the host"
    (first, _), _ = (one.messages[0] for one in accepted.published)
    book.clock.advance(1)
    settled = await book.settle(
        settlement(holder, now=book.clock.now(), callbacks=(keyed(B),)), limit=0
    )
    assert settled.claimed == []
    assert ids((await book.claim()).messages) == [first]
