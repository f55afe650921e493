"""Schedules: made once, replaced as a whole, and each tick met once."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.limits import Limits
from relaypost.domain.logs import LogState
from relaypost.domain.messages import Deduplication, Redaction, State
from relaypost.domain.retention import Horizon
from relaypost.domain.schedules import Lookup, NewSchedule, Run, Schedule
from relaypost.domain.types import UnixMs
from relaypost.domain.url_groups import Endpoint, UrlGroup
from relaypost.store.base import Claim, Fired, Planned
from relaypost.store.sqlite import schedule_runs
from relaypost.store.sqlite import schedules as of_sqlite
from relaypost.store.sqlite.connection import select
from tests.store.conftest import OpenStore
from tests.support.books import Book
from tests.support.messages import (
    BUSY,
    MINUTE,
    NOW,
    OK,
    OTHER_PROJECT,
    PROJECT,
    URL,
    callback,
    envelope,
    new_message,
    project,
    settlement,
)
from tests.support.schedules import (
    FIRST_TICK,
    always,
    minutely,
    new_schedule,
    one_message,
    schedule,
    template,
)

WINDOW_MS = 600_000
NEVER = UnixMs(0)
PLENTY = 1000


class Planner:
    """Short words for what the service and the scheduler do."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.schedules = book.store.schedules

    async def put(
        self, asked: NewSchedule | None = None, *, max_schedules: int = 0, **overrides: Any
    ) -> Planned:
        return await self.schedules.put(
            asked or new_schedule(**overrides),
            max_schedules=max_schedules,
            now=self.book.clock.now(),
        )

    async def get(self, id: str = "scd_1") -> Schedule:
        found = await self.schedules.get(PROJECT, id)
        assert found is not None
        return found

    async def fire(
        self,
        *,
        limit: int = PLENTY,
        claim: Claim | None = None,
        run: Run | None = None,
    ) -> Fired:
        now = self.book.clock.now()
        return await self.schedules.fire(
            limit,
            make_run=one_message(now) if run is None else lambda *_: run,
            due_by=now,
            claim=claim,
            now=now,
        )

    async def tick(self) -> Fired:
        """Let the clock reach the next tick, and meet it."""
        now = self.book.clock.now()
        self.book.clock.advance(minutely(now) - now)
        return await self.fire(claim=self.book.offer())


@pytest.fixture
def planner(book: Book) -> Planner:
    return Planner(book)


# --- creating and reading ------------------------------------------------------------------------


FULL = template(
    schedule_id="full",
    headers=(("Content-Type", "text/plain"), ("X-Raw", "caf\udce9"), ("X-Nul", "\0a")),
    body=b"\0\xff",
    callback=callback(headers=(("X-Raw", "\udcff"),), failure_callback=callback()),
    failure_callback=callback(labels=("a",)),
    labels=("a", "b"),
    redaction=Redaction(body=True, headers=("X-Raw",)),
    caller_ip="203.0.113.7",
    queue_name="reports",
    flow_control=FlowControl(key="erp", rate=10, period_s=60),
    retry_delay="1000",
    delay_ms=10_500,
    timeout_ms=1_500,
    lookup=Lookup(group="group", destination="group?x=1", headers=((b"upstash-label", b"a\xff"),)),
)


async def test_what_was_put_is_read_back(planner: Planner) -> None:
    asked = new_schedule("full", cron="CRON_TZ=Europe/Berlin 0 1 * * *", template=FULL)
    planned = await planner.put(asked)
    assert planned == Planned("full", next_tick_at=FIRST_TICK)
    assert await planner.get("full") == Schedule(
        project_id=PROJECT,
        id="full",
        cron="CRON_TZ=Europe/Berlin 0 1 * * *",
        template=FULL,
        created_at=NOW,
        accepted_at=NOW,
        next_tick_at=FIRST_TICK,
        ticked_until=NOW,
    )


async def test_the_list_is_oldest_first(planner: Planner) -> None:
    for id in ("c", "a", "b"):
        await planner.put(new_schedule(id))
        planner.book.clock.advance(1)
    await planner.put(new_schedule("c"))
    assert [one.id for one in await planner.schedules.all(PROJECT)] == ["c", "a", "b"]


