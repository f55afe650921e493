"""When schedules run: at their ticks, each tick once, whatever the clock and the store do."""

import asyncio
from typing import Any

import pytest

from relaypost.domain.limits import Limits
from relaypost.domain.schedules import Lookup, MakeRun, NewSchedule, NextTick, Schedule
from relaypost.domain.types import UnixMs
from relaypost.domain.url_groups import Endpoint
from relaypost.domain.zones import Zone
from relaypost.engine import scheduler
from relaypost.engine.scheduler import Scheduling
from relaypost.runtime import shipped_zone
from relaypost.service import schedules
from relaypost.store.base import Claim, Fired, Retimed
from tests.support.engines import Running, running_engine
from tests.support.messages import MINUTE, NOW, PROJECT
from tests.support.schedules import FIRST_TICK, minutely, new_schedule, template
from tests.support.virtual_time import in_virtual_time

HOUR = 60 * MINUTE


def due_now(running: Running, id: str = "scd_1", **overrides: Any) -> NewSchedule:
    """A schedule that was asked for just now."""
    now = running.clock.now()
    return new_schedule(id, **{"accepted_at": now, "next_tick_at": minutely(now), **overrides})


async def get(running: Running, id: str = "scd_1") -> Schedule:
    return await schedules.get(running.service, PROJECT, id)


def note_runs(running: Running) -> list[UnixMs]:
    """When each run began."""
    runs: list[UnixMs] = []
    store = running.store.schedules
    fire = store.fire

    async def noting(*given: Any, **named: Any) -> Fired:
        fired = await fire(*given, **named)
        runs.extend(named["due_by"] for one in fired.published if one.messages)
        return fired

    store.fire = noting  # type: ignore[method-assign]
    return runs


def count_calls(running: Running) -> list[str]:
    """Grows with each question to the store of schedules."""
    calls: list[str] = []
    store = running.store.schedules
    fire, retime = store.fire, store.retime

    async def counting_fire(*given: Any, **named: Any) -> Fired:
        calls.append("fire")
        return await fire(*given, **named)

    async def counting_retime(*given: Any, **named: Any) -> Retimed:
        calls.append("retime")
        return await retime(*given, **named)

    store.fire, store.retime = counting_fire, counting_retime  # type: ignore[method-assign]
    return calls


@pytest.mark.conformance("S-8")
@in_virtual_time
async def test_one_message_each_minute_within_a_second_and_none_before_it() -> None:
    async with running_engine() as running:
        runs = note_runs(running)
        await schedules.create(running.service, due_now(running))
        await asyncio.sleep(10 * 60)
        assert len(running.sender.requests) == len(runs) == 10
        for number, ran_at in enumerate(runs):
            tick = FIRST_TICK + number * MINUTE
            assert tick <= ran_at < tick + 1000


@pytest.mark.conformance("S-9")
@in_virtual_time
async def test_two_nodes_make_one_message_for_each_tick() -> None:
    async with running_engine() as running, asyncio.TaskGroup() as tasks:
        runs = note_runs(running)
        others = [scheduler_over(running, running.store.schedules) for _ in range(2)]
        work = [tasks.create_task(other.run()) for other in others]
        await schedules.create(running.service, due_now(running))
        for other in others:
            other.note(FIRST_TICK)
        await asyncio.sleep(10 * 60)
        assert len(running.sender.requests) == len(runs) == 10
        for one in work:
            one.cancel()


@in_virtual_time
async def test_nothing_is_asked_while_nothing_ticks() -> None:
    async with running_engine() as running:
        calls = count_calls(running)
        tick = UnixMs(NOW + 2 * HOUR)
        await schedules.create(running.service, due_now(running, cron="@daily", next_tick_at=tick))
        await asyncio.sleep(2 * 3600 - 1)
        assert calls == []
        await asyncio.sleep(2)
        assert calls == ["fire"]


@in_virtual_time
async def test_a_schedule_that_ticks_earlier_changes_the_alarm() -> None:
    async with running_engine() as running:
        runs = note_runs(running)
        for minutes in (90, 30, 60):
            tick = UnixMs(NOW + minutes * MINUTE)
            asked = due_now(running, f"s{minutes}", cron="@daily", next_tick_at=tick)
            await schedules.create(running.service, asked)
        await asyncio.sleep(100 * 60)
        assert [round((ran_at - NOW) / MINUTE) for ran_at in runs] == [30, 60, 90]


