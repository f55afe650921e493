"""The end of an attempt: one settlement is everything that its outcome changes, or nothing."""

from typing import Any

import pytest

from relaypost.domain.filters import Page
from relaypost.domain.gates import Capacity
from relaypost.domain.logs import LogEntry, LogState
from relaypost.domain.messages import Message, State
from relaypost.domain.outcomes import Hints, Responded
from relaypost.domain.sequences import sequence
from relaypost.domain.types import DeadLetterId, LeaseId, UnixMs
from tests.store.conftest import OpenStore
from tests.support.books import EVER, NO_FILTER, PLENTY, Book, ids
from tests.support.messages import BUSY, DOWN, NOW, OK, PROJECT, new_message, settlement

CREATED, ACTIVE, RETRY, ERROR = (
    LogState.CREATED,
    LogState.ACTIVE,
    LogState.RETRY,
    LogState.ERROR,
)
DELIVERED, FAILED = LogState.DELIVERED, LogState.FAILED
CANCEL_REQUESTED, CANCELED = LogState.CANCEL_REQUESTED, LogState.CANCELED

STRANGE = Responded(status=418, headers=(("X-Raw", "\udcff"), ("X-Raw", "2")), body=b"\0\xff")


async def start_one(book: Book, **overrides: Any) -> Message:
    (message,) = await book.start(new_message(**overrides))
    return message


async def entry_of(book: Book, message: Message, state: LogState) -> LogEntry:
    (found,) = [one for one in await book.entries(message.id) if one.entry.state is state]
    return found


async def test_rule_3_a_success_delivers(book: Book) -> None:
    message = await start_one(book)
    book.clock.advance(70)
    settled = await book.settle(settlement(message, Responded(status=204)))
    assert (settled.applied, settled.claimed, settled.next_due_at) == ([True], [], None)
    assert await book.state(message.id) is State.DELIVERED
    assert await book.messages.ended_at(PROJECT, message.id) == NOW + 70
    assert await book.history(message.id) == [CREATED, ACTIVE, DELIVERED]
    entry = await entry_of(book, message, DELIVERED)
    assert (entry.time, entry.entry.response_status) == (NOW + 70, 204)
    assert entry.entry.response_body is None
    assert await book.dead_letters() == []


async def test_rule_4_a_failure_with_attempts_left_is_retried(book: Book) -> None:
    message = await start_one(book, retry_delay="1500")
    book.clock.advance(70)
    settled = await book.settle(settlement(message, STRANGE, now=book.clock.now()))
    due_at = NOW + 70 + 1500
    assert (settled.applied, settled.next_due_at) == ([True], due_at)
    found = await book.get(message.id)
    assert (found.state, found.retried, found.due_at) == (State.WAITING, 1, due_at)
    assert found.not_before == NOW
    assert await book.history(message.id) == [CREATED, ACTIVE, ERROR, RETRY]
    error = (await entry_of(book, message, ERROR)).entry
    assert (error.next_delivery_at, error.error) == (due_at, "418 I'm a Teapot")
    assert (error.response_status, error.response_headers) == (418, STRANGE.headers)
    assert error.response_body == STRANGE.body
    retry = (await entry_of(book, message, RETRY)).entry
    assert (retry.next_delivery_at, retry.error, retry.response_status) == (due_at, None, None)
    assert await book.messages.ended_at(PROJECT, message.id) is None


async def test_an_attempt_without_an_answer_logs_no_response(book: Book) -> None:
    message = await start_one(book)
    await book.settle(settlement(message, DOWN))
    error = (await entry_of(book, message, ERROR)).entry
    assert error.error == DOWN.error
    assert (error.response_status, error.response_headers, error.response_body) == (
        None,
        None,
        None,
    )


async def test_rule_5_a_failure_without_attempts_left_is_final(book: Book) -> None:
    message = await start_one(book, max_retries=0)
    buried = DeadLetterId(sequence(UnixMs(NOW + 70)))
    book.clock.advance(70)
    settled = await book.settle(settlement(message, STRANGE, dead_letter_id=buried))
    assert (settled.applied, settled.next_due_at) == ([True], None)
    assert await book.state(message.id) is State.FAILED
    assert await book.history(message.id) == [CREATED, ACTIVE, ERROR, FAILED]
    failed = await entry_of(book, message, FAILED)
    assert failed.dead_letter_id == buried
    assert (failed.entry.error, failed.entry.response_status) == ("418 I'm a Teapot", None)
    page = Page(count=PLENTY)
    (dead_letter,) = (
        await book.store.dead_letters.select(PROJECT, NO_FILTER, page, since=EVER)
    ).items
    assert dead_letter.id == buried
    assert dead_letter.message.envelope == message.envelope
    assert dead_letter.response.status == 418
    assert dead_letter.response.headers == STRANGE.headers
    assert dead_letter.response.body == STRANGE.body