async def test_schedules_are_of_a_project(planner: Planner) -> None:
    await planner.book.store.projects.add(project(OTHER_PROJECT), [])
    await planner.put(new_schedule("a"))
    await planner.put(new_schedule("a", project_id=OTHER_PROJECT, cron="@daily"))
    assert (await planner.get("a")).cron != "@daily"
    assert [one.cron for one in await planner.schedules.all(OTHER_PROJECT)] == ["@daily"]
    assert not await planner.schedules.delete(PROJECT, "b")
    assert await planner.schedules.delete(PROJECT, "a")
    assert await planner.schedules.get(PROJECT, "a") is None
    assert await planner.schedules.get(OTHER_PROJECT, "a") is not None
    assert not await planner.schedules.pause(PROJECT, "a")


@pytest.mark.conformance("S-4")
async def test_a_replaced_one_keeps_its_age_its_pause_and_its_newest_run(planner: Planner) -> None:
    await planner.put(template=FULL)
    await planner.tick()
    before = await planner.get()
    await planner.schedules.pause(PROJECT, "scd_1")
    planner.book.clock.advance(500)
    later = UnixMs(NOW + 10 * MINUTE)
    plain = template(schedule_id="scd_1")
    again = new_schedule(cron="@hourly", template=plain, accepted_at=later, next_tick_at=later)
    assert await planner.put(again) == Planned("scd_1")
    assert await planner.get() == replace(
        before,
        cron="@hourly",
        template=plain,
        accepted_at=later,
        is_paused=True,
        next_tick_at=None,
        ticked_until=later,
    )
    assert len(await planner.schedules.all(PROJECT)) == 1


async def test_one_that_is_replaced_ticks_as_the_new_one_says(planner: Planner) -> None:
    await planner.put()
    later = UnixMs(NOW + 10 * MINUTE)
    assert (await planner.put(next_tick_at=later)).next_tick_at == later
    assert (await planner.tick()).published == []
    assert (await planner.get()).next_tick_at == later


@pytest.mark.conformance("S-22")
async def test_no_more_than_are_allowed(planner: Planner) -> None:
    await planner.put(new_schedule("a"), max_schedules=2)
    await planner.put(new_schedule("b"), max_schedules=2)
    await planner.schedules.pause(PROJECT, "a")
    assert await planner.put(new_schedule("c"), max_schedules=2) == Planned(None)
    assert len(await planner.schedules.all(PROJECT)) == 2
    assert (await planner.put(new_schedule("b"), max_schedules=2)).id == "b"
    assert (await planner.put(new_schedule("c"), max_schedules=0)).id == "c"
    await planner.schedules.delete(PROJECT, "a")
    await planner.schedules.delete(PROJECT, "c")
    assert (await planner.put(new_schedule("d"), max_schedules=2)).id == "d"


@pytest.mark.conformance("S-19")
async def test_a_duplicate_changes_nothing_and_names_the_first(planner: Planner) -> None:
    once = Deduplication(key=b"k", window_ms=WINDOW_MS)
    assert (await planner.put(new_schedule("a", deduplication=once))).id == "a"
    await planner.put(new_schedule("b"))
    for id in ("b", "c", "a"):
        again = new_schedule(id, cron="@daily", deduplication=once)
        assert await planner.put(again, max_schedules=1) == Planned("a", is_duplicate=True)
    assert [one.cron for one in await planner.schedules.all(PROJECT)] == ["* * * * *"] * 2
    await planner.schedules.delete(PROJECT, "a")
    assert (await planner.put(new_schedule("c", deduplication=once))).is_duplicate


async def test_a_key_is_free_again_after_its_window(planner: Planner) -> None:
    once = Deduplication(key=b"k", window_ms=WINDOW_MS)
    await planner.put(new_schedule("a", deduplication=once))
    planner.book.clock.advance(WINDOW_MS - 1)
    assert (await planner.put(new_schedule("b", deduplication=once))).is_duplicate
    planner.book.clock.advance(1)
    assert (await planner.put(new_schedule("b", deduplication=once))).id == "b"


async def test_one_that_was_refused_takes_no_key(planner: Planner) -> None:
    once = Deduplication(key=b"k", window_ms=WINDOW_MS)
    await planner.put(new_schedule("a"))
    await planner.put(new_schedule("b", deduplication=once), max_schedules=1)
    assert await planner.put(new_schedule("c", deduplication=once)) == Planned(
        "c", next_tick_at=FIRST_TICK
    )


# --- runs ----------------------------------------------------------------------------------------


