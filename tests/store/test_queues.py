"""Queues: places are given in order, and given back when a message and its callbacks have ended."""

from collections.abc import Awaitable, Callable

import pytest

from relaypost.domain.gates import Capacity
from relaypost.domain.messages import Message, NewMessage, State
from relaypost.domain.outcomes import Outcome
from relaypost.domain.queues import Queue
from relaypost.domain.types import MessageId, UnixMs
from tests.store.conftest import OpenStore
from tests.support.books import Book, ids
from tests.support.messages import (
    BUSY,
    NOW,
    OK,
    OTHER_PROJECT,
    PROJECT,
    new_message,
    project,
    publication,
    settlement,
)

OpenBook = Callable[..., Awaitable[Book]]
URL = "https://a.example.com/"


@pytest.fixture
def open_book(open_store: OpenStore) -> OpenBook:
    async def open_book(**limits: int) -> Book:
        book = await Book.open(open_store(Capacity(**limits)))
        await book.store.projects.add(project(OTHER_PROJECT), [])
        return book

    return open_book


def queued(name: str = "q", **fields: object) -> NewMessage:
    return new_message(URL, queue_name=name, **fields)


async def enqueue(book: Book, count: int, name: str = "q", **fields: object) -> list[MessageId]:
    """Enqueue messages a millisecond apart; those that start are ACTIVE."""
    made = []
    for _ in range(count):
        accepted = await book.add(queued(name, **fields), claim=book.offer())
        made.append(accepted.published[0].messages[0][0])
        book.clock.advance(1)
    return made


async def end(book: Book, *messages: Message, outcome: Outcome = OK) -> list[Message]:
    """Settle attempts: the messages that this lets go."""
    settled = await book.settle(*(settlement(one, outcome) for one in messages))
    assert all(settled.applied)
    return settled.claimed


async def put(
    book: Book,
    name: str = "q",
    *,
    parallelism: int | None = None,
    is_paused: bool | None = None,
    max_queues: int = 0,
) -> bool:
    changed = await book.store.queues.put(
        PROJECT,
        name,
        parallelism=parallelism,
        is_paused=is_paused,
        max_queues=max_queues,
        now=book.clock.now(),
    )
    return changed.applied


async def get(book: Book, name: str = "q") -> Queue:
    found = await book.store.queues.get(PROJECT, name)
    assert found is not None
    return found


async def active(book: Book, made: list[MessageId]) -> list[MessageId]:
    return [id for id in made if await book.state(id) is State.ACTIVE]


async def test_one_after_the_other(open_book: OpenBook) -> None:
    book = await open_book()
    made = await enqueue(book, 4)
    assert await active(book, made) == made[:1]
    claimed = [await book.get(made[0])]
    seen = []
    while claimed:
        seen += ids(claimed)
        claimed = await end(book, *claimed)
    assert seen == made


async def test_so_many_at_a_time(open_book: OpenBook) -> None:
    book = await open_book()
    await put(book, parallelism=3)
    made = await enqueue(book, 5)
    assert await active(book, made) == made[:3]
    claimed = await end(book, await book.get(made[1]), await book.get(made[2]))
    assert ids(claimed) == made[3:]


async def test_a_retry_keeps_its_place(open_book: OpenBook) -> None:
    book = await open_book()
    first, second = await enqueue(book, 2)
    assert await end(book, await book.get(first), outcome=BUSY) == []
    assert (await book.claim()).messages == []
    book.clock.advance(24 * 3_600_000)
    claimed = (await book.claim()).messages
    assert ids(claimed) == [first]
    assert ids(await end(book, *claimed)) == [second]


async def test_a_failed_message_gives_its_place_back(open_book: OpenBook) -> None:
    book = await open_book()
    first, second = await enqueue(book, 2, max_retries=0)
    claimed = await end(book, await book.get(first), outcome=BUSY)
    assert await book.state(first) is State.FAILED
    assert ids(claimed) == [second]


async def test_callbacks_hold_the_place(open_book: OpenBook) -> None:
    """Its own callbacks, until they have ended; not the callbacks of those."""
    book = await open_book()
    first, second = await enqueue(book, 2)
    report, nested = new_message("https://c.example.com/"), new_message("https://n.example.com/")
    settled = await book.settle(settlement(await book.get(first), callbacks=(report, report)))
    assert len(settled.claimed) == 2, "both callbacks, not the next message"
    assert await end(book, settled.claimed[0], outcome=BUSY) == []
    assert await book.state(second) is State.WAITING
    claimed = (await book.settle(settlement(settled.claimed[1], callbacks=(nested,)))).claimed
    assert [one.envelope.url for one in claimed] == ["https://n.example.com/"]
    book.clock.advance(3_600_000)
    (again,) = (await book.claim()).messages
    assert ids(await end(book, again)) == [second]


