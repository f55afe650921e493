"""Months of schedules, through changes of clocks and kills at their ticks.

What must have run is worked out minute by minute, with nothing of the program (`tick_oracle`).
"""

import asyncio
import datetime
import random
from pathlib import Path

import pytest

from relaypost.domain.types import UnixMs
from tests.support.schedule_worlds import Gap, ScheduleWorld
from tests.support.tick_oracle import Spec, ticks, zone_info
from tests.support.virtual_time import VirtualClock, run
from tests.support.worlds import seeds

DAY_S = 86_400
DAYS = 60
STARTS = ("2027-02-20", "2027-09-05", "2028-01-10", "2028-09-15")
"""Before clocks are changed; the third is Ramadan in Morocco."""


def spec(text: str, **fields: object) -> Spec:
    names = ("minutes", "hours", "days", "months", "weekdays")
    given = {name: fields.get(name) for name in names}
    return Spec(text=text, is_fixed=text.split()[1][0] != "*", **given)  # type: ignore[arg-type]


SPECS = {
    "in-the-gap": spec("30 2 * * *", minutes={30}, hours={2}),
    "at-midnight": spec("0 0 * * *", minutes={0}, hours={0}),
    "late": spec("59 23 * * 0,6", minutes={59}, hours={23}, weekdays={0, 6}),
    "hourly": spec("15 * * * *", minutes={15}),
    "every-two-hours": spec("45 */2 * * *", minutes={45}, hours=set(range(0, 24, 2))),
    "in-the-doubled-hour": spec("0,30 1,2,3 * * *", minutes={0, 30}, hours={1, 2, 3}),
}
ZONES = (
    "America/New_York",
    "Europe/Berlin",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Europe/Dublin",
    "America/Santiago",
    "Asia/Gaza",
)
DOWN_SECONDS = (0, 0.5, 600, 7_200, 2 * DAY_S)


async def simulate(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    begin = datetime.datetime.fromisoformat(f"{STARTS[seed % len(STARTS)]}T12:00+00:00")
    clock = VirtualClock(UnixMs(round(begin.timestamp() * 1000) + rng.randint(0, 59_999)))
    world = ScheduleWorld(str(path), rng, clock)
    await world.open()
    zones = {id: rng.choice(ZONES) for id in SPECS}
    for id, zone in zones.items():
        await world.create(id, f"CRON_TZ={zone} {SPECS[id].text}")
    end = UnixMs(clock.now() + DAYS * DAY_S * 1000)
    await live(world, end)
    await asyncio.sleep(max(0, end - clock.now()) / 1000 + 200)  # not at a tick
    until = clock.now()
    runs = await world.close()
    for id, zone in zones.items():
        accepted_at = world.accepted_at[id]
        expected = ticks(SPECS[id], zone_info(zone), accepted_at // 1000, until // 1000)
        pauses = world.pauses.get(id, [])
        due = [
            UnixMs(tick * 1000)
            for tick in expected
            if not any(pause.meets(tick * 1000, tick * 1000) for pause in pauses)
        ]
        check(due, runs[id], world.downs)


async def live(world: ScheduleWorld, end: UnixMs) -> None:
    """Kill the node at ticks, or a few milliseconds around them, and pause a schedule at times."""
    rng = world.rng
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pause_now_and_then(world, rng.choice(sorted(SPECS)), end))
        while world.clock.now() < end - DAY_S * 1000:
            await asyncio.sleep(rng.uniform(0, 3 * DAY_S))
            await sleep_until_a_tick(world)
            await world.kill(down_seconds=rng.choice(DOWN_SECONDS))


async def sleep_until_a_tick(world: ScheduleWorld) -> None:
    """Up to the next quarter, at which most schedules tick, and a little beyond."""
    quarter = 15 * 60_000
    left_ms = quarter - world.clock.now() % quarter
    await asyncio.sleep(left_ms / 1000 + world.rng.choice((0, world.rng.uniform(0, 0.03))))


async def pause_now_and_then(world: ScheduleWorld, id: str, end: UnixMs) -> None:
    rng = world.rng
    while world.clock.now() < end - 10 * DAY_S * 1000:
        await asyncio.sleep(rng.uniform(DAY_S, 10 * DAY_S) // 60 * 60)
        await asyncio.sleep(20)
        await world.pause(id, seconds=rng.randint(1, 3 * DAY_S // 60) * 60)


def check(due: list[UnixMs], runs: list[UnixMs], downs: list[Gap]) -> None:
    """Each tick was met by one run: at once, or, when the node was down, as soon as it was up."""
    left = list(due)
    for ran_at in runs:
        met = [tick for tick in left if tick <= ran_at]
        assert met, f"a run at {ran_at} without a tick"
        if ran_at >= met[0] + 1000:
            assert any(down.meets(met[0], ran_at) for down in downs), (met[0], ran_at)
            assert ran_at < max(down.until for down in downs if down.since <= ran_at) + 1000
        else:
            assert len(met) == 1
        left = left[len(met) :]
    assert not left


@pytest.mark.conformance("S-7", "S-9", "S-10", "S-11")
@pytest.mark.parametrize("seed", seeds(4))
def test_each_tick_is_met_once(seed: int, disk: Path) -> None:
    try:
        run(simulate(disk / "relaypost.db", seed))
    except BaseException as error:
        error.add_note(f"simulated with seed {seed}")
        raise
