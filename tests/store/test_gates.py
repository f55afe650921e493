"""Gates of projects and hosts: limits hold exactly, and a backlog goes on when there is room."""

from collections.abc import Awaitable, Callable

import pytest

from relaypost.domain.gates import Capacity
from relaypost.domain.messages import Message, State
from relaypost.domain.outcomes import Outcome
from relaypost.domain.types import MessageId, UnixMs
from relaypost.store.sqlite import hosts
from tests.store.conftest import OpenStore
from tests.support.books import LEASE_MS, Book, ids
from tests.support.messages import (
    BUSY,
    DOWN,
    NOW,
    OK,
    OTHER_PROJECT,
    PROJECT,
    new_message,
    project,
    settlement,
)

OpenBook = Callable[..., Awaitable[Book]]
A, B = "https://a.example.com/", "https://b.example.com/"


@pytest.fixture
def open_book(open_store: OpenStore) -> OpenBook:
    async def open_book(**limits: int) -> Book:
        book = await Book.open(open_store(Capacity(**limits)))
        await book.store.projects.add(project(OTHER_PROJECT), [])
        return book

    return open_book


async def add(book: Book, *urls: str) -> tuple[list[MessageId], list[Message]]:
    """Add messages a millisecond apart: their ids, and those that started."""
    made, started = [], []
    for url in urls:
        accepted = await book.add(new_message(url, max_retries=0), claim=book.offer())
        made.append(accepted.published[0].messages[0][0])
        started += accepted.claimed
        book.clock.advance(1)
    return made, started


async def end(
    book: Book, *messages: Message, outcome: Outcome = OK, limit: int = 100
) -> list[Message]:
    """Settle attempts: the parked messages that this lets go."""
    settled = await book.settle(*(settlement(one, outcome) for one in messages), limit=limit)
    assert all(settled.applied)
    return settled.claimed


async def open_states(book: Book, made: list[MessageId]) -> list[State]:
    return [await book.state(id) for id in made]


async def test_a_host_has_so_many_slots(open_book: OpenBook) -> None:
    book = await open_book(host=2)
    made, started = await add(book, A, A, A, B)
    assert ids(started) == [made[0], made[1], made[3]]


async def test_hosts_differ_by_port_and_project(open_book: OpenBook) -> None:
    book = await open_book(host=1)
    await add(book, A)
    others = [
        new_message("https://a.example.com:8443/"),
        new_message(A, project_id=OTHER_PROJECT),
    ]
    assert len((await book.add(*others, claim=book.offer())).claimed) == 2


async def test_spelling_makes_no_other_host(open_book: OpenBook) -> None:
    book = await open_book(host=1)
    await add(book, A)
    same = new_message("https://user:secret@A.Example.com/other?x=1")
    assert (await book.add(same, claim=book.offer())).claimed == []


async def test_a_project_has_so_many_slots(open_book: OpenBook) -> None:
    book = await open_book(project=2)
    made, started = await add(book, A, B, "https://c.example.com/")
    assert ids(started) == made[:2]
    other = new_message(A, project_id=OTHER_PROJECT)
    assert len((await book.add(other, claim=book.offer())).claimed) == 1


async def test_no_limit_of_projects(open_book: OpenBook) -> None:
    book = await open_book(project=0, host=2000, node=8000)
    accepted = await book.add(*(new_message(A) for _ in range(1200)), claim=book.offer())
    assert len(accepted.claimed) == 1200


async def test_an_end_lets_the_oldest_go(open_book: OpenBook) -> None:
    book = await open_book(host=1)
    made, started = await add(book, A, A, A)
    released = await end(book, *started)
    assert ids(released) == [made[1]]
    assert released == [await book.get(made[1])]
    assert await open_states(book, made) == [State.DELIVERED, State.ACTIVE, State.WAITING]


