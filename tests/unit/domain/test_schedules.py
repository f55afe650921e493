import pytest

from relaypost.domain.cron import Cron, parse
from relaypost.domain.schedules import expected_tick, following_tick, is_too_late
from relaypost.domain.types import UnixMs
from relaypost.runtime import shipped_zone
from tests.support.messages import MINUTE, NOW
from tests.support.schedules import FIRST_TICK, schedule

HOUR = 60 * MINUTE


def cron(text: str = "* * * * *") -> Cron:
    return parse(text, shipped_zone)


def test_the_following_tick_is_the_first_one_after_now() -> None:
    late = UnixMs(FIRST_TICK + 5 * MINUTE + 17)
    assert following_tick(schedule(), cron(), now=late) == FIRST_TICK + 6 * MINUTE


@pytest.mark.conformance("S-12")
def test_a_clock_that_is_set_back_brings_no_tick_back() -> None:
    known = schedule(ticked_until=FIRST_TICK)
    earlier = UnixMs(FIRST_TICK - HOUR)
    assert following_tick(known, cron(), now=earlier) == FIRST_TICK + MINUTE


def test_the_expected_tick_may_be_past() -> None:
    known = schedule(ticked_until=UnixMs(NOW - HOUR))
    assert expected_tick(known, cron()) == FIRST_TICK - HOUR


def test_every_counts_from_the_version_in_force() -> None:
    known = schedule(accepted_at=UnixMs(FIRST_TICK + 7_000))
    assert following_tick(known, cron("@every 2m"), now=FIRST_TICK) == FIRST_TICK + 127_000


@pytest.mark.parametrize(
    ("max_lateness_ms", "late_ms", "text", "verdict"),
    [
        (0, 100 * HOUR, "* * * * *", False),
        (HOUR, HOUR, "0 * * * *", False),
        # The newest of the ticks that were missed counts.
        (HOUR, 100 * HOUR, "* * * * *", False),
        (HOUR, 3 * HOUR, "0 0 1 1 *", True),
        (MINUTE, 2 * HOUR + MINUTE, "0 * * * *", False),
        (MINUTE, 2 * HOUR + MINUTE + 1, "0 * * * *", True),
        (MINUTE, MINUTE + 1, "0 0 1 1 *", True),
        (MINUTE, MINUTE, "0 0 1 1 *", False),
    ],
)
def test_lateness(max_lateness_ms: int, late_ms: int, text: str, verdict: bool) -> None:
    tick = UnixMs(FIRST_TICK - FIRST_TICK % HOUR)
    known, now = schedule(next_tick_at=tick), UnixMs(tick + late_ms)
    judged = is_too_late(known, cron(text), now=now, max_lateness_ms=max_lateness_ms)
    assert judged is verdict


def test_a_cron_that_ticks_no_more_is_too_late() -> None:
    known = schedule(next_tick_at=FIRST_TICK)
    late = UnixMs(FIRST_TICK + HOUR)
    assert is_too_late(known, cron("0 0 30 2 *"), now=late, max_lateness_ms=MINUTE)
