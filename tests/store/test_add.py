"""Accepting messages: all or none, on arrival or later, and once for each deduplication key."""

import asyncio

import pytest

from relaypost.domain.gates import Capacity
from relaypost.domain.logs import LogState
from relaypost.domain.messages import NewMessage, State
from relaypost.domain.outcomes import Outcome
from relaypost.domain.types import UnixMs
from tests.store.conftest import OpenStore
from tests.support.books import Book, ids
from tests.support.messages import (
    BUSY,
    NOW,
    OTHER_PROJECT,
    PROJECT,
    callback,
    envelope,
    new_message,
    project,
    publication,
    settlement,
)

WINDOW_MS = 600_000


async def test_what_is_due_is_active_at_once(book: Book) -> None:
    asked = new_message(callback=callback())
    accepted = await book.add(asked, claim=book.offer())
    (claimed,) = accepted.claimed
    assert claimed.envelope == asked.envelope
    assert (claimed.state, claimed.retried) == (State.ACTIVE, 0)
    assert claimed.not_before == claimed.due_at == claimed.created_at == NOW
    assert accepted.next_due_at is None
    assert accepted.published[0].messages == ((claimed.id, asked.envelope.url),)
    assert not accepted.published[0].duplicate
    assert await book.get(claimed.id) == claimed
    assert await book.history(claimed.id) == [LogState.CREATED, LogState.ACTIVE]


async def test_without_a_claim_messages_wait(book: Book) -> None:
    accepted = await book.add(new_message())
    assert accepted.claimed == []
    assert accepted.next_due_at == NOW
    ((id, _),) = accepted.published[0].messages
    assert await book.state(id) is State.WAITING
    assert await book.history(id) == [LogState.CREATED]


async def test_a_delay_counts_from_the_acceptance(book: Book) -> None:
    accepted = await book.add(new_message(delay_ms=90_000), claim=book.offer())
    assert accepted.claimed == []
    assert accepted.next_due_at == NOW + 90_000
    found = await book.get(accepted.published[0].messages[0][0])
    assert (found.created_at, found.not_before, found.due_at) == (NOW, NOW + 90_000, NOW + 90_000)


async def test_not_before_is_an_instant(book: Book) -> None:
    accepted = await book.add(new_message(not_before=UnixMs(NOW + 5)), claim=book.offer())
    assert accepted.next_due_at == NOW + 5


async def test_a_past_instant_is_due_at_once(book: Book) -> None:
    accepted = await book.add(new_message(not_before=UnixMs(NOW - 5)), claim=book.offer())
    assert accepted.claimed[0].not_before == NOW


async def test_next_due_is_the_earliest_of_those_that_wait(book: Book) -> None:
    later, soon, at_once = new_message(delay_ms=9), new_message(delay_ms=3), new_message()
    accepted = await book.add(later, soon, at_once, claim=book.offer())
    assert len(accepted.claimed) == 1
    assert accepted.next_due_at == NOW + 3


async def test_a_claim_is_for_so_many_messages(book: Book) -> None:
    accepted = await book.add(*(new_message() for _ in range(3)), claim=book.offer(2))
    assert len(accepted.claimed) == 2
    assert accepted.next_due_at == NOW
    assert ids((await book.claim()).messages) == [accepted.published[2].messages[0][0]]


async def test_a_claim_is_for_so_many_bytes(book: Book) -> None:
    asked = [new_message(body=bytes(100)) for _ in range(3)]
    accepted = await book.add(*asked, claim=book.offer(bytes=101))
    assert len(accepted.claimed) == 2, "the one that exceeds the budget is the last"


async def test_one_that_meets_a_closed_gate_is_parked(open_store: OpenStore) -> None:
    book = await Book.open(open_store(Capacity(host=1)))
    accepted = await book.add(new_message(), new_message(), claim=book.offer())
    assert len(accepted.claimed) == 1
    assert accepted.next_due_at is None, "a parked message falls due for nobody"
    assert (await book.claim()).messages == []


async def test_ids_follow_the_order_of_acceptance(book: Book) -> None:
    first = await book.add(new_message(), new_message(), claim=book.offer())
    second = await book.add(new_message(), claim=book.offer())
    made = [id for one in (*first.published, *second.published) for id, _ in one.messages]
    assert made == sorted(set(made))


async def test_a_clock_behind_the_last_message_makes_no_earlier_id(book: Book) -> None:
    first = await book.start(new_message())
    book.clock.advance(-60_000)
    second = await book.start(new_message())
    assert second[0].id > first[0].id
    assert second[0].created_at == NOW


async def test_all_or_none(book: Book) -> None:
    unstorable = new_message(url="https://api.example.com/\udcff")
    with pytest.raises(UnicodeEncodeError):
        await book.add(new_message(), unstorable, claim=book.offer())
    assert await book.entries() == []
    assert len((await book.add(new_message(), claim=book.offer())).claimed) == 1


async def test_the_messages_of_one_publication_stand_together(book: Book) -> None:
    fan_out = publication(new_message("https://a.example/"), new_message("https://b.example/"))
    accepted = await book.add(fan_out, claim=book.offer())
    (published,) = accepted.published
    assert [url for _, url in published.messages] == ["https://a.example/", "https://b.example/"]
    assert len(accepted.claimed) == 2


