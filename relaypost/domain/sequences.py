"""Sequence numbers: 64-bit integers that order events by time, within a millisecond too.

| 41 bits: milliseconds since 2024-01-01 UTC | 22 bits: counter within the millisecond |
"""

from relaypost.domain.types import Sequence, UnixMs

EPOCH = UnixMs(1_704_067_200_000)
COUNTER_BITS = 22
COUNTER_MASK = (1 << COUNTER_BITS) - 1
LARGEST = Sequence((1 << 63) - 1)


def sequence(time: UnixMs, counter: int = 0) -> Sequence:
    """Join a time and a counter; a time outside of what fits counts as the first or the last."""
    return Sequence(min(LARGEST, max(0, time - EPOCH) << COUNTER_BITS | counter))


def next_sequence(last: Sequence, now: UnixMs) -> Sequence:
    """The number that follows `last` at `now`: the first of the millisecond, or one more."""
    return Sequence(max(last + 1, now - EPOCH << COUNTER_BITS))


def time_of(number: int) -> UnixMs:
    return UnixMs((number >> COUNTER_BITS) + EPOCH)


def counter_of(number: int) -> int:
    return number & COUNTER_MASK


def first_after(time: UnixMs) -> Sequence:
    """The first number that is later than every number of the millisecond `time`."""
    return sequence(UnixMs(time + 1))
