"""Leases: what a node claimed comes back when it is gone, and only then."""

import pytest

from relaypost.domain.gates import Capacity
from relaypost.domain.logs import LogState
from relaypost.domain.messages import State
from relaypost.domain.types import LeaseId, UnixMs
from tests.store.conftest import OpenStore
from tests.support.books import LEASE_MS, Book, ids
from tests.support.messages import BUSY, OK, new_message, settlement


async def new_lease(book: Book) -> LeaseId:
    until = UnixMs(book.clock.now() + LEASE_MS)
    return await book.messages.take_lease(until=until)


async def rescue(book: Book, limit: int = 100) -> int:
    return (await book.messages.rescue(limit, now=book.clock.now())).count


async def test_ids_of_leases_are_never_used_again(book: Book) -> None:
    second = await new_lease(book)
    book.clock.advance(LEASE_MS)
    await rescue(book)
    third = await new_lease(book)
    assert book.lease < second < third


async def test_nothing_is_rescued_while_the_lease_holds(book: Book) -> None:
    (message,) = await book.start(new_message())
    book.clock.advance(LEASE_MS - 1)
    assert await rescue(book) == 0
    assert (await book.settle(settlement(message))).applied == [True]


@pytest.mark.conformance("D-28")
async def test_rule_10_a_lost_message_is_due_at_once(book: Book) -> None:
    (message,) = await book.start(new_message(retry_delay="1000"))
    await book.settle(settlement(message, BUSY))
    book.clock.advance(1000)
    (message,) = (await book.claim()).messages
    book.clock.advance(LEASE_MS)
    rescued = await book.messages.rescue(100, now=book.clock.now())
    assert (rescued.count, rescued.next_due_at) == (1, message.due_at)
    found = await book.get(message.id)
    assert (found.state, found.retried) == (State.WAITING, 1), "the attempt is not counted"
    book.lease = await new_lease(book)
    (again,) = (await book.claim()).messages
    assert again == message
    states = await book.history(message.id)
    assert states == [
        LogState.CREATED,
        LogState.ACTIVE,
        LogState.ERROR,
        LogState.RETRY,
        LogState.ACTIVE,
        LogState.ACTIVE,
    ]


@pytest.mark.conformance("D-30")
async def test_rule_11_a_lost_message_whose_cancel_was_asked_for_ends(book: Book) -> None:
    (message,) = await book.start(new_message())
    await book.cancel(message.id)
    book.clock.advance(LEASE_MS)
    rescued = await book.messages.rescue(100, now=book.clock.now())
    assert (rescued.count, rescued.next_due_at) == (1, None)
    assert await book.state(message.id) is State.CANCELED
    states = await book.history(message.id)
    assert states == [
        LogState.CREATED,
        LogState.ACTIVE,
        LogState.CANCEL_REQUESTED,
        LogState.CANCELED,
    ]
    assert await book.dead_letters() == []


async def test_renewing_prolongs(book: Book) -> None:
    await book.start(new_message())
    book.clock.advance(LEASE_MS - 1)
    until = UnixMs(book.clock.now() + LEASE_MS)
    assert await book.messages.renew(book.lease, until=until)
    book.clock.advance(LEASE_MS - 1)
    assert await rescue(book) == 0
    book.clock.advance(1)
    assert await rescue(book) == 1


async def test_a_lease_that_ran_out_unnoticed_can_be_renewed(book: Book) -> None:
    """The clock jumped, or the process was suspended, but nobody took anything."""
    (message,) = await book.start(new_message())
    book.clock.advance(10 * LEASE_MS)
    until = UnixMs(book.clock.now() + LEASE_MS)
    assert await book.messages.renew(book.lease, until=until)
    assert await rescue(book) == 0
    assert (await book.settle(settlement(message))).applied == [True]


