"""Ticks against an oracle that walks through the minutes, and against the library's own walk."""

import datetime
import itertools

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from relaypost.domain.cron import parse
from relaypost.domain.ticks import next_tick
from relaypost.domain.types import UnixMs
from relaypost.runtime import shipped_zone
from tests.support.tick_oracle import UTC, Spec, ticks, zone_info

DAY_S = 86_400
ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Africa/Cairo",  # clocks change at midnight
    "Australia/Lord_Howe",  # by half an hour
    "Africa/Casablanca",  # before and after Ramadan
    "Africa/El_Aaiun",
    "Europe/Dublin",  # whose winter time is the special one
    "Pacific/Apia",  # left out the 30th of December 2011
    "America/Sao_Paulo",  # had no midnight once a year
    "America/Santiago",
    "Asia/Kathmandu",
    "Asia/Gaza",
    "Antarctica/Troll",  # by two hours
    "America/Nuuk",
)
YEARS = (1_262_304_000, 1_893_456_000)
"""From 2010 to 2030."""

NAMED = {
    "months": dict(enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)),  # noqa: SIM905
    "weekdays": dict(enumerate("SUN MON TUE WED THU FRI SAT".split())),  # noqa: SIM905
}


def changes_of(name: str) -> list[int]:
    zone = shipped_zone(name)
    assert zone is not None
    spans = itertools.takewhile(lambda span: span.starts < YEARS[1], zone.spans(YEARS[0]))
    pairs = itertools.pairwise(spans)
    return [later.starts for earlier, later in pairs if earlier.offset != later.offset]


CHANGES = {name: changes_of(name) for name in ZONES}


@st.composite
def starts(draw: st.DrawFn, name: str) -> int:
    """Some time within a day and a half before clocks are changed, or any time."""
    near = [st.sampled_from(CHANGES[name])] if CHANGES[name] else []
    anywhere = st.integers(YEARS[0], YEARS[1] - 1)
    start: int = draw(st.one_of(*near, anywhere)) - draw(st.integers(0, 3 * DAY_S // 2))
    return start


@st.composite
def fields(draw: st.DrawFn, kind: str, low: int, high: int) -> tuple[str, frozenset[int] | None]:
    """A field as a text, and what it means."""
    if draw(st.booleans()):
        return draw(st.sampled_from(["*", "?", "*/1", "*,*"])), None
    pieces = draw(st.lists(_pieces(kind, low, high), min_size=1, max_size=3))
    texts = [text for text, _ in pieces]
    return ",".join(texts), frozenset().union(*(numbers for _, numbers in pieces))


@st.composite
def _pieces(draw: st.DrawFn, kind: str, low: int, high: int) -> tuple[str, frozenset[int]]:
    first = draw(st.integers(low, high))
    last = draw(st.integers(first, high))
    step = draw(st.integers(2, 9))
    shown = NAMED.get(kind, {}).get(first, str(first)) if draw(st.booleans()) else str(first)
    forms = {
        shown: range(first, first + 1),
        f"{shown}-{last}": range(first, last + 1),
        f"{first}-{last}/{step}": range(first, last + 1, step),
        f"{shown}/{step}": range(first, high + 1, step),
        f"*/{step}": range(low, high + 1, step),
    }
    text = draw(st.sampled_from(sorted(forms)))
    return text, frozenset(forms[text])


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    minute, minutes = draw(fields("minutes", 0, 59))
    hour, hours = draw(fields("hours", 0, 23))
    day, days = draw(fields("days", 1, 31))
    month, months = draw(fields("months", 1, 12))
    weekday, weekdays = draw(fields("weekdays", 0, 6))
    return Spec(
        text=f"{minute} {hour} {day} {month} {weekday}",
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        is_fixed=hour[0] not in "*?",
    )


def chain(text: str, start: int, end: int) -> list[int]:
    """The ticks of the program, each found from the one before."""
    cron, found = parse(text, shipped_zone), [start]
    while (tick := next_tick(cron, UnixMs(found[-1] * 1000), since=UnixMs(0))) is not None:
        if tick > end * 1000:
            break
        found.append(tick // 1000)
    return found[1:]


@pytest.mark.conformance("S-6", "S-7")
@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ZONES).flatmap(lambda name: st.tuples(st.just(name), starts(name))), specs())
def test_ticks_are_those_of_the_oracle(where: tuple[str, int], spec: Spec) -> None:
    name, start = where
    end = start + 2 * DAY_S
    expected = ticks(spec, zone_info(name), start, end)
    assert chain(f"CRON_TZ={name} {spec.text}", start, end) == expected


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(ZONES).flatmap(lambda name: st.tuples(st.just(name), starts(name))),
    specs(),
    st.integers(0, 2 * DAY_S),
)
def test_ticks_do_not_depend_on_where_one_starts(
    where: tuple[str, int], spec: Spec, later: int
) -> None:
    name, start = where
    text, end = f"TZ={name} {spec.text}", start + 2 * DAY_S
    from_later = chain(text, start + later, end)
    assert [tick for tick in chain(text, start, end) if tick > start + later] == from_later


@pytest.mark.conformance("S-6", "S-7")
@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize(
    "fields_text",
    ["30 2 * * *", "0 0 * * *", "59 23 * * 0", "0 1,2,3 * * *", "15 4 1,15 * 5", "30 3 29 2 *"],
)
def test_years_of_daily_runs_are_those_of_the_library(name: str, fields_text: str) -> None:
    """Where its rules are the same: fixed hours, each distinct instant once."""
    start = YEARS[0]
    end = start + 3 * 365 * DAY_S
    moment = datetime.datetime.fromtimestamp(start, zone_info(name))
    walk = (round(tick.timestamp()) for tick in CronSim(fields_text, moment))
    expected = dict.fromkeys(itertools.takewhile(lambda tick: tick <= end, walk))
    assert chain(f"TZ={name} {fields_text}", start, end) == list(expected)


@pytest.mark.conformance("S-6", "S-7")
@pytest.mark.parametrize("name", sorted({*ZONES} - {"Australia/Lord_Howe"}))
def test_years_of_hourly_runs_are_those_of_the_library(name: str) -> None:
    """Where its rules are the same: any hour, which follows real time; changes by whole hours."""
    start = YEARS[0]
    end = start + 366 * DAY_S
    moment = datetime.datetime.fromtimestamp(start, UTC).astimezone(zone_info(name))
    walk = (round(tick.timestamp()) for tick in CronSim("30 */3 * * *", moment))
    expected = list(itertools.takewhile(lambda tick: tick <= end, walk))
    assert chain(f"TZ={name} 30 */3 * * *", start, end) == expected