@pytest.mark.conformance("S-8")
async def test_no_tick_is_met_before_it_comes(planner: Planner) -> None:
    await planner.put()
    planner.book.clock.advance(FIRST_TICK - NOW - 1)
    early = await planner.fire(claim=planner.book.offer())
    assert (early.published, early.claimed) == ([], [])
    assert early.next_tick_at == FIRST_TICK
    planner.book.clock.advance(1)
    fired = await planner.fire(claim=planner.book.offer())
    assert len(fired.published) == len(fired.claimed) == 1
    assert fired.next_tick_at == FIRST_TICK + MINUTE


async def test_a_run_makes_messages_as_a_publish_does(planner: Planner) -> None:
    await planner.put()
    fired = await planner.tick()
    (message,) = fired.claimed
    assert fired.published[0].messages == ((message.id, message.envelope.url),)
    assert message.envelope == envelope(schedule_id="scd_1")
    assert message.created_at == message.not_before == FIRST_TICK
    assert await planner.book.history(message.id) == [LogState.CREATED, LogState.ACTIVE]
    found = await planner.get()
    assert found.last_run_at == FIRST_TICK
    assert found.last_states == ((message.id, State.ACTIVE),)
    assert (found.next_tick_at, found.ticked_until) == (FIRST_TICK + MINUTE, FIRST_TICK)


async def test_without_a_claim_its_messages_wait(planner: Planner) -> None:
    await planner.put()
    planner.book.clock.advance(MINUTE)
    fired = await planner.fire()
    assert (fired.claimed, fired.next_due_at) == ([], planner.book.clock.now())
    assert len((await planner.book.claim()).messages) == 1


@pytest.mark.conformance("S-15")
async def test_a_delay_counts_from_the_run(planner: Planner) -> None:
    await planner.put(template=template(schedule_id="scd_1", delay_ms=30_000))
    fired = await planner.tick()
    assert (fired.claimed, fired.next_due_at) == ([], FIRST_TICK + 30_000)


@pytest.mark.conformance("S-9", "S-10")
async def test_a_tick_is_met_once(planner: Planner) -> None:
    await planner.put()
    await planner.tick()
    again = await asyncio.gather(*(planner.fire() for _ in range(5)))
    assert all(fired.published == [] for fired in again)
    assert len(await planner.book.entries()) == 2


async def test_many_fire_in_the_order_of_their_ticks(planner: Planner) -> None:
    for number in range(5):
        tick = UnixMs(FIRST_TICK - number)
        await planner.put(new_schedule(f"s{number}", next_tick_at=tick))
    planner.book.clock.advance(MINUTE)
    made = []
    for left in (3, 1, 0):
        fired = await planner.fire(limit=2)
        made += [id for one in fired.published for id, _ in one.messages]
        assert fired.next_tick_at is not None
        assert (fired.next_tick_at <= planner.book.clock.now()) == (left > 0)
    messages = [await planner.book.get(id) for id in made]
    ids = [message.envelope.schedule_id for message in messages]
    assert ids == ["s4", "s3", "s2", "s1", "s0"]