async def test_ends_let_as_many_go_as_there_is_room(open_book: OpenBook) -> None:
    book = await open_book(host=3)
    made, started = await add(book, *[A] * 8)
    released = await end(book, *started)
    assert ids(released) == made[3:6]
    assert ids(await end(book, *released)) == made[6:]


async def test_the_oldest_is_the_one_due_first(open_book: OpenBook) -> None:
    """A retry that fell due before a new message goes before it."""
    book = await open_book(host=1)
    _, started = await add(book, A)
    (late, soon), _ = await add(book, A, A)
    await book.cancel(late)
    accepted = await book.add(new_message(A, not_before=UnixMs(NOW)), claim=book.offer())
    assert accepted.claimed == []
    assert ids(await end(book, *started)) == [soon]


async def test_a_message_parked_at_one_gate_may_be_parked_at_the_next(
    open_book: OpenBook,
) -> None:
    book = await open_book(host=1, project=2)
    made, started = await add(book, A, B, A, B)
    # The project is full, so the third and the fourth wait there, whatever their hosts.
    assert ids(started) == made[:2]
    # A slot of the project goes to the oldest; its host is free, so it starts.
    released = await end(book, started[0])
    assert ids(released) == [made[2]]
    # The next slot goes to the fourth, whose host is busy: it waits there and takes no slot.
    assert await end(book, released[0]) == []
    assert await open_states(book, made[3:]) == [State.WAITING]
    assert ids(await end(book, started[1])) == [made[3]]


async def test_a_slot_is_held_at_all_gates_or_at_none(open_book: OpenBook) -> None:
    """A message that waits at its host takes no slot of its project."""
    book = await open_book(host=1, project=2)
    made, started = await add(book, A, A, A, B)
    assert ids(started) == [made[0], made[3]]


async def test_without_a_slot_of_the_node_they_wait_among_the_due(open_book: OpenBook) -> None:
    book = await open_book(host=1)
    made, started = await add(book, A, A)
    settled = await book.settle(settlement(started[0]), limit=0)
    assert settled.claimed == []
    assert settled.next_due_at == book.clock.now(), "somebody has to come for them"
    assert ids((await book.claim()).messages) == [made[1]]


async def test_a_callback_waits_behind_those_that_are_parked(open_book: OpenBook) -> None:
    book = await open_book(host=1)
    made, started = await add(book, A, A)
    reports = settlement(started[0], callbacks=(new_message(A),))
    settled = await book.settle(reports)
    assert ids(settled.claimed) == [made[1]]
    released = await end(book, *settled.claimed)
    assert len(released) == 1


@pytest.mark.parametrize("outcome", [OK, BUSY, DOWN], ids=["200", "503", "refused"])
async def test_every_outcome_gives_the_slot_back(open_book: OpenBook, outcome: Outcome) -> None:
    book = await open_book(host=1, project=1)
    _, started = await add(book, A)
    await end(book, *started, outcome=outcome)
    assert len((await add(book, A))[1]) == 1


async def test_a_lost_settlement_gives_nothing_back(open_book: OpenBook) -> None:
    book = await open_book(host=1)
    _, started = await add(book, A)
    await end(book, *started)
    _, second = await add(book, A)
    again = await book.settle(settlement(started[0]))
    assert again.applied == [False]
    assert (await add(book, A))[1] == [], "the slot of the second is still taken"
    assert len(await end(book, *second)) == 1


async def test_cancelled_messages_are_not_let_go(open_book: OpenBook) -> None:
    book = await open_book(host=1)
    made, started = await add(book, A, A, A)
    assert await book.cancel(made[1]) == [True]
    assert ids(await end(book, *started)) == [made[2]]


async def test_no_backlog_is_left_behind(open_book: OpenBook) -> None:
    """What was let go into a wait list, and cancelled there, can't wake those behind it."""
    book = await open_book(host=1, project=1)
    _, (first,) = await add(book, A)
    (second,), _ = await add(book, B)
    assert await book.cancel(second) == [True]
    (third, fourth), _ = await add(book, B, B)
    # Both wait at the project. For want of a slot of the node the first is not let go, and then
    # cancelled.
    settled = await book.settle(settlement(first), limit=0)
    assert settled.next_due_at == book.clock.now()
    assert await book.cancel(third) == [True]
    assert ids((await book.claim()).messages) == [fourth]