@pytest.mark.conformance("S-11")
@in_virtual_time
async def test_a_pause_drops_its_ticks() -> None:
    async with running_engine() as running:
        runs = note_runs(running)
        await schedules.create(running.service, due_now(running))
        await asyncio.sleep(61)
        await schedules.pause(running.service, PROJECT, "scd_1")
        await asyncio.sleep(3 * 60)
        assert len(runs) == 1
        await schedules.resume(running.service, PROJECT, "scd_1")
        resumed_at = running.clock.now()
        assert (await get(running)).next_tick_at == minutely(resumed_at)
        await asyncio.sleep(60)
        assert [minutely(UnixMs(ran_at - MINUTE)) for ran_at in runs[1:]] == [minutely(resumed_at)]


@in_virtual_time
async def test_a_clock_that_is_set_forward_is_like_a_server_that_was_down() -> None:
    async with running_engine() as running:
        runs = note_runs(running)
        await schedules.create(running.service, due_now(running))
        running.clock.jump(3 * HOUR)
        await asyncio.sleep(1.5)
        assert len(runs) == 1, "one run for all that was missed"
        assert runs[0] - NOW < 3 * HOUR + 1_500
        assert (await get(running)).next_tick_at == minutely(runs[0])


@pytest.mark.conformance("S-12")
@in_virtual_time
async def test_no_tick_runs_twice_when_the_clock_is_set_back() -> None:
    async with running_engine() as running:
        runs = note_runs(running)
        await schedules.create(running.service, due_now(running))
        await asyncio.sleep(61)
        running.clock.jump(-HOUR)
        await asyncio.sleep(1)
        await schedules.pause(running.service, PROJECT, "scd_1")
        await schedules.resume(running.service, PROJECT, "scd_1")
        await asyncio.sleep(60 * 60)
        assert len(runs) == 1
        await asyncio.sleep(60)
        assert len(runs) == 2
        assert runs[1] >= FIRST_TICK + MINUTE


@in_virtual_time
async def test_a_lateness_limit_leaves_out_what_is_too_late() -> None:
    async with running_engine(scheduling=Scheduling(max_lateness_ms=MINUTE)) as running:
        runs = note_runs(running)
        hourly = due_now(running, cron="@hourly", next_tick_at=UnixMs(NOW - NOW % HOUR + HOUR))
        await schedules.create(running.service, due_now(running, "minutely"))
        await schedules.create(running.service, hourly)
        running.clock.jump(3 * HOUR)
        await asyncio.sleep(2)
        assert len(runs) == 1
        assert (await get(running, "minutely")).last_run_at is not None
        left_out = await get(running)
        assert (left_out.last_run_at, left_out.error) == (None, None)
        assert left_out.next_tick_at is not None
        assert left_out.next_tick_at > running.clock.now()


@in_virtual_time
async def test_runs_are_repeated_until_the_store_takes_them() -> None:
    async with running_engine() as running:
        runs = note_runs(running)
        await schedules.create(running.service, due_now(running))
        running.database.is_full = True
        await asyncio.sleep(3 * 60)
        assert runs == []
        running.database.is_full = False
        await asyncio.sleep(1)
        assert len(runs) == 1
        assert running.free_slots == 100
        await asyncio.sleep(60)
        assert len(runs) == 2


@pytest.mark.parametrize(
    ("limits", "queue", "error"),
    [
        (Limits(max_message_bytes=3), None, "quota maxMessageSize exceeded, current limit: 3"),
        (Limits(max_queues=1), "second", "quota maxQueues exceeded, current limit: 1"),
    ],
)
def test_a_run_over_a_quota_says_so_and_the_schedule_goes_on(
    limits: Limits, queue: str | None, error: str
) -> None:
    @in_virtual_time
    async def run() -> None:
        async with running_engine(scheduling=Scheduling(limits_of=lambda _: limits)) as running:
            await running.store.queues.put(
                PROJECT, "first", parallelism=1, is_paused=None, max_queues=0, now=NOW
            )
            sealed = template(schedule_id="scd_1", queue_name=queue, body=b"1234")
            await schedules.create(running.service, due_now(running, template=sealed))
            await asyncio.sleep(61)
            found = await get(running)
            assert (found.error, found.last_states) == (error, ())
            assert found.last_run_at is not None
            assert found.next_tick_at == FIRST_TICK + MINUTE
            assert running.sender.requests == []

    run()


@pytest.mark.conformance("S-13")
@in_virtual_time
async def test_a_group_that_goes_is_an_error_until_it_comes_back() -> None:
    async with running_engine() as running:
        lookup = Lookup(group="g", destination="g")
        sealed = template(url="g", schedule_id="scd_1", lookup=lookup)
        await schedules.create(running.service, due_now(running, template=sealed))
        await asyncio.sleep(61)
        found = await get(running)
        assert (found.error, found.last_states) == ("topic g not found", ())
        endpoints = [Endpoint(url=f"https://{host}.example/") for host in "ab"]
        groups = running.store.url_groups
        await groups.add_endpoints(PROJECT, "g", endpoints, limits=Limits(), now=NOW)
        await asyncio.sleep(60)
        found = await get(running)
        assert (found.error, len(found.last_states)) == (None, 2)
        urls = [request.url for request in running.sender.requests]
        assert urls == ["https://a.example/", "https://b.example/"]
        await groups.delete(PROJECT, "g")
        await asyncio.sleep(60)
        assert (await get(running)).error == "topic g not found"


