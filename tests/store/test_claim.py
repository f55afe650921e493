"""Claiming what is due, in order, as much as was asked for."""

import asyncio

import pytest

from relaypost.domain.gates import Capacity
from relaypost.domain.logs import LogState
from relaypost.domain.messages import State
from relaypost.domain.types import MessageId
from relaypost.store.sqlite import releases
from tests.store.conftest import OpenStore
from tests.support.books import Book, ids
from tests.support.messages import BUSY, NOW, envelope, new_message, settlement


async def waiting(book: Book, *delays_ms: int) -> list[MessageId]:
    accepted = await book.add(*(new_message(delay_ms=delay) for delay in delays_ms))
    return [published.messages[0][0] for published in accepted.published]


async def test_nothing_is_due(book: Book) -> None:
    claimed = await book.claim()
    assert (claimed.messages, claimed.more, claimed.next_due_at) == ([], False, None)


async def test_what_is_due_is_claimed(book: Book) -> None:
    (id,) = await waiting(book, 1000)
    assert (await book.claim()).messages == []
    book.clock.advance(999)
    assert (await book.claim()).messages == [], "not a millisecond before its time"
    book.clock.advance(1)
    (claimed,) = (await book.claim()).messages
    assert claimed == await book.get(claimed.id)
    assert (claimed.id, claimed.state) == (id, State.ACTIVE)
    assert claimed.envelope == envelope()
    assert claimed.not_before == claimed.due_at == NOW + 1000
    assert await book.history(claimed.id) == [LogState.CREATED, LogState.ACTIVE]


async def test_nothing_is_claimed_twice(book: Book) -> None:
    await waiting(book, 0, 0, 0)
    claims = await asyncio.gather(*(book.claim(2) for _ in range(4)))
    claimed = [id for claim in claims for id in ids(claim.messages)]
    assert len(claimed) == len(set(claimed)) == 3


async def test_the_order_is_that_of_due_times_then_of_acceptance(book: Book) -> None:
    third, first, fourth, second = await waiting(book, 30, 10, 30, 20)
    book.clock.advance(100)
    assert ids((await book.claim()).messages) == [first, second, third, fourth]


async def test_a_claim_takes_as_many_as_it_may(book: Book) -> None:
    made = await waiting(book, *range(40))
    book.clock.advance(100)
    first = await book.claim(3)
    assert (ids(first.messages), first.more, first.next_due_at) == (made[:3], True, None)
    second = await book.claim(37)
    assert (ids(second.messages), second.more) == (made[3:], False)


async def test_a_claim_for_none_takes_none(book: Book) -> None:
    await waiting(book, 0)
    claimed = await book.claim(0)
    assert (claimed.messages, claimed.more) == ([], True)


async def test_bodies_count_against_the_budget(book: Book) -> None:
    await book.add(*(new_message(body=bytes(100)) for _ in range(3)))
    claimed = await book.claim(bytes=150)
    assert len(claimed.messages) == 2, "the one that exceeds the budget is the last"
    assert claimed.more


async def test_the_next_due_time_is_told(book: Book) -> None:
    await waiting(book, 0, 7, 5)
    claimed = await book.claim()
    assert (len(claimed.messages), claimed.more, claimed.next_due_at) == (1, False, NOW + 5)


async def test_one_claim_looks_at_a_bounded_number(open_store: OpenStore) -> None:
    """Parking a backlog takes several transactions, and says so."""
    book = await Book.open(open_store(Capacity(host=1)))
    count = releases.MAX_EXAMINED + 1
    await book.add(*(new_message() for _ in range(count)))
    first = await book.claim()
    assert (len(first.messages), first.more) == (1, True)
    second = await book.claim()
    assert (second.messages, second.more, second.next_due_at) == ([], False, None)


async def test_parked_messages_are_not_due(open_store: OpenStore) -> None:
    book = await Book.open(open_store(Capacity(host=1)))
    await book.add(*(new_message() for _ in range(3)))
    assert len((await book.claim(1)).messages) == 1
    parking = await book.claim()
    assert (parking.messages, parking.more, parking.next_due_at) == ([], False, None)


async def test_a_small_claim_passes_by_what_has_to_be_parked(open_store: OpenStore) -> None:
    """A backlog for one host, due before, must not hide a message for another."""
    book = await Book.open(open_store(Capacity(host=1)))
    await book.start(new_message())
    await book.add(*(new_message() for _ in range(100)))
    book.clock.advance(1)
    other = new_message("https://other.example.com/")
    await book.add(other)
    claimed = await book.claim(1)
    assert [message.envelope.url for message in claimed.messages] == [other.envelope.url]


async def test_retries_are_claimed_with_their_number(book: Book) -> None:
    (message,) = await book.start(new_message(retry_delay="50"))
    await book.settle(settlement(message, BUSY))
    book.clock.advance(50)
    (again,) = (await book.claim()).messages
    assert (again.id, again.retried) == (message.id, 1)
    assert (again.not_before, again.due_at) == (NOW, NOW + 50)


@pytest.mark.conformance("D-31")
async def test_what_was_cancelled_while_waiting_is_never_claimed(book: Book) -> None:
    one, other = await waiting(book, 10, 10)
    assert await book.cancel(one) == [True]
    book.clock.advance(10)
    assert ids((await book.claim()).messages) == [other]