async def test_rule_5_a_failure_that_forbids_retries_is_final(book: Book) -> None:
    message = await start_one(book, max_retries=3)
    refused = Responded(status=489)
    await book.settle(settlement(message, refused, hints=Hints(non_retryable=True)))
    assert await book.history(message.id) == [CREATED, ACTIVE, ERROR, FAILED]
    assert await book.dead_letters() == [message.id]


@pytest.mark.conformance("D-31")
async def test_rule_6_a_cancel_while_waiting_is_final(book: Book) -> None:
    accepted = await book.add(new_message())
    ((id, _),) = accepted.published[0].messages
    assert await book.cancel(id) == [True]
    assert await book.state(id) is State.CANCELED
    assert await book.history(id) == [CREATED, CANCEL_REQUESTED, CANCELED]
    assert (await book.claim()).messages == []
    assert await book.dead_letters() == []


async def test_rule_6_a_cancel_between_attempts(book: Book) -> None:
    message = await start_one(book, retry_delay="10")
    await book.settle(settlement(message, BUSY))
    assert await book.cancel(message.id) == [True]
    book.clock.advance(10)
    assert (await book.claim()).messages == []
    assert (await book.history(message.id))[-2:] == [CANCEL_REQUESTED, CANCELED]


async def test_rule_7_a_cancel_during_an_attempt_is_recorded(book: Book) -> None:
    message = await start_one(book)
    assert await book.cancel(message.id) == [True]
    found = await book.get(message.id)
    assert (found.state, found.cancel_requested) == (State.ACTIVE, True)
    assert await book.history(message.id) == [CREATED, ACTIVE, CANCEL_REQUESTED]
    assert await book.cancel(message.id) == [False], "the second finds nothing to do"


@pytest.mark.conformance("D-30")
async def test_rule_8_a_success_after_a_cancel_delivers(book: Book) -> None:
    message = await start_one(book)
    await book.cancel(message.id)
    reports = settlement(message, OK, callbacks=(new_message("https://back.example/"),))
    settled = await book.settle(reports)
    assert settled.applied == [True]
    assert await book.history(message.id) == [CREATED, ACTIVE, CANCEL_REQUESTED, DELIVERED]
    assert len(settled.claimed) == 1, "its callback is sent all the same"


@pytest.mark.conformance("D-30")
@pytest.mark.parametrize("max_retries", [0, 3])
async def test_rule_9_a_failure_after_a_cancel_is_the_end(book: Book, max_retries: int) -> None:
    message = await start_one(book, max_retries=max_retries)
    await book.cancel(message.id)
    reports = settlement(message, BUSY, callbacks=(new_message("https://back.example/"),))
    settled = await book.settle(reports)
    assert (settled.applied, settled.claimed, settled.next_due_at) == ([True], [], None)
    assert await book.state(message.id) is State.CANCELED
    assert await book.history(message.id) == [CREATED, ACTIVE, CANCEL_REQUESTED, ERROR, CANCELED]
    error = (await entry_of(book, message, ERROR)).entry
    assert (error.next_delivery_at, error.response_status) == (None, 503)
    assert await book.dead_letters() == []
    assert len(await book.entries()) == 5, "no callback was made"
    assert (await book.claim()).messages == []


async def test_what_is_terminal_can_not_be_cancelled(book: Book) -> None:
    message = await start_one(book)
    await book.settle(settlement(message))
    assert await book.cancel(message.id) == [False]
    assert await book.history(message.id) == [CREATED, ACTIVE, DELIVERED]


@pytest.mark.parametrize("outcome", [OK, BUSY, DOWN], ids=["200", "503", "refused"])
@pytest.mark.parametrize("max_retries", [0, 3])
async def test_under_a_lost_lease_nothing_is_written(
    book: Book, outcome: Responded, max_retries: int
) -> None:
    message = await start_one(book, max_retries=max_retries)
    before = await book.entries()
    stale = LeaseId(book.lease + 1)
    reports = settlement(message, outcome, callbacks=(new_message(),))
    settled = await book.settle(reports, lease=stale)
    assert (settled.applied, settled.claimed, settled.next_due_at) == ([False], [], None)
    assert await book.get(message.id) == message
    assert await book.entries() == before
    assert await book.dead_letters() == []