async def test_a_firing_copies_so_many_bytes(planner: Planner) -> None:
    body = bytes(schedule_runs.MAX_BYTES // 2)
    for number in range(4):
        sealed = template(schedule_id=f"s{number}", body=body)
        await planner.put(new_schedule(f"s{number}", template=sealed))
    planner.book.clock.advance(MINUTE)
    assert len((await planner.fire()).published) == 3
    assert len((await planner.fire()).published) == 1


async def test_a_run_without_messages_says_why(planner: Planner) -> None:
    await planner.put()
    await planner.tick()
    planner.book.clock.advance(MINUTE)
    now = planner.book.clock.now()
    failing = Run(next_tick_at=UnixMs(now + 1), error="topic g not found")
    fired = await planner.fire(run=failing)
    assert (len(fired.published), fired.failed) == (1, 1)
    found = await planner.get()
    assert (found.error, found.last_states, found.last_run_at) == ("topic g not found", (), now)
    planner.book.clock.advance(1)
    await planner.fire()
    found = await planner.get()
    assert found.error is None
    assert len(found.last_states) == 1


async def test_a_run_that_comes_too_late_leaves_no_trace(planner: Planner) -> None:
    await planner.put()
    await planner.tick()
    before = await planner.get()
    now = UnixMs(planner.book.clock.advance(5 * MINUTE))
    late = Run(next_tick_at=minutely(now), is_too_late=True)
    fired = await planner.fire(run=late)
    assert (fired.published[0].messages, fired.failed) == ((), 0)
    assert fired.next_tick_at == minutely(now)
    assert await planner.get() == replace(before, next_tick_at=minutely(now), ticked_until=now)


@pytest.mark.conformance("S-16")
async def test_a_run_enqueues_and_makes_a_queue_that_is_missing(planner: Planner) -> None:
    await planner.put(template=template(schedule_id="scd_1", queue_name="q"))
    fired = await planner.tick()
    assert len(fired.claimed) == 1
    queue = await planner.book.store.queues.get(PROJECT, "q")
    assert queue is not None
    assert (queue.parallelism, queue.lag) == (1, 1)
    await planner.book.store.queues.put(
        PROJECT, "q", parallelism=3, is_paused=None, max_queues=0, now=planner.book.clock.now()
    )
    await planner.tick()
    queue = await planner.book.store.queues.get(PROJECT, "q")
    assert queue is not None
    assert (queue.parallelism, queue.lag) == (3, 2)


async def test_a_queue_too_many_fails_the_run(planner: Planner) -> None:
    await planner.book.add(new_message(queue_name="first"))
    await planner.put(template=template(schedule_id="scd_1", queue_name="second"))
    planner.book.clock.advance(MINUTE)
    run = one_message(planner.book.clock.now())(await planner.get())
    refused = replace(run, limits=Limits(max_queues=1), error_without_queue="quota")
    assert (await planner.fire(run=refused)).failed == 1
    assert (await planner.get()).error == "quota"
    assert await planner.book.store.queues.get(PROJECT, "second") is None
    planner.book.clock.advance(MINUTE)
    taken = replace(refused, limits=Limits(max_queues=2))
    assert (await planner.fire(run=taken)).failed == 0
    assert (await planner.get()).error is None


async def test_a_daily_limit_fails_the_run(planner: Planner) -> None:
    await planner.put()
    planner.book.clock.advance(MINUTE)
    run = Run(
        next_tick_at=minutely(planner.book.clock.now()),
        messages=(new_message(),) * 2,
        limits=Limits(max_daily_messages=3),
        error_after_daily_limit="too many",
    )
    assert (await planner.fire(run=run)).failed == 0
    planner.book.clock.advance(MINUTE)
    assert (await planner.fire(run=run)).failed == 1
    assert (await planner.get()).error == "too many"
    assert len(await planner.book.entries()) == 2


async def test_a_run_of_several_messages(planner: Planner) -> None:
    await planner.put()
    planner.book.clock.advance(MINUTE)
    news = (new_message("https://a.example/"), new_message("https://b.example/"))
    run = Run(next_tick_at=minutely(planner.book.clock.now()), messages=news)
    fired = await planner.fire(run=run, claim=planner.book.offer(1))
    (first,), ((_, _), (second, _)) = fired.claimed, fired.published[0].messages
    assert (await planner.get()).last_states == (
        (first.id, State.ACTIVE),
        (second, State.WAITING),
    )


@pytest.mark.conformance("S-13")
async def test_a_run_sees_the_group_as_it_stands(planner: Planner) -> None:
    store, seen = planner.book.store, []
    lookup = Lookup(group="g", destination="g")
    await planner.put(template=template(url="g", schedule_id="scd_1", lookup=lookup))
    await planner.put(new_schedule("plain"))

    def make_run(found: Schedule, groups: Mapping[str, UrlGroup]) -> Run:
        urls = [one.url for group in groups.values() for one in group.endpoints]
        seen.append((found.id, list(groups), urls))
        return Run(next_tick_at=minutely(planner.book.clock.now()))

    async def fire() -> None:
        now = planner.book.clock.advance(MINUTE)
        await planner.schedules.fire(PLENTY, make_run=make_run, due_by=now, claim=None, now=now)

    await fire()
    for url in ("https://a.example/", "https://b.example/"):
        await store.url_groups.add_endpoints(
            PROJECT, "g", [Endpoint(url=url)], limits=Limits(), now=planner.book.clock.now()
        )
    await store.url_groups.add_endpoints(
        PROJECT, "other", [Endpoint(url=URL)], limits=Limits(), now=planner.book.clock.now()
    )
    await fire()
    await store.url_groups.delete(PROJECT, "g")
    await fire()
    of_group = [(names, urls) for id, names, urls in seen if id == "scd_1"]
    both = ["https://a.example/", "https://b.example/"]
    assert of_group == [([], []), (["g"], both), ([], [])]
    assert all(names == [] for id, names, _ in seen if id == "plain")


async def test_a_firing_makes_so_many_messages(planner: Planner) -> None:
    for number in range(5):
        await planner.put(new_schedule(f"s{number}"))
    planner.book.clock.advance(MINUTE)
    run = Run(next_tick_at=minutely(planner.book.clock.now()), messages=(new_message(),) * 3)
    assert [len((await planner.fire(run=run, limit=4)).published) for _ in range(3)] == [2, 2, 1]


# --- what became of the newest run ---------------------------------------------------------------


@pytest.mark.conformance("S-17")
async def test_states_are_those_of_the_messages(planner: Planner) -> None:
    await planner.put()
    (message,) = (await planner.tick()).claimed
    await planner.book.settle(settlement(message, BUSY, now=planner.book.clock.now()))
    assert (await planner.get()).last_states == ((message.id, State.WAITING),)
    await planner.book.cancel(message.id)
    assert (await planner.get()).last_states == ((message.id, State.CANCELED),)
    (message,) = (await planner.tick()).claimed
    await planner.book.settle(settlement(message, OK, now=planner.book.clock.now()))
    assert (await planner.get()).last_states == ((message.id, State.DELIVERED),)
    assert (await planner.schedules.all(PROJECT))[0].last_states == ((message.id, State.DELIVERED),)


async def prune_all(book: Book) -> int:
    ever = UnixMs(book.clock.now() + 1)
    horizon = Horizon(logs_before=ever, dead_letters_before=ever, keys_before=ever, now=ever)
    return await book.store.upkeep.prune(PLENTY, horizon=horizon)


@pytest.mark.conformance("S-17")
@pytest.mark.parametrize("outcome", [OK, BUSY])
async def test_states_outlive_the_messages(planner: Planner, outcome: object) -> None:
    sealed = template(schedule_id="scd_1", max_retries=0)
    await planner.put(template=sealed)
    planner.book.clock.advance(MINUTE)
    news = (new_message(schedule_id="scd_1", max_retries=0),) * 2
    run = Run(next_tick_at=minutely(planner.book.clock.now()), messages=news)
    first, second = (await planner.fire(run=run, claim=planner.book.offer())).claimed
    now = planner.book.clock.now()
    await planner.book.settle(settlement(first, outcome, now=now))  # type: ignore[arg-type]
    before = (await planner.get()).last_states
    assert await prune_all(planner.book)
    assert await planner.book.messages.get(PROJECT, [first.id]) == []
    assert (await planner.get()).last_states == before
    await planner.book.settle(settlement(second, OK, now=now))
    before = (await planner.get()).last_states
    assert before[1] == (second.id, State.DELIVERED)
    await prune_all(planner.book)
    assert (await planner.get()).last_states == before


async def test_pruning_looks_at_the_newest_run_only(planner: Planner) -> None:
    await planner.put()
    (old,) = (await planner.tick()).claimed
    await planner.book.settle(settlement(old, OK, now=planner.book.clock.now()))
    (new,) = (await planner.tick()).claimed
    await prune_all(planner.book)
    assert (await planner.get()).last_states == ((new.id, State.ACTIVE),)
    await planner.book.settle(settlement(new, OK, now=planner.book.clock.now()))
    await planner.schedules.delete(PROJECT, "scd_1")
    await planner.put()
    await prune_all(planner.book)
    assert (await planner.get()).last_states == ()


# --- pause, resume, delete -----------------------------------------------------------------------


@pytest.mark.conformance("S-11")
async def test_no_tick_is_met_during_a_pause(planner: Planner) -> None:
    await planner.put()
    planner.book.clock.advance(MINUTE)
    assert await planner.schedules.pause(PROJECT, "scd_1")
    assert await planner.schedules.pause(PROJECT, "scd_1")
    fired = await planner.fire()
    assert (fired.published, fired.next_tick_at) == ([], None)
    paused = await planner.get()
    assert (paused.is_paused, paused.next_tick_at) == (True, None)
    now = planner.book.clock.advance(3 * MINUTE)
    resumed = await planner.schedules.resume(
        PROJECT, "scd_1", next_tick=always(minutely(now)), now=now
    )
    assert resumed == Planned("scd_1", next_tick_at=minutely(now))
    assert (await planner.fire()).published == []
    assert await planner.get() == replace(
        paused, is_paused=False, next_tick_at=minutely(now), ticked_until=now
    )


async def test_a_resume_without_a_pause_changes_nothing(planner: Planner) -> None:
    await planner.put()
    before = await planner.get()
    now = planner.book.clock.advance(10 * MINUTE)
    resume = planner.schedules.resume
    assert await resume(PROJECT, "scd_1", next_tick=always(now), now=now) == Planned("scd_1")
    assert await planner.get() == before
    assert await resume(PROJECT, "none", next_tick=always(now), now=now) == Planned(None)


@pytest.mark.conformance("S-12")
async def test_a_resume_brings_no_tick_back_that_is_over(planner: Planner) -> None:
    await planner.put()
    await planner.tick()
    until = planner.book.clock.now()
    await planner.schedules.pause(PROJECT, "scd_1")
    past = UnixMs(until - 60 * MINUTE)
    await planner.schedules.resume(PROJECT, "scd_1", next_tick=always(until), now=past)
    assert (await planner.get()).ticked_until == until


@pytest.mark.conformance("S-21")
async def test_messages_stay_when_a_schedule_goes(planner: Planner) -> None:
    await planner.put()
    (message,) = (await planner.tick()).claimed
    assert await planner.schedules.delete(PROJECT, "scd_1")
    assert not await planner.schedules.delete(PROJECT, "scd_1")
    planner.book.clock.advance(MINUTE)
    assert (await planner.fire()).published == []
    assert (await planner.book.get(message.id)).envelope.schedule_id == "scd_1"
    connection = planner.book.store.messages._database._transaction.connection  # type: ignore[attr-defined]
    assert select(connection, "SELECT * FROM schedule_templates") == []
    await planner.put()
    assert (await planner.get()).last_run_at is None


# --- ticks worked out anew -----------------------------------------------------------------------


async def test_ticks_ahead_are_worked_out_anew(planner: Planner) -> None:
    due = UnixMs(NOW - 1)
    for id, tick in (("due", due), ("a", FIRST_TICK), ("b", FIRST_TICK), ("paused", FIRST_TICK)):
        await planner.put(new_schedule(id, next_tick_at=tick))
    await planner.schedules.pause(PROJECT, "paused")
    moved = {"a": UnixMs(FIRST_TICK + 7), "b": UnixMs(NOW - 7), "due": UnixMs(1)}
    seen: list[Schedule] = []

    def next_tick(found: Schedule) -> UnixMs | None:
        seen.append(found)
        return moved[found.id]

    after: int | None = 0
    earliest = []
    while after is not None:
        retimed = await planner.schedules.retime(2, after=after, next_tick=next_tick, now=NOW)
        after = retimed.last
        earliest.append(retimed.next_tick_at)
    assert earliest == [FIRST_TICK + 7, NOW - 7]
    assert seen == [schedule("a"), schedule("b")]
    ticks = {one.id: one.next_tick_at for one in await planner.schedules.all(PROJECT)}
    assert ticks == {"due": due, "a": moved["a"], "b": moved["b"], "paused": None}


async def test_a_tick_that_is_not_known_stays(planner: Planner) -> None:
    await planner.put()
    retimed = await planner.schedules.retime(10, after=0, next_tick=always(None), now=NOW)
    assert (retimed.last, retimed.next_tick_at) == (None, None)
    assert (await planner.get()).next_tick_at == FIRST_TICK


# --- failures ------------------------------------------------------------------------------------


async def test_a_run_is_all_or_nothing(planner: Planner) -> None:
    await planner.put()
    planner.book.clock.advance(MINUTE)
    before = await planner.get()
    unstorable = new_message(url="https://api.example.com/\udcff")
    news = (new_message(), unstorable)
    run = Run(next_tick_at=minutely(planner.book.clock.now()), messages=news)
    with pytest.raises(UnicodeEncodeError):
        await planner.fire(run=run, claim=planner.book.offer())
    assert await planner.get() == before
    assert await planner.book.entries() == []
    assert len((await planner.fire(claim=planner.book.offer())).claimed) == 1


async def test_everything_is_there_after_a_restart(open_store: OpenStore) -> None:
    book = await Book.open(open_store())
    planner = Planner(book)
    await planner.put(template=FULL)
    await planner.tick()
    connection = book.store.messages._database._transaction.connection  # type: ignore[attr-defined]
    assert of_sqlite.get(connection, PROJECT, "scd_1") == await planner.get()
    assert schedule_runs.next_tick(connection) == FIRST_TICK + MINUTE
