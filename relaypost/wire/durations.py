"""How QStash writes numbers, truth values and times in headers (sections 1.4, 1.5).

Each function takes a trimmed value and raises `ValueError` if it is malformed; the caller names
the header. Any number of digits is well-formed: beyond what a server can count, a number is only
known to be larger than every limit, so reading stays linear in its length.
"""

import re
from collections.abc import Mapping
from typing import Final

from relaypost.domain.types import UnixMs

NS_PER_MS: Final = 1_000_000
NS_PER_SECOND: Final = 1_000 * NS_PER_MS
NS_PER_UNIT: Final[Mapping[str, int]] = {
    "d": 86_400 * NS_PER_SECOND,
    "h": 3_600 * NS_PER_SECOND,
    "m": 60 * NS_PER_SECOND,
    "s": NS_PER_SECOND,
    "ms": NS_PER_MS,
}

_DIGITS = 30
"""Digits that are read exactly on each side of the decimal point."""
_SCALED_MS: int = NS_PER_MS * 10**_DIGITS
_INTEGER = re.compile(r"\+?([0-9]++)")
_NUMBER = re.compile(r"([0-9]++)(?:\.([0-9]++))?")
_PART = re.compile(_NUMBER.pattern + r"([a-z\u00b5\u03bc]++)")
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
    return int(_leading(match[1]) or "0")


def parse_seconds_ms(text: str) -> int:
    """Read a number of seconds, cut to whole ms."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError("not a number of seconds")
    return _scaled(match[1], match[2]) * NS_PER_SECOND // _SCALED_MS


def parse_not_before(text: str) -> UnixMs:
    """Read `Upstash-Not-Before`: a Unix time in seconds."""
    return UnixMs(parse_seconds_ms(text))


def parse_duration_ms(text: str) -> int:
    """Read a duration (`1d10h30m`, `0.5s`; a bare number is seconds), cut to whole ms."""
    if _NUMBER.fullmatch(text):
        return parse_seconds_ms(text)
    return sum_parts_ms(text, NS_PER_UNIT)


def sum_parts_ms(text: str, ns_per_unit: Mapping[str, int]) -> int:
    """Add up pairs of a number and a unit; cut the sum, not its parts, to whole ms."""
    total = position = 0
    while match := _PART.match(text, position):
        whole, fraction, unit = match.groups()
        if unit not in ns_per_unit:
            raise ValueError("not a duration")
        total += _scaled(whole, fraction) * ns_per_unit[unit]
        position = match.end()
    if not text or position < len(text):
        raise ValueError("not a duration")
    return total // _SCALED_MS


def _scaled(whole: str, fraction: str | None) -> int:
    """The decimal number times 10 to the power of `_DIGITS`."""
    digits = (fraction or "")[:_DIGITS].ljust(_DIGITS, "0")
    return int(_leading(whole) + digits)


def _leading(digits: str) -> str:
    """All digits of a number up to 10 to the power of `_DIGITS`, the first ones of a larger one."""
    return digits.lstrip("0")[: _DIGITS + 1]