async def test_a_delayed_message_blocks_nobody(open_book: OpenBook) -> None:
    book = await open_book()
    (late,) = await enqueue(book, 1, delay_ms=1000)
    first, second, third = await enqueue(book, 3)
    assert await active(book, [late, first, second, third]) == [first]
    book.clock.advance(1000)
    assert ids(await end(book, await book.get(first))) == [second], "before it by its position"
    (last,) = await enqueue(book, 1)
    claimed = await end(book, await book.get(second))
    assert ids(claimed) == [third]
    claimed = await end(book, *claimed)
    assert ids(claimed) == [late]
    assert ids(await end(book, *claimed)) == [last]


async def test_a_delayed_message_falls_due(open_book: OpenBook) -> None:
    book = await open_book()
    accepted = await book.add(queued(delay_ms=1000), claim=book.offer())
    assert accepted.next_due_at == NOW + 1000
    assert (await book.claim()).next_due_at == NOW + 1000
    book.clock.advance(1000)
    assert len((await book.claim()).messages) == 1


async def test_a_pause_stops_first_attempts_and_retries(open_book: OpenBook) -> None:
    book = await open_book()
    await put(book, parallelism=2)
    first, second, third = await enqueue(book, 3)
    await book.store.queues.set_paused(PROJECT, "q", True, now=book.clock.now())
    assert await end(book, await book.get(first), outcome=BUSY) == []
    assert await end(book, await book.get(second)) == []
    book.clock.advance(3_600_000)
    assert (await book.claim()).messages == []
    (fourth,) = await enqueue(book, 1)
    changed = await book.store.queues.set_paused(PROJECT, "q", False, now=book.clock.now())
    assert changed.next_due_at == book.clock.now()
    assert ids((await book.claim()).messages) == [first, third]
    assert await book.state(fourth) is State.WAITING


async def test_more_places(open_book: OpenBook) -> None:
    book = await open_book()
    made = await enqueue(book, 5)
    await put(book, parallelism=3)
    assert ids((await book.claim()).messages) == made[1:3]


async def test_fewer_places(open_book: OpenBook) -> None:
    book = await open_book()
    await put(book, parallelism=3)
    made = await enqueue(book, 6)
    await put(book, parallelism=1)
    assert await active(book, made) == made[:3], "nothing is interrupted"
    assert await end(book, await book.get(made[0])) == []
    assert await end(book, await book.get(made[1])) == []
    assert ids(await end(book, await book.get(made[2]))) == [made[3]]


async def test_a_canceled_message_gives_its_place_back(open_book: OpenBook) -> None:
    book = await open_book()
    first, second, third = await enqueue(book, 3)
    await end(book, await book.get(first), outcome=BUSY)
    canceled = await book.messages.cancel(PROJECT, [first, second], now=book.clock.now())
    assert canceled.next_due_at == book.clock.now()
    assert ids((await book.claim()).messages) == [third]


async def test_a_lost_attempt_keeps_its_place(open_book: OpenBook) -> None:
    book = await open_book()
    first, second = await enqueue(book, 2)
    book.clock.advance(60_000)
    rescued = await book.messages.rescue(10, now=book.clock.now())
    assert rescued.count == 1
    book.lease = await book.messages.take_lease(until=UnixMs(book.clock.now() + 60_000))
    (again,) = (await book.claim()).messages
    assert again.id == first
    assert ids(await end(book, again)) == [second]


async def test_what_a_queue_shows(open_book: OpenBook) -> None:
    book = await open_book()
    await put(book, "a", parallelism=2, is_paused=True)
    made_at = book.clock.now()
    await enqueue(book, 3, "a")
    (started,) = await enqueue(book, 1, "b")
    callback = new_message("https://c.example.com/")
    await book.settle(settlement(await book.get(started), callbacks=(callback,)))
    assert await book.store.queues.all(PROJECT) == [
        Queue(
            name="a", parallelism=2, is_paused=True, created_at=made_at, updated_at=made_at, lag=3
        ),
        Queue(name="b", created_at=UnixMs(made_at + 3), updated_at=UnixMs(made_at + 3), lag=0),
    ]
    assert await book.store.queues.all(OTHER_PROJECT) == []
    assert await book.store.queues.get(OTHER_PROJECT, "a") is None


async def test_an_update_that_changes_nothing_is_none(open_book: OpenBook) -> None:
    book = await open_book()
    await put(book, parallelism=2)
    book.clock.advance(10)
    await put(book, parallelism=2, is_paused=False)
    assert (await get(book)).updated_at == NOW
    await put(book, is_paused=True)
    changed = await get(book)
    assert (changed.parallelism, changed.is_paused, changed.updated_at) == (2, True, NOW + 10)


async def test_a_message_makes_its_queue_and_changes_none(open_book: OpenBook) -> None:
    book = await open_book()
    await put(book, parallelism=5)
    await enqueue(book, 1)
    await enqueue(book, 1, "new")
    assert [(queue.name, queue.parallelism) for queue in await book.store.queues.all(PROJECT)] == [
        ("new", 1),
        ("q", 5),
    ]


