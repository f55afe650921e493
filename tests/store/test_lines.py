"""Messages that several gates hold up by turns: they go on in order, and are not moved about."""

from collections.abc import Awaitable, Callable

import pytest

from relaypost.domain import flow_control
from relaypost.domain.flow_control import FlowControl, Pace
from relaypost.domain.gates import Capacity
from relaypost.domain.messages import Message, NewMessage
from relaypost.domain.types import MessageId
from tests.store.conftest import OpenStore
from tests.support.books import Book, ids
from tests.support.messages import PROJECT, new_message, settlement

OpenBook = Callable[..., Awaitable[Book]]
A, B = "https://a.example.com/", "https://b.example.com/"
ONE = FlowControl(key="k", parallelism=1)
BACKLOG = 300


@pytest.fixture
def open_book(open_store: OpenStore) -> OpenBook:
    async def open_book(**limits: int) -> Book:
        return await Book.open(open_store(Capacity(**limits)))

    return open_book


async def publish(book: Book, *asked: NewMessage) -> list[MessageId]:
    """Publish messages a millisecond apart."""
    made = []
    for new in asked:
        accepted = await book.add(new, claim=book.offer())
        made.append(accepted.published[0].messages[0][0])
        book.clock.advance(1)
    return made


async def end(book: Book, *which: MessageId) -> list[MessageId]:
    """Settle attempts: the messages that this lets go."""
    settled = await book.settle(*[settlement(await book.get(id)) for id in which])
    assert all(settled.applied)
    return ids(settled.claimed)


async def steer(book: Book, change: Callable[[Pace], Pace]) -> None:
    keys = book.store.flow_control_keys
    await keys.steer(PROJECT, "k", change, creates=True, now=book.clock.now())


async def url_of(book: Book, id: MessageId) -> str:
    return (await book.get(id)).envelope.url


async def go_on(book: Book, started: list[MessageId]) -> list[MessageId]:
    """End what has started, and what that lets go, one after the other: the order of all."""
    seen: list[MessageId] = []
    while started:
        assert len(started) == 1
        seen += started
        started = await end(book, *started)
    return seen


async def moves_per_message(book: Book, *asked: NewMessage) -> float:
    """How many rows change for each of some messages at the head of a backlog."""
    database = book.messages._database  # type: ignore[attr-defined]
    connection = database._transaction.connection
    await book.add(*asked)
    before, ended, under_way = connection.total_changes(), 0, list[Message]()
    while ended < 30:
        claimed = await book.claim()
        under_way += claimed.messages
        if claimed.more:
            continue
        some, under_way = under_way[:2], under_way[2:]
        settled = await book.settle(*map(settlement, some), limit=1)
        ended, under_way = ended + len(some), under_way + settled.claimed
        book.clock.advance(130)
    changes: int = connection.total_changes() - before
    return (changes - len(asked)) / ended


async def test_a_key_that_closes_before_a_free_project_keeps_its_order(open_book: OpenBook) -> None:
    """The second message found its key full when the project had a slot for it."""
    book = await open_book(project=2)
    busy = await publish(book, new_message(A), new_message(A))
    keyed = await publish(book, *[new_message(A, flow_control=ONE)] * 3)
    plain = await publish(book, *[new_message(A)] * 3)
    assert await end(book, busy[0]) == keyed[:1]
    assert await end(book, busy[1]) == plain[:1]
    assert await end(book, plain[0]) == plain[1:2]
    # The slot of the project is seen before that of the key.
    assert keyed[1] in await end(book, plain[1], keyed[0])


@pytest.mark.parametrize("is_reloaded", [False, True])
async def test_what_hosts_and_then_a_key_held_up_goes_on_in_order(
    open_book: OpenBook, is_reloaded: bool
) -> None:
    book = await open_book(host=1)
    busy = await publish(book, new_message(A), new_message(B))
    keyed = [new_message(url, flow_control=FlowControl(key="k")) for url in (B, A, B, A, A, B)]
    made = await publish(book, *keyed)
    await steer(book, flow_control.pause)
    assert await end(book, *busy) == []
    made += await publish(book, new_message(A, flow_control=ONE))
    await book.cancel(made.pop(1))
    book.messages._database._is_stale = is_reloaded  # type: ignore[attr-defined]
    await steer(book, flow_control.resume)
    assert await go_on(book, ids((await book.claim()).messages)) == made


async def test_what_hosts_and_then_the_project_held_up_goes_on_in_order(
    open_book: OpenBook,
) -> None:
    book = await open_book(host=1, project=3)
    busy = await publish(book, new_message(A), new_message(B))
    made = await publish(book, *map(new_message, (B, A, B, A, A, B)))
    others = await publish(book, *(new_message(f"https://{name}.example.com/") for name in "cde"))
    started = await end(book, *busy)
    assert started == made[:2], "those that were ready before the others"
    made += await publish(book, new_message(A))
    await book.cancel(made.pop(2))
    seen, running = list(started), [others[0], *started]
    while running:
        went_on = await end(book, running.pop(0))
        seen += went_on
        running += went_on
    at_a, at_b = [[id for id in seen if await url_of(book, id) == url] for url in (A, B)]
    assert at_a == [id for id in made if id in at_a]
    assert at_b == [id for id in made if id in at_b]
    assert sorted(seen) == sorted([*made, *others[1:]])


async def test_a_backlog_between_a_key_and_a_host_stays_where_it_is(open_book: OpenBook) -> None:
    """Its window closes before its host, and its host before its window, by turns."""
    book = await open_book(host=3)
    limits = FlowControl(key="k", rate=7, period_s=1)
    assert await moves_per_message(book, *[new_message(A, flow_control=limits)] * BACKLOG) < 5


async def test_a_backlog_between_a_key_and_the_project_stays_where_it_is(
    open_book: OpenBook,
) -> None:
    book = await open_book(project=3)
    limits = FlowControl(key="k", rate=7, period_s=1)
    assert await moves_per_message(book, *[new_message(A, flow_control=limits)] * BACKLOG) < 5


async def test_a_backlog_between_a_host_and_the_project_stays_where_it_is(
    open_book: OpenBook,
) -> None:
    book = await open_book(host=3, project=5)
    others = [new_message(f"https://{name}.example.com/") for name in "bcd"] * 20
    assert await moves_per_message(book, *[new_message(A)] * BACKLOG, *others) < 5


async def test_a_key_has_its_turn_while_messages_come_to_it(open_book: OpenBook) -> None:
    """Whoever looks at a gate does not send it to the end of those that have opened."""
    book = await open_book(host=1)
    hosts = [new_message(f"https://{name}.example.com/") for name in "bcde"]
    keyed = new_message(A, flow_control=ONE)
    started = await publish(book, keyed, *hosts)
    made = await publish(book, keyed, *hosts * 5)
    for id in started:
        await book.settle(settlement(await book.get(id)), limit=0)
    seen: list[MessageId] = []
    for _ in range(10):
        await book.add(keyed)
        claimed = (await book.claim(limit=1)).messages
        seen += ids(claimed)
        await book.settle(*map(settlement, claimed), limit=0)
    assert made[0] in seen
