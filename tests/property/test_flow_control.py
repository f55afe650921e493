"""Paces of keys: what starts in any window, what a message replaces, what a pin keeps."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from relaypost.domain.flow_control import (
    FlowControl,
    Pace,
    configure,
    opens_at,
    pause,
    pin,
    reset,
    resume,
    room,
    started,
    unpin,
)
from relaypost.domain.types import UnixMs
from tests.support.messages import NOW

PARALLELISM = st.none() | st.integers(1, 4)
RATES = st.integers(1, 5)
PERIODS = st.integers(1, 4)
GAPS = st.lists(st.integers(0, 1_500), max_size=60)
BROUGHT = st.builds(
    FlowControl,
    key=st.just("erp"),
    parallelism=PARALLELISM,
    rate=st.none() | RATES,
    period_s=PERIODS,
)
PACES = st.builds(
    Pace,
    parallelism=PARALLELISM,
    rate=st.none() | RATES,
    period_s=PERIODS,
    is_parallelism_pinned=st.booleans(),
    is_rate_pinned=st.booleans(),
    is_paused=st.booleans(),
    window_started_at=st.integers(NOW - 5_000, NOW).map(UnixMs),
    window_count=st.integers(0, 6),
)
OPEN_ATTEMPTS = st.integers(0, 6)


def eager_starts(pace: Pace, gaps: list[int]) -> list[int]:
    """When attempts start if one asks after each gap, and each starts as soon as it may."""
    starts: list[int] = []
    now = NOW
    for gap in gaps:
        now = UnixMs(now + gap)
        at = opens_at(pace, 0, now=now)
        assert at is not None
        now = at
        pace = started(pace, now=now)
        starts.append(now)
    return starts


@given(rate=RATES, period_s=PERIODS, gaps=GAPS)
def test_windows_are_fixed_and_hold_so_many_starts(
    rate: int, period_s: int, gaps: list[int]
) -> None:
    """The first start opens a window; the first one after its end opens the next (4.9)."""
    windows: list[list[int]] = []
    for start in eager_starts(Pace(rate=rate, period_s=period_s), gaps):
        if not windows or start >= windows[-1][0] + period_s * 1000:
            windows.append([])
        windows[-1].append(start)
    assert all(len(window) <= rate for window in windows)
    assert all(later[0] - earlier[0] >= period_s * 1000 for earlier, later in pairwise(windows))


@given(rate=RATES, period_s=PERIODS, gaps=GAPS)
def test_a_period_of_any_place_sees_two_windows_at_most(
    rate: int, period_s: int, gaps: list[int]
) -> None:
    starts = eager_starts(Pace(rate=rate, period_s=period_s), gaps)
    for first in starts:
        assert sum(first <= start < first + period_s * 1000 for start in starts) <= 2 * rate


@given(rate=RATES, period_s=PERIODS, count=st.integers(1, 40))
def test_a_backlog_goes_at_the_full_rate(rate: int, period_s: int, count: int) -> None:
    """At the end of a window as many as may start do so at once: nothing is smoothed."""
    starts = eager_starts(Pace(rate=rate, period_s=period_s), [0] * count)
    assert starts == [NOW + number // rate * period_s * 1000 for number in range(count)]


@given(pace=PACES, open_attempts=OPEN_ATTEMPTS, ahead_ms=st.integers(0, 6_000))
def test_a_gate_opens_when_it_says_and_not_before(
    pace: Pace, open_attempts: int, ahead_ms: int
) -> None:
    at = opens_at(pace, open_attempts, now=NOW)
    later = UnixMs(NOW + ahead_ms)
    assert (room(pace, open_attempts, now=later) > 0) == (at is not None and later >= at)


@given(pace=PACES, open_attempts=OPEN_ATTEMPTS)
def test_room_is_for_exactly_so_many(pace: Pace, open_attempts: int) -> None:
    expected, count = room(pace, open_attempts, now=NOW), 0
    while count < 20 and room(pace, open_attempts + count, now=NOW):
        pace, count = started(pace, now=NOW), count + 1
    assert count == min(20, expected)


@given(pace=PACES, open_attempts=OPEN_ATTEMPTS)
def test_no_limit_is_ever_exceeded(pace: Pace, open_attempts: int) -> None:
    left = room(pace, open_attempts, now=NOW)
    if left and pace.parallelism is not None:
        assert open_attempts + left <= pace.parallelism
    if left and pace.rate is not None:
        assert pace.count_at(NOW) + left <= pace.rate
    assert not (left and pace.is_paused)


@given(pace=PACES, brought=BROUGHT)
def test_a_message_replaces_all_that_is_not_pinned(pace: Pace, brought: FlowControl) -> None:
    made = configure(pace, brought)
    of_rate = pace if pace.is_rate_pinned else brought
    of_parallelism = pace if pace.is_parallelism_pinned else brought
    assert (made.rate, made.period_s) == (of_rate.rate, of_rate.period_s)
    assert made.parallelism == of_parallelism.parallelism


@given(pace=PACES, brought=BROUGHT)
def test_a_message_leaves_pins_pause_and_window_alone(pace: Pace, brought: FlowControl) -> None:
    made = configure(pace, brought)
    assert replace(made, parallelism=None, rate=None, period_s=1) == replace(
        pace, parallelism=None, rate=None, period_s=1
    )


@given(pace=PACES, brought=st.lists(BROUGHT, min_size=1))
def test_of_many_messages_the_last_one_counts(pace: Pace, brought: list[FlowControl]) -> None:
    made = pace
    for one in brought:
        made = configure(made, one)
    assert made == configure(pace, brought[-1])


@given(
    pace=PACES,
    parallelism=PARALLELISM,
    rate=st.none() | RATES,
    period_s=PERIODS,
    brought=st.lists(BROUGHT),
)
def test_a_pin_holds_until_it_is_released(
    pace: Pace, parallelism: int | None, rate: int | None, period_s: int, brought: list[FlowControl]
) -> None:
    made = pin(pace, parallelism=parallelism, rate=rate, period_s=period_s, now=NOW)
    for one in brought:
        made = configure(made, one)
    released = unpin(made, parallelism=True, rate=True)
    for now in (made, released):
        if parallelism is not None:
            assert now.parallelism == parallelism
        if rate is not None:
            assert (now.rate, now.period_s) == (rate, period_s)
    assert not released.is_parallelism_pinned
    assert not released.is_rate_pinned
    last = FlowControl(key="erp", parallelism=9, rate=8, period_s=7)
    after = configure(released, last)
    assert (after.parallelism, after.rate, after.period_s) == (9, 8, 7)


@given(pace=PACES, parallelism=st.booleans(), rate=st.booleans())
def test_parts_are_released_one_by_one(pace: Pace, parallelism: bool, rate: bool) -> None:
    made = unpin(pace, parallelism=parallelism, rate=rate)
    assert made.is_parallelism_pinned == (pace.is_parallelism_pinned and not parallelism)
    assert made.is_rate_pinned == (pace.is_rate_pinned and not rate)
    assert (made.parallelism, made.rate) == (pace.parallelism, pace.rate)


@given(pace=PACES, parallelism=PARALLELISM, rate=st.none() | RATES)
def test_pins_and_resets_begin_a_window_anew(
    pace: Pace, parallelism: int | None, rate: int | None
) -> None:
    for made in (
        reset(pace, now=NOW),
        pin(pace, parallelism=parallelism, rate=rate, period_s=2, now=NOW),
    ):
        assert made.count_at(NOW) == 0
        assert made.window_started_at == NOW
        assert made.is_paused == pace.is_paused


@given(pace=PACES, open_attempts=OPEN_ATTEMPTS)
def test_a_pause_holds_everything_and_loses_nothing(pace: Pace, open_attempts: int) -> None:
    paused = pause(pace)
    assert room(paused, open_attempts, now=NOW) == 0
    assert opens_at(paused, open_attempts, now=NOW) is None
    assert resume(paused) == resume(pace)


@given(pace=PACES, brought=BROUGHT, starts=st.integers(0, 5))
def test_a_window_outlives_a_time_without_a_rate(
    pace: Pace, brought: FlowControl, starts: int
) -> None:
    """Attempts meanwhile do not count (4.9)."""
    before = configure(unpin(pace, parallelism=True, rate=True), brought)
    without = configure(before, FlowControl(key="erp"))
    for _ in range(starts):
        without = started(without, now=NOW)
    assert configure(without, brought) == before


@given(pace=PACES, back_ms=st.integers(0, 100_000))
def test_a_clock_set_back_prolongs_no_window(pace: Pace, back_ms: int) -> None:
    """A start in the future counts as now (4.9)."""
    now = UnixMs(NOW - back_ms)
    assert started(pace, now=now).window_started_at <= max(now, pace.window_started_at)
    if pace.rate is not None:
        assert started(pace, now=now).window_ends_at <= now + pace.period_s * 1000
