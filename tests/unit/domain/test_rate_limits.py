"""Limits of a day and of a second (section 1.8)."""

import pytest

from relaypost.domain.rate_limits import burst_limit, daily_limit, day_begins_at, day_of
from relaypost.domain.types import UnixMs

MIDNIGHT = UnixMs(1_761_782_400_000)
"""2025-10-30, as an answer of the original named it."""


@pytest.mark.parametrize("before_ms", [1, 999, 86_400_000])
def test_a_day_ends_at_midnight(before_ms: int) -> None:
    standing = daily_limit(1000, used=1000, now=UnixMs(MIDNIGHT - before_ms))
    assert (standing.limit, standing.remaining, standing.resets_at) == (1000, 0, MIDNIGHT)
    assert standing.resets_in_s == -(-before_ms // 1000)


def test_midnight_is_the_next_day() -> None:
    assert day_of(MIDNIGHT) == day_of(UnixMs(MIDNIGHT - 1)) + 1
    assert day_begins_at(day_of(MIDNIGHT)) == MIDNIGHT
    assert daily_limit(5, used=0, now=MIDNIGHT).resets_at == MIDNIGHT + 86_400_000


@pytest.mark.parametrize(("used", "remaining"), [(0, 5), (4, 1), (5, 0), (9, 0)])
def test_what_remains(used: int, remaining: int) -> None:
    """More may be used: callbacks count, and are never refused."""
    assert daily_limit(5, used=used, now=MIDNIGHT).remaining == remaining


def test_a_second_ends_with_itself() -> None:
    standing = burst_limit(100, used=100, now=UnixMs(MIDNIGHT + 999))
    assert (standing.resets_at, standing.resets_in_s) == (MIDNIGHT + 1000, 1)
    assert burst_limit(100, used=1, now=UnixMs(MIDNIGHT + 1000)).resets_at == MIDNIGHT + 2000