async def test_one_queue_too_many(open_book: OpenBook) -> None:
    book = await open_book()
    assert await put(book, "a", max_queues=1)
    assert not await put(book, "b", max_queues=1)
    assert await put(book, "a", parallelism=2, max_queues=1)
    asked = [[queued("a")], [queued("b")]]
    accepted = await book.messages.add(
        [publication(*one) for one in asked], claim=None, max_queues=1, now=book.clock.now()
    )
    assert (accepted.published, accepted.refused) == ([], 1)
    assert (await get(book, "a")).lag == 0, "nothing was stored"


async def delete(book: Book, name: str = "q") -> None:
    assert await book.store.queues.delete(PROJECT, name, now=book.clock.now())
    while (await book.store.queues.cancel_deleted(2, now=book.clock.now())).applied:
        pass


async def test_delete_cancels_what_waits(open_book: OpenBook) -> None:
    book = await open_book()
    made = await enqueue(book, 6)
    started = await book.get(made[0])
    await delete(book)
    assert await book.store.queues.get(PROJECT, "q") is None
    assert [await book.state(id) for id in made] == [State.ACTIVE] + [State.CANCELED] * 5
    assert await end(book, started) == []
    assert await book.state(made[0]) is State.DELIVERED
    assert (await book.claim()).messages == []
    assert not await book.store.queues.delete(PROJECT, "q", now=book.clock.now())


async def test_nothing_of_a_deleted_queue_is_tried_again(open_book: OpenBook) -> None:
    book = await open_book()
    (first,) = await enqueue(book, 1)
    started = await book.get(first)
    await delete(book)
    settled = await book.settle(settlement(started, BUSY))
    assert settled.applied == [True]
    assert await book.state(first) is State.CANCELED


async def test_a_queue_may_be_canceled_before_others_that_are_deleted(open_book: OpenBook) -> None:
    book = await open_book()
    huge, small = await enqueue(book, 5), await enqueue(book, 2, "small")
    theirs = (await book.add(queued("small", project_id=OTHER_PROJECT))).published[0].messages
    for owner, name in ((PROJECT, "q"), (OTHER_PROJECT, "small"), (PROJECT, "small")):
        assert await book.store.queues.delete(owner, name, now=book.clock.now())
    chunks = 0
    while (
        await book.store.queues.cancel_deleted(1, named=(PROJECT, "small"), now=book.clock.now())
    ).applied:
        chunks += 1
    assert chunks == 2, "one for the message that waits, and one that finds none"
    assert [await book.state(id) for id in small] == [State.ACTIVE, State.CANCELED]
    assert [await book.state(id) for id in huge] == [State.ACTIVE] + [State.WAITING] * 4
    (found,) = await book.messages.get(OTHER_PROJECT, [theirs[0][0]])
    assert found.state is State.WAITING
    assert (await book.store.queues.cancel_deleted(10, now=book.clock.now())).applied


async def test_a_new_queue_has_all_its_places(open_book: OpenBook) -> None:
    book = await open_book()
    (old,) = await enqueue(book, 1)
    await delete(book)
    (new,) = await enqueue(book, 1)
    assert await active(book, [old, new]) == [old, new]


async def test_what_is_deleted_stands_still_before_it_is_canceled(open_book: OpenBook) -> None:
    book = await open_book()
    first, second = await enqueue(book, 2)
    assert await book.store.queues.delete(PROJECT, "q", now=book.clock.now())
    assert await end(book, await book.get(first)) == []
    assert (await book.claim()).messages == []
    assert await book.state(second) is State.WAITING


async def test_a_busy_host_does_not_cost_a_place(open_book: OpenBook) -> None:
    """Behind a message that waits for its host, others of its queue wait too."""
    book = await open_book(host=1)
    busy = await book.start(new_message(URL))
    first, second = await enqueue(book, 2)
    (other,) = await enqueue(book, 1, "other")
    assert ids(await end(book, *busy)) == [first]
    await put(book, parallelism=2)
    assert (await book.claim()).messages == []
    claimed = await end(book, await book.get(first))
    assert ids(claimed) == [other], "second got its place later, and so was ready later"
    assert ids(await end(book, *claimed)) == [second]


async def test_queues_of_others_are_others(open_book: OpenBook) -> None:
    book = await open_book()
    mine, theirs = queued(), queued(project_id=OTHER_PROJECT)
    assert len((await book.add(mine, theirs, claim=book.offer())).claimed) == 2


async def test_without_room_of_the_node_all_wait_in_order(open_book: OpenBook) -> None:
    book = await open_book()
    made = [(await book.add(queued(name))).published[0].messages[0][0] for name in ("a", "b", "a")]
    claimed = (await book.claim(limit=1)).messages + (await book.claim(limit=5)).messages
    assert ids(claimed) == made[:2]
