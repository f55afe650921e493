"""What each measured body starts with: when it was sent, in which measurement, as which one.

All widths are fixed, so that a request is made by filling in numbers.
"""

from typing import NamedTuple

STAMP = "%019d %04d %08d "
"""Monotonic nanoseconds (one clock for all processes of a machine), tag, sequence number."""

STAMP_BYTES = 34


class Stamp(NamedTuple):
    sent_ns: int
    tag: int
    sequence: int


def read_stamp(body: bytes) -> Stamp | None:
    try:
        return Stamp(int(body[:19]), int(body[20:24]), int(body[25:33]))
    except ValueError:
        return None
