"""How QStash writes numbers, truth values and times in headers (sections 1.4, 1.5).

Each function takes a trimmed value and raises `ValueError` if it is malformed; the caller names
the header.
"""

import re

from relaypost.domain.durations import (
    NS_PER_SECOND,
    NS_PER_UNIT,
    NUMBER,
    SCALED_MS,
    leading,
    scaled,
    sum_parts_ms,
)
from relaypost.domain.types import UnixMs

_INTEGER = re.compile(r"\+?([0-9]++)")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def parse_boolean(text: str) -> bool:
    """Read `true`, `false`, `1` or `0`, in any letter case (an SDK sends `True`)."""
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError("not a boolean") from None


def parse_integer(text: str) -> int:
    """Read decimal digits; blanks around them and a leading `+` are fine."""
    match = _INTEGER.fullmatch(text.strip(" \t"))
    if match is None:
        raise ValueError("not an integer")
    return int(leading(match[1]) or "0")


def parse_seconds_ms(text: str) -> int:
    """Read a number of seconds, cut to whole ms."""
    match = NUMBER.fullmatch(text)
    if match is None:
        raise ValueError("not a number of seconds")
    return scaled(match[1], match[2]) * NS_PER_SECOND // SCALED_MS


def parse_not_before(text: str) -> UnixMs:
    """Read `Upstash-Not-Before`: a Unix time in seconds."""
    return UnixMs(parse_seconds_ms(text))


def parse_duration_ms(text: str) -> int:
    """Read a duration (`1d10h30m`, `0.5s`; a bare number is seconds), cut to whole ms."""
    if NUMBER.fullmatch(text):
        return parse_seconds_ms(text)
    return sum_parts_ms(text, NS_PER_UNIT)