async def test_a_publication_without_messages_makes_nothing(book: Book) -> None:
    empty = publication(key=b"k")
    object.__setattr__(empty, "messages", ())
    assert (await book.add(empty)).published[0].messages == ()


# --- deduplication -------------------------------------------------------------------------------


async def test_a_duplicate_makes_nothing_and_names_the_first(book: Book) -> None:
    first = await book.add(publication(new_message(), key=b"k"), claim=book.offer())
    again = await book.add(publication(new_message(), key=b"k"), claim=book.offer())
    assert again.published[0].duplicate
    assert again.published[0].messages == first.published[0].messages
    assert (again.claimed, again.next_due_at) == ([], None)
    assert len(await book.entries()) == len(await book.entries(first.claimed[0].id))


async def test_keys_differ(book: Book) -> None:
    asked = [publication(key=key) for key in (b"a", b"b", b"\0" * 33)]
    accepted = await book.add(*asked, claim=book.offer())
    assert len(accepted.claimed) == 3


async def test_keys_are_of_a_project(book: Book) -> None:
    await book.store.projects.add(project(OTHER_PROJECT), [])
    other = publication(new_message(project_id=OTHER_PROJECT), key=b"k")
    accepted = await book.add(publication(key=b"k"), other, claim=book.offer())
    assert len(accepted.claimed) == 2


async def test_a_duplicate_within_one_request(book: Book) -> None:
    accepted = await book.add(publication(key=b"k"), publication(key=b"k"), claim=book.offer())
    first, second = accepted.published
    assert (first.duplicate, second.duplicate) == (False, True)
    assert first.messages == second.messages


async def test_a_duplicate_of_a_fan_out_names_all_its_messages(book: Book) -> None:
    urls = ("https://a.example/", "https://b.example/")
    fan_out = publication(*map(new_message, urls), key=b"k")
    first = await book.add(fan_out)
    again = await book.add(fan_out)
    assert again.published[0].messages == first.published[0].messages
    assert len(again.published[0].messages) == 2


async def test_the_window_ends(book: Book) -> None:
    asked = publication(key=b"k", window_ms=WINDOW_MS)
    first = await book.add(asked)
    book.clock.advance(WINDOW_MS - 1)
    assert (await book.add(asked)).published[0].messages == first.published[0].messages
    book.clock.advance(1)
    later = await book.add(asked)
    assert not later.published[0].duplicate
    assert later.published[0].messages != first.published[0].messages
    book.clock.advance(WINDOW_MS - 1)
    assert (await book.add(asked)).published[0].messages == later.published[0].messages


@pytest.mark.conformance("P-12")
async def test_of_50_concurrent_publishes_one_makes_a_message(book: Book) -> None:
    asked = publication(key=b"k")
    answers = await asyncio.gather(*(book.add(asked, claim=book.offer()) for _ in range(50)))
    assert sum(len(accepted.claimed) for accepted in answers) == 1
    assert len({accepted.published[0].messages for accepted in answers}) == 1
    assert sum(not accepted.published[0].duplicate for accepted in answers) == 1
    assert len(await book.entries()) == 2


@pytest.mark.conformance("P-13")
@pytest.mark.parametrize("outcome", [None, BUSY], ids=["cancelled", "failed"])
async def test_the_end_of_a_message_frees_no_key(book: Book, outcome: Outcome | None) -> None:
    asked = publication(new_message(max_retries=0), key=b"k")
    first = await book.add(asked, claim=book.offer() if outcome else None)
    if outcome is None:
        assert await book.cancel(first.published[0].messages[0][0]) == [True]
    else:
        await book.settle(settlement(first.claimed[0], outcome))
    assert await book.state(first.published[0].messages[0][0]) in {State.CANCELED, State.FAILED}
    assert (await book.add(asked)).published[0].duplicate


# --- reading back --------------------------------------------------------------------------------


async def test_messages_come_back_in_the_order_that_was_asked(book: Book) -> None:
    made = ids(await book.start(*(new_message() for _ in range(3))))
    asked = [made[2], made[0], made[1]]
    found = await book.messages.get(PROJECT, asked)
    assert ids(found) == asked


async def test_messages_are_of_a_project(book: Book) -> None:
    made = ids(await book.start(new_message()))
    assert await book.messages.get(OTHER_PROJECT, made) == []
    assert await book.messages.ended_at(OTHER_PROJECT, made[0]) is None


async def test_envelopes_come_back_whole(book: Book) -> None:
    headers = (("Content-Type", "text/plain"), ("X-A", "1"), ("X-A", "2"), ("X-Raw", "\udcff"))
    sealed = envelope(
        method="PUT",
        headers=headers,
        labels=("a", "b"),
        retry_delay="1000 * pow(2, retried)",
        callback=callback(headers=headers, failure_callback=callback()),
        failure_callback=callback(labels=("c",), max_retries=0),
        caller_ip="2001:db8::1",
        topic_name="t",
        endpoint_name="e",
        schedule_id="s",
    )
    ((id, _),) = (
        (await book.add(NewMessage(project_id=PROJECT, envelope=sealed))).published[0].messages
    )
    assert (await book.get(id)).envelope == sealed
    assert (await book.claim()).messages[0].envelope == sealed