@in_virtual_time
async def test_a_zone_that_is_not_known_any_more() -> None:
    """Until the next start, at the latest, finds it again."""
    async with running_engine() as running:
        gone = due_now(running, "gone", cron="TZ=Atlantis/Poseidonis * * * * *")
        await schedules.create(running.service, gone)
        await schedules.create(running.service, due_now(running))
        await asyncio.sleep(2 * 60)
        assert len(running.sender.requests) == 2
        found = await get(running, "gone")
        assert found.error == (
            "Invalid cron expression provided bad location Atlantis/Poseidonis: "
            "unknown time zone Atlantis/Poseidonis"
        )
        assert (found.is_paused, found.next_tick_at) == (False, None)
        await schedules.resume(running.service, PROJECT, "gone")
        again = Scheduling(zones=lambda _: shipped_zone("UTC"))
        await run_for_a_second(scheduler_over(running, running.store.schedules, again))
        assert (await get(running, "gone")).next_tick_at == minutely(running.clock.now())


def broken_zones(name: str) -> Zone | None:
    if name == "Broken":
        raise RuntimeError("a defect")
    return shipped_zone(name)


@in_virtual_time
async def test_a_defect_of_one_schedule_holds_up_no_other() -> None:
    async with running_engine(scheduling=Scheduling(zones=broken_zones)) as running:
        broken = due_now(running, "broken", cron="TZ=Broken * * * * *")
        await schedules.create(running.service, broken)
        await schedules.create(running.service, due_now(running))
        await asyncio.sleep(2 * 60)
        assert len(running.sender.requests) == 2
        found = await get(running, "broken")
        assert (found.error, found.next_tick_at) == (scheduler.DEFECT, None)


@in_virtual_time
async def test_more_than_one_transaction_takes_run_all_the_same() -> None:
    async with running_engine(max_open_attempts=1000) as running:
        for number in range(3 * scheduler.MAX_FIRED):
            await schedules.create(running.service, due_now(running, f"s{number}"))
        await asyncio.sleep(62)
        ids = {header for one in running.sender.requests for header in one.headers}
        made = {value for name, value in ids if name == "Upstash-Schedule-Id"}
        assert len(made) == 3 * scheduler.MAX_FIRED


# --- at the start --------------------------------------------------------------------------------


class Planned:
    """A store of schedules that notes what is asked of it."""

    def __init__(self, *ticks: UnixMs) -> None:
        self.asked: list[str] = []
        self.ticks = list(ticks)

    async def fire(
        self,
        limit: int,
        *,
        make_run: MakeRun,
        due_by: UnixMs,
        claim: Claim | None,
        now: UnixMs,
    ) -> Fired:
        self.asked.append("fire")
        self.ticks = [tick for tick in self.ticks if tick > due_by]
        return Fired([], [], None, min(self.ticks, default=None), 0)

    async def retime(self, limit: int, *, after: int, next_tick: NextTick, now: UnixMs) -> Retimed:
        self.asked.append(f"retime {after}")
        last = after + limit if after < 3 * limit else None
        return Retimed(last, None)


@in_virtual_time
async def test_ticks_are_worked_out_anew_at_the_start() -> None:
    async with running_engine() as running:
        midnight = UnixMs(NOW - NOW % (24 * HOUR) + 24 * HOUR)
        berlin = due_now(running, cron="TZ=Europe/Berlin @daily", next_tick_at=midnight)
        await running.store.schedules.put(berlin, max_schedules=0, now=NOW)
        await run_for_a_second(scheduler_over(running, running.store.schedules))
        assert (await get(running)).next_tick_at == midnight - HOUR


@in_virtual_time
async def test_what_is_due_comes_before_what_is_worked_out_anew() -> None:
    async with running_engine() as running:
        planned = Planned(UnixMs(NOW - 1), UnixMs(NOW + HOUR))
        await run_for_a_second(scheduler_over(running, planned))
        step = scheduler.MAX_RETIMED
        assert planned.asked == ["fire", *[f"retime {step * number}" for number in range(4)]]


def scheduler_over(
    running: Running, store: Any, scheduling: Scheduling | None = None
) -> scheduler.Scheduler:
    return scheduler.Scheduler(
        store,
        clock=running.clock,
        intake=running.engine.intake,
        scheduling=scheduling or Scheduling(),
    )


async def run_for_a_second(started: scheduler.Scheduler) -> None:
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(started.run())
        await asyncio.sleep(1)
        work.cancel()
