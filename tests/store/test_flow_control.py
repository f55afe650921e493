"""Flow control: limits of keys hold exactly, and wait lists go on in order when there is room."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from relaypost.domain import flow_control
from relaypost.domain.flow_control import FlowControl, KeyStatus, Pace
from relaypost.domain.gates import Capacity
from relaypost.domain.messages import Message, NewMessage, State
from relaypost.domain.outcomes import Outcome
from relaypost.domain.retention import RetentionPeriods
from relaypost.domain.types import GateId, MessageId, UnixMs
from relaypost.store.base import Changed
from relaypost.store.sqlite import flow_control_keys
from relaypost.store.sqlite.connection import open_writer
from relaypost.store.sqlite.flow_control_keys import OpenKeys
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
    settlement,
)

OpenBook = Callable[..., Awaitable[Book]]
Change = Callable[[Pace], Pace]
URL = "https://a.example.com/"
DAY_MS = 86_400_000


@pytest.fixture
def open_book(open_store: OpenStore) -> OpenBook:
    async def open_book(**limits: int) -> Book:
        book = await Book.open(open_store(Capacity(**limits)))
        await book.store.projects.add(project(OTHER_PROJECT), [])
        return book

    return open_book


def keyed(key: str = "k", *, url: str = URL, **limits: Any) -> NewMessage:
    return new_message(url, flow_control=FlowControl(key=key, **limits))


async def publish(
    book: Book, count: int, key: str = "k", *, every_ms: int = 1, **limits: Any
) -> list[MessageId]:
    made = []
    for _ in range(count):
        accepted = await book.add(keyed(key, **limits), claim=book.offer())
        made.append(accepted.published[0].messages[0][0])
        book.clock.advance(every_ms)
    return made


async def end(book: Book, *messages: Message, outcome: Outcome = OK) -> list[Message]:
    settled = await book.settle(*(settlement(one, outcome) for one in messages))
    assert all(settled.applied)
    return settled.claimed


async def active(book: Book, made: list[MessageId]) -> list[MessageId]:
    return [id for id in made if await book.state(id) is State.ACTIVE]


async def claim(book: Book) -> list[MessageId]:
    return ids((await book.claim()).messages)


async def status(book: Book, key: str = "k") -> KeyStatus:
    found = await book.store.flow_control_keys.get(PROJECT, key, now=book.clock.now())
    assert found is not None
    return found


async def steer(book: Book, change: Change, *, key: str = "k", creates: bool = False) -> Changed:
    return await book.store.flow_control_keys.steer(
        PROJECT, key, change, creates=creates, now=book.clock.now()
    )


async def test_so_many_at_once(open_book: OpenBook) -> None:
    book = await open_book()
    made = await publish(book, 5, parallelism=2)
    assert await active(book, made) == made[:2]
    found = await status(book)
    assert (found.open_attempts, found.wait_list) == (2, 3)
    assert ids(await end(book, await book.get(made[1]))) == [made[2]]
    assert ids(await end(book, await book.get(made[0]))) == [made[3]]


async def test_a_retry_pause_holds_no_slot(open_book: OpenBook) -> None:
    book = await open_book()
    made = await publish(book, 2, parallelism=1)
    assert ids(await end(book, await book.get(made[0]), outcome=BUSY)) == [made[1]]
    found = await status(book)
    assert (found.open_attempts, found.wait_list) == (1, 0), "what is not due is not ready"
    book.clock.advance(3_600_000)
    assert await claim(book) == []
    assert (await status(book)).wait_list == 1
    assert ids(await end(book, await book.get(made[1]))) == [made[0]]


async def test_a_retry_stands_by_its_due_time(open_book: OpenBook) -> None:
    book = await open_book()
    first, second = await publish(book, 2, parallelism=1)
    await end(book, await book.get(first), outcome=BUSY)
    due_at = (await book.get(first)).due_at
    book.clock.advance(due_at - book.clock.now() - 5)
    early = await publish(book, 2, parallelism=1, every_ms=10)
    assert ids(await end(book, await book.get(second))) == [early[0]]
    assert ids(await end(book, await book.get(early[0]))) == [first]
    assert ids(await end(book, await book.get(first))) == [early[1]]


async def test_windows(open_book: OpenBook) -> None:
    """The table of section 4.9: rate 2 in 10 s, five messages at once, one at 27 s."""
    book = await open_book()
    made = await publish(book, 5, every_ms=0, rate=2, period_s=10)
    assert await active(book, made) == made[:2]
    await end(book, await book.get(made[0]), await book.get(made[1]))
    claimed = await book.claim()
    assert (claimed.messages, claimed.next_due_at) == ([], NOW + 10_000)
    book.clock.advance(9_999)
    assert await claim(book) == []
    book.clock.advance(1)
    assert await claim(book) == made[2:4]
    book.clock.advance(10_000)
    assert await claim(book) == made[4:]
    assert (await book.claim()).next_due_at is None
    book.clock.advance(7_000)
    assert await active(book, await publish(book, 2, every_ms=0, rate=2, period_s=10)) != []
    found = await status(book)
    assert found.pace.window_started_at == NOW + 20_000
    assert (found.pace.window_count, found.wait_list) == (2, 1)
    assert (await book.claim()).next_due_at == NOW + 30_000


async def test_the_newest_message_rules_all_of_its_key(open_book: OpenBook) -> None:
    book = await open_book()
    made = await publish(book, 4, rate=1, period_s=3600)
    assert await active(book, made) == made[:1]
    accepted = await book.add(keyed(rate=100), claim=book.offer())
    assert accepted.claimed == [], "it stands behind those that wait"
    assert accepted.next_due_at == book.clock.now()
    last = accepted.published[0].messages[0][0]
    assert await claim(book) == [*made[1:], last]


async def test_a_limit_that_is_not_named_is_gone(open_book: OpenBook) -> None:
    book = await open_book()
    await publish(book, 1, rate=1, period_s=3600)
    made = await publish(book, 5, parallelism=5)
    assert len(await active(book, made)) == 4
    assert (await status(book)).pace.rate is None


async def test_a_lower_parallelism_interrupts_nothing(open_book: OpenBook) -> None:
    book = await open_book()
    made = await publish(book, 3, parallelism=3)
    (last,) = await publish(book, 1, parallelism=1)
    for id in made[:2]:
        assert await end(book, await book.get(id)) == []
    assert ids(await end(book, await book.get(made[2]))) == [last]


async def test_a_pause_holds_all_and_a_resume_goes_on_in_order(open_book: OpenBook) -> None:
    book = await open_book()
    await steer(book, flow_control.pause, creates=True)
    made = await publish(book, 10, parallelism=20)
    assert await claim(book) == []
    assert (await status(book)).wait_list == 10
    changed = await steer(book, flow_control.resume)
    assert changed == Changed(True, book.clock.now())
    assert await claim(book) == made


async def test_pins(open_book: OpenBook) -> None:
    book = await open_book()
    made = await publish(book, 3, parallelism=1)
    pin = partial(flow_control.pin, parallelism=2, rate=None, period_s=1, now=book.clock.now())
    await steer(book, pin)
    assert await claim(book) == made[1:2]
    (last,) = await publish(book, 1, parallelism=9)
    assert await claim(book) == []
    await steer(book, partial(flow_control.unpin, parallelism=True, rate=True))
    assert (await status(book)).pace.parallelism == 2, "until the next message"
    await publish(book, 1, parallelism=9)
    assert last in await claim(book)


async def test_a_reset_opens_the_window(open_book: OpenBook) -> None:
    book = await open_book()
    made = await publish(book, 3, rate=1, period_s=3600)
    await steer(book, partial(flow_control.reset, now=book.clock.now()))
    assert await claim(book) == made[1:2]
    found = await status(book)
    assert (found.pace.window_started_at, found.pace.window_count) == (book.clock.now(), 1)


async def reset_last(book: Book, *, limit: int = 100) -> list[MessageId]:
    """Reset the rate with slots for what may start already: those that do."""
    now = book.clock.now()
    changed = await book.store.flow_control_keys.steer(
        PROJECT,
        "k",
        partial(flow_control.reset, now=now),
        creates=False,
        claim=book.offer(limit),
        now=now,
    )
    return ids(changed.claimed)


async def test_a_reset_comes_after_what_may_start_already(open_book: OpenBook) -> None:
    """What waits in line at an open key, and what is due and has not been looked at (4.11)."""
    book = await open_book()
    await steer(book, flow_control.pause, creates=True)
    made = await publish(book, 2, rate=3, period_s=60)
    await steer(book, flow_control.resume)
    for _ in range(2):
        accepted = await book.add(keyed(rate=3, period_s=60))
        made.append(accepted.published[0].messages[0][0])
    assert await reset_last(book) == made[:3]
    found = await status(book)
    assert (found.pace.window_started_at, found.pace.window_count) == (book.clock.now(), 0)
    assert await claim(book) == made[3:]


async def test_a_reset_waits_for_no_slot(open_book: OpenBook) -> None:
    book = await open_book()
    await steer(book, flow_control.pause, creates=True)
    made = await publish(book, 3, rate=3, period_s=60)
    await steer(book, flow_control.resume)
    assert await reset_last(book, limit=1) == made[:1]
    assert (await status(book)).pace.window_count == 0


async def test_keys_that_are_not_known(open_book: OpenBook) -> None:
    book = await open_book()
    assert await steer(book, flow_control.resume) == Changed(False, None)
    assert await book.store.flow_control_keys.get(PROJECT, "k", now=NOW) is None
    await steer(book, flow_control.pause, creates=True)
    assert (await status(book)).pace == Pace(is_paused=True)


async def test_lists_by_key_and_by_text(open_book: OpenBook) -> None:
    book = await open_book()
    for key in ("Beta", "alpha", "gamma"):
        await publish(book, 1, key, parallelism=1)
    keys = book.store.flow_control_keys
    found = await keys.select(PROJECT, containing="", limit=10, now=NOW)
    assert [one.key for one in found] == ["Beta", "alpha", "gamma"]
    found = await keys.select(PROJECT, containing="ETA", limit=10, now=NOW)
    assert [one.key for one in found] == ["Beta"]
    assert len(await keys.select(PROJECT, containing="a", limit=2, now=NOW)) == 2
    assert await keys.select(OTHER_PROJECT, containing="", limit=10, now=NOW) == []


async def test_the_project_is_full(open_book: OpenBook) -> None:
    """Who waits for the project is counted by key, and without one as `$` (4.13)."""
    book = await open_book(project=3)
    plain = [new_message(URL) for _ in range(5)]
    await book.add(*plain, claim=book.offer())
    await publish(book, 2, parallelism=9)
    keys = book.store.flow_control_keys
    keyless = await keys.keyless(PROJECT)
    assert (keyless.key, keyless.open_attempts, keyless.wait_list) == ("$", 3, 2)
    assert (await status(book)).wait_list == 2
    assert await keys.open_attempts(PROJECT) == 3


async def test_slots_of_a_full_project_go_round_the_lists(open_book: OpenBook) -> None:
    book = await open_book(project=1)
    (started,) = await book.start(new_message(URL))
    many = (await book.add(*(new_message(URL) for _ in range(4)), claim=book.offer())).published
    few = await publish(book, 2, parallelism=9)
    seen, claimed = [], [started]
    while claimed:
        claimed = await end(book, *claimed)
        seen += ids(claimed)
    keyless = [one.messages[0][0] for one in many]
    assert seen == [keyless[0], few[0], keyless[1], few[1], *keyless[2:]]


async def test_a_busy_host_holds_up_its_own_messages_only(open_book: OpenBook) -> None:
    book = await open_book(host=1)
    await book.start(new_message(URL))
    (waiting,) = await publish(book, 1, parallelism=1)
    accepted = await book.add(
        keyed(url="https://b.example.com/", parallelism=1), claim=book.offer()
    )
    assert len(accepted.claimed) == 1, "who waits for a host holds no slot of the key"
    assert await book.state(waiting) is State.WAITING


async def test_a_place_is_held_while_waiting_for_a_key(open_book: OpenBook) -> None:
    book = await open_book()
    await steer(book, flow_control.pause, creates=True)
    asked = FlowControl(key="k", parallelism=1)
    first = new_message(URL, queue_name="q", flow_control=asked)
    accepted = await book.add(first, new_message(URL, queue_name="q"), claim=book.offer())
    assert accepted.claimed == []
    assert await claim(book) == []
    assert (await status(book)).wait_list == 1
    await steer(book, flow_control.resume)
    assert await claim(book) == [accepted.published[0].messages[0][0]]


async def test_a_message_without_a_place_is_not_in_the_wait_list(open_book: OpenBook) -> None:
    book = await open_book()
    asked = FlowControl(key="k", parallelism=1)
    several = [new_message(URL, queue_name="q", flow_control=asked) for _ in range(3)]
    await book.add(*several, claim=book.offer())
    found = await status(book)
    assert (found.open_attempts, found.wait_list) == (1, 0)


async def test_a_callback_with_a_key_takes_a_slot(open_book: OpenBook) -> None:
    book = await open_book()
    (started,) = await book.start(new_message(URL))
    await publish(book, 1, parallelism=1)
    settled = await book.settle(settlement(started, callbacks=(keyed(parallelism=1),)))
    assert settled.claimed == []
    assert (await status(book)).wait_list == 1


async def test_lost_attempts_hold_nothing(open_book: OpenBook) -> None:
    book = await open_book()
    made = await publish(book, 3, parallelism=2)
    book.clock.advance(60_000)
    await book.messages.rescue(10, now=book.clock.now())
    assert (await status(book)).open_attempts == 0
    book.lease = await book.messages.take_lease(until=UnixMs(book.clock.now() + 60_000))
    assert await claim(book) == made[:2]


async def test_a_key_is_forgotten_when_nothing_needs_it(open_book: OpenBook) -> None:
    book = await open_book()
    (started,) = await publish(book, 1, parallelism=1)
    await publish(book, 1, "other", parallelism=1)
    await steer(book, flow_control.pause, key="other")

    async def prune() -> None:
        horizon = RetentionPeriods().horizon(book.clock.now())
        await book.store.upkeep.prune(10, horizon=horizon)

    book.clock.advance(25 * 3_600_000)
    await prune()
    assert (await status(book)).open_attempts == 1
    await end(book, await book.get(started))
    await prune()
    await status(book)
    book.clock.advance(25 * 3_600_000)
    await prune()
    assert await book.store.flow_control_keys.get(PROJECT, "k", now=NOW) is None
    assert (await status(book, "other")).pace.is_paused


async def test_a_key_is_kept_for_a_day_after_its_window(open_book: OpenBook) -> None:
    book = await open_book()
    (started,) = await publish(book, 1, every_ms=0, rate=1, period_s=7 * 86_400)
    await end(book, await book.get(started))
    keys = book.store.flow_control_keys

    async def lives_after(days: int, hours: int) -> bool:
        now = UnixMs(NOW + days * DAY_MS + hours * 3_600_000)
        await book.store.upkeep.prune(10, horizon=RetentionPeriods().horizon(now))
        return await keys.get(PROJECT, "k", now=now) is not None

    assert await lives_after(6, 22)
    assert await lives_after(7, 23)
    assert not await lives_after(9, 0)


async def test_keys_at_which_nothing_happens_are_not_held_in_memory(
    open_book: OpenBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_control_keys, "MAX_KNOWN", 10)
    book = await open_book()
    known = book.store.messages._database._transaction.gates.keys._known  # type: ignore[attr-defined]
    for number in range(30):
        (id,) = await publish(book, 1, f"idle {number}", rate=1, period_s=60)
        await end(book, await book.get(id))
        assert len(known) <= 11
    (waiting,) = await publish(book, 1, "idle 0", rate=1, period_s=60)
    assert await book.state(waiting) is State.WAITING, "its window is known all the same"


def test_many_keys_in_use_are_not_gone_through_with_every_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flow_control_keys, "MAX_KNOWN", 10)
    keys, looks = OpenKeys(open_writer(None)), 0

    def is_idle(_: GateId) -> bool:
        nonlocal looks
        looks += 1
        return False

    for number in range(100):
        keys.find_or_make(PROJECT, f"key {number}", now=NOW)
        keys.shrink(is_idle)
    assert looks < 200
