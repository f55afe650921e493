"""When a cron expression ticks, also where clocks are changed (section 5.7).

Local times that match are found by a library; which instants they are is decided here, span by span
of one UTC offset. Daily runs are neither lost nor doubled, hourly ones follow real time:

    | hour field      | clock goes forward            | clock goes back |
    | fixed           | first instant after the gap   | first pass only |
    | begins with `*` | what does not exist, does not | both passes     |
"""

import datetime
from functools import lru_cache
from typing import Final, assert_never

from cronsim import CronSim, CronSimError

from relaypost.domain.cron import Calendar, Cron, Every
from relaypost.domain.types import UnixMs
from relaypost.domain.zones import DAY_S, Span

HORIZON_S: Final = 3_653 * DAY_S
"""Ten years: what does not tick for so long is as good as never."""
OVERLAP_S: Final = 2 * DAY_S
"""How far back a local time may have been reached already: offsets differ by less."""

EPOCH: Final = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  # local times have no zone
SECOND: Final = datetime.timedelta(seconds=1)


def next_tick(cron: Cron, after: UnixMs, *, since: UnixMs) -> UnixMs | None:
    """The first tick strictly after an instant; `None` when there is none for ten years.

    `since` is when the schedule was accepted: only `@every` counts from there.
    """
    instant = _next(cron, after // 1000, since // 1000)
    return None if instant is None else UnixMs(instant * 1000)


def _next(cron: Cron, after: int, since: int) -> int | None:
    if isinstance(cron, Every):
        return since + max(1, (after - since) // cron.seconds + 1) * cron.seconds
    if isinstance(cron, Calendar):
        return _next_on(cron, after)
    assert_never(cron)


@lru_cache(maxsize=4096)
def _next_on(calendar: Calendar, after: int) -> int | None:
    """Remembered, since many schedules tick at the same times."""
    find = _next_fixed if calendar.is_fixed else _next_by_interval
    found = find(calendar, after)
    return None if found is None or found > after + HORIZON_S else found


def _next_fixed(calendar: Calendar, after: int) -> int | None:
    """The instant of the first matching local time that was not reached up to `after`."""
    local: int | None = None
    reached = after - OVERLAP_S
    for span in calendar.zone.spans(after - OVERLAP_S):
        if span.ends <= after:
            reached = max(reached, span.local_end - 1)
            continue
        if local is None:
            local = _first_match(calendar.fields, max(reached, after + span.offset))
        if local is None or _is_beyond(span, after):
            return None
        if local < span.local_end:
            return max(local - span.offset, span.starts)  # in the gap before: the first after it
    return None


def _next_by_interval(calendar: Calendar, after: int) -> int | None:
    """The first instant whose local time matches."""
    local, reached = -1, 0
    for span in calendar.zone.spans(after + 1):
        # What matched beyond the span before still does, unless clocks went back, or over it.
        if not reached <= span.local_start <= local:
            found = _first_match(calendar.fields, span.local_start - 1)
            if found is None:
                return None
            local = found
        if _is_beyond(span, after):
            return None
        if local < span.local_end:
            return local - span.offset
        reached = span.local_end
    return None


def _is_beyond(span: Span, after: int) -> bool:
    return span.starts > after + HORIZON_S


def _first_match(fields: str, after: int) -> int | None:
    """The first local time that matches, strictly after another one."""
    try:
        found = next(CronSim(fields, EPOCH + after * SECOND))
    except (CronSimError, StopIteration, OverflowError):  # days that no month has
        return None
    return (found - EPOCH) // SECOND