# --- a node that fills, hosts that do not answer --------------------------------------------------


async def test_a_host_gets_less_while_the_node_fills(open_book: OpenBook) -> None:
    book = await open_book(node=64, host=32, project=0)
    _, started = await add(book, *[A] * 64)
    # At 8 of 64 the node is one step full: 32 * 7^3 / 8^3 = 21 slots; at 16, two steps: 13.
    assert len(started) == 16
    _, others = await add(book, *[f"https://h{number}.example.com/" for number in range(48)])
    assert len(others) == 48, "one slot is always left to each host"


async def test_a_node_that_empties_gives_hosts_more(open_book: OpenBook) -> None:
    book = await open_book(node=64, host=8, project=0)
    _, others = await add(book, *[f"https://h{number}.example.com/" for number in range(56)])
    _, started = await add(book, A, A, A, A)
    assert len(started) == 1
    released = []
    for other in others:
        released += await end(book, other)
    assert len(released) == 3, "though no attempt at this host has ended"


async def test_a_host_that_is_down_is_tried_by_one_at_a_time(open_book: OpenBook) -> None:
    book = await open_book(host=4)
    _, started = await add(book, *[A] * 20)
    assert len(started) == 4
    assert len(await end(book, started[0], outcome=DOWN)) == 0, "half of four are two"
    assert len(await end(book, started[1], outcome=DOWN)) == 0, "then one"
    assert len(await end(book, started[2], outcome=DOWN)) == 0
    only = await end(book, started[3], outcome=DOWN)
    assert len(only) == 1
    assert len(await end(book, *only, outcome=DOWN)) == 1


async def test_a_host_that_is_back_gets_twice_as_many_each_time(open_book: OpenBook) -> None:
    book = await open_book(host=4)
    _, started = await add(book, *[A] * 20)
    (only,) = await end(book, *started, outcome=DOWN)
    two = await end(book, only, outcome=BUSY)
    assert len(two) == 2, "an answer is an answer, whatever it says"
    assert len(await end(book, two[0])) == 3
    assert len(await end(book, two[1])) == 1, "all four"


async def test_a_lost_lease_teaches_nothing_about_the_host(open_book: OpenBook) -> None:
    book = await open_book(host=4)
    _, started = await add(book, *[A] * 6)
    (only,) = await end(book, *started, outcome=DOWN)
    book.clock.advance(LEASE_MS)
    assert (await book.messages.rescue(10, now=book.clock.now())).count == 1
    book.lease = await book.messages.take_lease(until=UnixMs(book.clock.now() + LEASE_MS))
    assert ids((await book.claim()).messages) == [only.id]


async def test_what_is_learned_about_hosts_takes_bounded_memory(
    open_book: OpenBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "MAX_ALLOWANCES", 2)
    book = await open_book(host=4)
    for name in "abc":
        _, started = await add(book, f"https://{name}.example.com/")
        await end(book, *started, outcome=DOWN)
    _, first = await add(book, *[A] * 4)
    assert len(first) == 4, "forgotten"
    _, last = await add(book, *["https://c.example.com/"] * 4)
    assert len(last) == 2


async def test_the_gates_of_others_stay_open(open_book: OpenBook) -> None:
    book = await open_book(host=2, project=4)
    _, started = await add(book, A, A, A)
    await end(book, *started, outcome=DOWN)
    assert len((await add(book, B, B))[1]) == 2
    other = new_message(A, project_id=OTHER_PROJECT)
    (elsewhere,) = (await book.add(other, claim=book.offer())).claimed
    assert elsewhere.project_id != PROJECT