async def test_an_outcome_counts_once(book: Book) -> None:
    message = await start_one(book, max_retries=0)
    assert (await book.settle(settlement(message, BUSY))).applied == [True]
    assert (await book.settle(settlement(message, OK))).applied == [False]
    assert await book.state(message.id) is State.FAILED


async def test_answers_come_in_the_order_of_the_settlements(book: Book) -> None:
    first, second, third = await book.start(*(new_message() for _ in range(3)))
    await book.settle(settlement(second))
    settled = await book.settle(*map(settlement, (first, second, third)))
    assert settled.applied == [True, False, True]


async def test_callbacks_are_messages_of_the_same_transaction(book: Book) -> None:
    message = await start_one(book)
    callbacks = (
        new_message("https://back.example/", body=b"{}"),
        new_message("https://back.example/later", delay_ms=4_000),
    )
    book.clock.advance(5)
    settled = await book.settle(settlement(message, callbacks=callbacks))
    (started,) = settled.claimed
    assert started.envelope == callbacks[0].envelope
    assert started.created_at == NOW + 5
    assert settled.next_due_at == NOW + 5 + 4_000
    assert await book.history(started.id) == [CREATED, ACTIVE]
    book.clock.advance(4_000)
    (late,) = (await book.claim()).messages
    assert late.envelope == callbacks[1].envelope


async def test_callbacks_wait_when_the_node_has_no_slot(book: Book) -> None:
    message = await start_one(book)
    callbacks = (new_message("https://back.example/"),)
    settled = await book.settle(settlement(message, callbacks=callbacks), limit=0)
    assert (settled.claimed, settled.next_due_at) == ([], NOW)
    assert len((await book.claim()).messages) == 1


async def test_all_of_one_settlement_or_nothing(book: Book) -> None:
    """A dead letter that can't be written takes back the state and the callbacks."""
    first, second = await book.start(*(new_message(max_retries=0) for _ in range(2)))
    await book.settle(settlement(first, BUSY, dead_letter_id=DeadLetterId(7)))
    clash = settlement(second, BUSY, dead_letter_id=DeadLetterId(7), callbacks=(new_message(),))
    before = await book.entries()
    with pytest.raises(Exception, match="UNIQUE"):
        await book.settle(clash)
    assert await book.get(second.id) == second
    assert await book.entries() == before
    assert await book.dead_letters() == [first.id]
    assert (await book.settle(settlement(second))).applied == [True]


@pytest.mark.conformance("D-27")
async def test_entries_of_a_failure_and_a_success(book: Book) -> None:
    message = await start_one(book, retry_delay="10")
    await book.settle(settlement(message, Responded(status=500)))
    book.clock.advance(10)
    (again,) = (await book.claim()).messages
    await book.settle(settlement(again, OK))
    entries = await book.entries(message.id)
    states = [entry.entry.state for entry in entries]
    assert states == [CREATED, ACTIVE, ERROR, RETRY, ACTIVE, DELIVERED]
    numbers = [entry.sequence for entry in entries]
    assert numbers == sorted(set(numbers)), "strictly increasing within a transaction too"
    assert [entry.time for entry in entries] == [NOW] * 4 + [NOW + 10] * 2


async def test_entries_of_two_failures(book: Book) -> None:
    message = await start_one(book, retry_delay="0", max_retries=1)
    (again,) = (await book.settle(settlement(message, BUSY))).claimed
    await book.settle(settlement(again, BUSY))
    assert await book.history(message.id) == [
        CREATED,
        ACTIVE,
        ERROR,
        RETRY,
        ACTIVE,
        ERROR,
        FAILED,
    ]


async def test_a_batch_beyond_the_limits_of_gates(open_store: OpenStore) -> None:
    """A batch frees all its slots before any of them is given to another."""
    book = await Book.open(open_store(Capacity(host=3)))
    started = await book.start(*(new_message() for _ in range(3)))
    await book.add(*(new_message() for _ in range(5)), claim=book.offer())
    settled = await book.settle(*map(settlement, started))
    assert len(ids(settled.claimed)) == 3
