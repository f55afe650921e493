"""What a destination asks for in the headers of a failed answer (sections 3.10, 3.11)."""

import calendar
import datetime
import re
from typing import Final

from relaypost.domain.durations import NS_PER_UNIT, sum_parts_ms
from relaypost.domain.expressions import MAX_PAUSE_MS
from relaypost.domain.outcomes import Hints
from relaypost.domain.types import Headers, UnixMs
from relaypost.wire.durations import parse_seconds_ms

NON_RETRYABLE_STATUS: Final = 489
NON_RETRYABLE_HEADER: Final = "upstash-nonretryable-error"
RETRY_AFTER: Final = "retry-after"
RATE_LIMIT_RESETS: Final = (
    "x-ratelimit-reset",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
)

_NS_PER_UNIT = {
    **NS_PER_UNIT,
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # the micro sign
    "\u03bcs": 1_000,  # the Greek letter mu
}

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_DAY = r"(?P<day>[0-9]{2})"
_YEAR = r"(?P<year>[0-9]{4})"
_TIME = r"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"
_DATES = (
    re.compile(rf"[A-Za-z]+, {_DAY} {_MONTH} {_YEAR} {_TIME} GMT"),
    re.compile(rf"[A-Za-z]+, {_DAY}-{_MONTH}-(?P<short_year>[0-9]{{2}}) {_TIME} GMT"),
    re.compile(rf"[A-Za-z]+ {_MONTH} (?P<day>[ 0-9][0-9]) {_TIME} {_YEAR}"),
)


def read_hints(status: int, headers: Headers, *, now: UnixMs) -> Hints:
    first = _first_values(headers)
    return Hints(
        retry_after_ms=_pause_ms(first, now=now),
        non_retryable=_is_non_retryable(status, first),
    )


def _first_values(headers: Headers) -> dict[str, str]:
    """The first value of each header, trimmed, by lower-case name."""
    first: dict[str, str] = {}
    for name, value in headers:
        first.setdefault(name.lower(), value.strip(" \t"))
    return first


def _is_non_retryable(status: int, first: dict[str, str]) -> bool:
    if status != NON_RETRYABLE_STATUS or NON_RETRYABLE_HEADER not in first:
        return False
    return first[NON_RETRYABLE_HEADER].lower() != "false"


def _pause_ms(first: dict[str, str], *, now: UnixMs) -> int | None:
    """`Retry-After` alone if it is valid, else the latest reset; nothing beyond a day."""
    pause = _value_ms(first.get(RETRY_AFTER), now=now)
    if pause is None:
        resets = [_value_ms(first.get(name), now=now) for name in RATE_LIMIT_RESETS]
        pause = max((reset for reset in resets if reset is not None), default=None)
    return None if pause is None or pause > MAX_PAUSE_MS else pause


def _value_ms(value: str | None, *, now: UnixMs) -> int | None:
    """The pause that a value stands for, `None` if it has none of the three forms."""
    if not value:
        return None
    date = _date_ms(value, now=now)
    if date is not None:
        return max(0, date - now)
    unsigned = value.removeprefix("+")
    for parse in (parse_seconds_ms, _duration_ms):
        try:
            return parse(unsigned)
        except ValueError:
            continue
    return None


def _duration_ms(text: str) -> int:
    return sum_parts_ms(text, _NS_PER_UNIT)


def _date_ms(value: str, *, now: UnixMs) -> UnixMs | None:
    """Read an HTTP date in any of its three forms; the week day is not checked."""
    for form in _DATES:
        if match := form.fullmatch(value):
            return _instant(match.groupdict(), now=now)
    return None


def _instant(fields: dict[str, str], *, now: UnixMs) -> UnixMs | None:
    year = int(fields["year"]) if "year" in fields else _full_year(fields["short_year"], now=now)
    month, day = _MONTHS.index(fields["month"]) + 1, int(fields["day"])
    try:
        datetime.date(year, month, day)
    except ValueError:
        return None
    clock = int(fields["hour"]), int(fields["minute"]), int(fields["second"])
    return UnixMs(calendar.timegm((year, month, day, *clock)) * 1000)


def _full_year(digits: str, *, now: UnixMs) -> int:
    """The year with these last two digits that is at most 50 years ahead (RFC 9110, 5.6.7)."""
    latest = datetime.datetime.fromtimestamp(now / 1000, tz=datetime.UTC).year + 50
    return latest - (latest - int(digits)) % 100
