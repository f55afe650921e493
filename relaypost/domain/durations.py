"""Durations with units (section 1.5): exact sums of decimal numbers, cut to whole milliseconds.

Any number of digits is well-formed: beyond what a server can count, a number is only known to be
larger than every limit, so reading stays linear in its length.
"""

import re
from collections.abc import Mapping
from typing import Final

NS_PER_MS: Final = 1_000_000
NS_PER_SECOND: Final = 1_000 * NS_PER_MS
NS_PER_UNIT: Final[Mapping[str, int]] = {
    "d": 86_400 * NS_PER_SECOND,
    "h": 3_600 * NS_PER_SECOND,
    "m": 60 * NS_PER_SECOND,
    "s": NS_PER_SECOND,
    "ms": NS_PER_MS,
}

NUMBER: Final = re.compile(r"([0-9]++)(?:\.([0-9]++))?")
_DIGITS: Final = 30
"""Digits that are read exactly on each side of the decimal point."""
SCALED_MS: Final[int] = NS_PER_MS * 10**_DIGITS
"""One millisecond in the units of `scaled` times nanoseconds."""
_PART = re.compile(NUMBER.pattern + r"([a-z\u00b5\u03bc]++)")


def sum_parts_ms(text: str, ns_per_unit: Mapping[str, int]) -> int:
    """Add up pairs of a number and a unit; cut the sum, not its parts, to whole ms."""
    total = position = 0
    while match := _PART.match(text, position):
        whole, fraction, unit = match.groups()
        if unit not in ns_per_unit:
            raise ValueError("not a duration")
        total += scaled(whole, fraction) * ns_per_unit[unit]
        position = match.end()
    if not text or position < len(text):
        raise ValueError("not a duration")
    return total // SCALED_MS


def scaled(whole: str, fraction: str | None) -> int:
    """The decimal number times 10 to the power of `_DIGITS`."""
    digits = (fraction or "")[:_DIGITS].ljust(_DIGITS, "0")
    return int(leading(whole) + digits)


def leading(digits: str) -> str:
    """All digits of a number up to 10 to the power of `_DIGITS`, the first ones of a larger one."""
    return digits.lstrip("0")[: _DIGITS + 1]
