"""When a schedule ticks, worked out the slow way: minute by minute, with nothing of the program."""

import datetime
from collections.abc import Iterator, Set
from dataclasses import dataclass
from importlib import resources
from zoneinfo import ZoneInfo

MINUTE_S = 60
MARGIN_S = 3 * 43_200
UTC = datetime.UTC


def zone_info(name: str) -> ZoneInfo:
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What an expression means; `None` is a field that restricts nothing."""

    text: str
    minutes: Set[int] | None
    hours: Set[int] | None
    days: Set[int] | None
    months: Set[int] | None
    weekdays: Set[int] | None
    """Sunday is 0."""
    is_fixed: bool

    def matches(self, local: datetime.datetime) -> bool:
        return (
            (self.minutes is None or local.minute in self.minutes)
            and (self.hours is None or local.hour in self.hours)
            and (self.months is None or local.month in self.months)
            and self._matches_day(local)
        )

    def _matches_day(self, local: datetime.datetime) -> bool:
        by_day = None if self.days is None else local.day in self.days
        weekday = local.isoweekday() % 7
        by_weekday = None if self.weekdays is None else weekday in self.weekdays
        if by_day is not None and by_weekday is not None:
            return by_day or by_weekday
        return by_day is not False and by_weekday is not False


def ticks(spec: Spec, zone: ZoneInfo, start: int, end: int) -> list[int]:
    """The ticks after `start`, up to `end`."""
    found = set(_fixed(spec, zone, start, end) if spec.is_fixed else _real(spec, zone, start, end))
    return sorted(tick for tick in found if start < tick <= end)


def _real(spec: Spec, zone: ZoneInfo, start: int, end: int) -> Iterator[int]:
    for instant, local in _walk(zone, start, end):
        if spec.matches(local):
            yield instant


def _fixed(spec: Spec, zone: ZoneInfo, start: int, end: int) -> Iterator[int]:
    """Every minute that a clock on the wall could show, and the first instant at or after it."""
    walked = list(_walk(zone, start - MARGIN_S, end + MARGIN_S))
    latest: list[tuple[datetime.datetime, int]] = []
    for instant, local in walked:
        if not latest or local > latest[-1][0]:
            latest.append((local, instant))
    wall = latest[0][0]
    for local, instant in latest:
        while wall <= local:
            if spec.matches(wall):
                yield instant
            wall += datetime.timedelta(minutes=1)


def _walk(zone: ZoneInfo, start: int, end: int) -> Iterator[tuple[int, datetime.datetime]]:
    for instant in range(start - start % MINUTE_S, end + 1, MINUTE_S):
        yield instant, datetime.datetime.fromtimestamp(instant, zone).replace(tzinfo=None, fold=0)