async def test_a_lease_that_a_rescue_found_run_out_is_lost(book: Book) -> None:
    (message,) = await book.start(new_message())
    book.clock.advance(LEASE_MS)
    assert await rescue(book) == 1
    until = UnixMs(book.clock.now() + LEASE_MS)
    assert not await book.messages.renew(book.lease, until=until)
    settled = await book.settle(settlement(message, OK))
    assert settled.applied == [False]
    assert await book.state(message.id) is State.WAITING


async def test_attempts_under_a_lost_lease_settle_nothing_of_the_next(book: Book) -> None:
    (message,) = await book.start(new_message())
    stale = book.lease
    book.clock.advance(LEASE_MS)
    await rescue(book)
    book.lease = await new_lease(book)
    (again,) = (await book.claim()).messages
    late = await book.settle(settlement(message, BUSY), lease=stale)
    assert late.applied == [False]
    assert (await book.settle(settlement(again, OK))).applied == [True]
    assert (await book.history(message.id))[-1] is LogState.DELIVERED


async def test_a_lost_lease_claims_nothing(book: Book) -> None:
    """Else an outcome of before would count for the attempt of after."""
    (message,) = await book.start(new_message())
    book.clock.advance(LEASE_MS)
    await rescue(book)
    claimed = await book.claim()
    assert (claimed.messages, claimed.more, claimed.next_due_at) == ([], False, None)
    accepted = await book.add(new_message(), claim=book.offer())
    assert (accepted.claimed, accepted.next_due_at) == ([], book.clock.now())
    settled = await book.settle(settlement(message))
    assert (settled.applied, settled.claimed) == ([False], [])
    book.lease = await new_lease(book)
    assert len((await book.claim()).messages) == 2


async def test_what_is_not_given_back_yet_can_be_settled_but_makes_no_claim(book: Book) -> None:
    first, second = await book.start(new_message(), new_message())
    book.clock.advance(LEASE_MS)
    assert await rescue(book, 1) == 1
    back = (new_message("https://back.example/"),)
    settled = await book.settle(settlement(second, callbacks=back))
    assert (settled.applied, settled.claimed) == ([True], [])
    assert settled.next_due_at == book.clock.now()
    assert (await book.settle(settlement(first))).applied == [False]


async def test_giving_a_lease_up_is_renewing_it_until_now(book: Book) -> None:
    await book.start(new_message())
    assert await book.messages.renew(book.lease, until=book.clock.now())
    assert await rescue(book) == 1


async def test_one_lease_is_lost_and_another_holds(book: Book) -> None:
    (lost,) = await book.start(new_message())
    book.clock.advance(LEASE_MS)
    stale, book.lease = book.lease, await new_lease(book)
    (held,) = await book.start(new_message())
    assert await rescue(book) == 1
    assert (await book.settle(settlement(lost), lease=stale)).applied == [False]
    assert (await book.settle(settlement(held))).applied == [True]


async def test_a_rescue_is_for_so_many(book: Book) -> None:
    await book.start(*(new_message() for _ in range(5)))
    book.clock.advance(LEASE_MS)
    assert [await rescue(book, 2) for _ in range(4)] == [2, 2, 1, 0]


async def test_rescued_messages_keep_their_place(book: Book) -> None:
    first = await book.start(new_message(), new_message())
    book.clock.advance(1)
    accepted = await book.add(new_message())
    book.clock.advance(LEASE_MS)
    await rescue(book)
    book.lease = await new_lease(book)
    expected = [*ids(first), accepted.published[0].messages[0][0]]
    assert ids((await book.claim()).messages) == expected


async def test_a_rescue_frees_slots_and_lets_parked_messages_go(open_store: OpenStore) -> None:
    book = await Book.open(open_store(Capacity(host=1)))
    (lost,) = await book.start(new_message())
    parked = await book.add(new_message(), new_message(), claim=book.offer())
    await book.cancel(lost.id)
    book.clock.advance(LEASE_MS)
    rescued = await book.messages.rescue(100, now=book.clock.now())
    assert rescued.count == 1
    assert rescued.next_due_at == book.clock.now()
    book.lease = await new_lease(book)
    assert ids((await book.claim()).messages) == [parked.published[0].messages[0][0]]
