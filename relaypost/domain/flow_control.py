"""Flow control: how many attempts of a key may be open, and how many may start in a period.

Every message that is accepted with a key brings a configuration, which replaces the one the key has
(section 4.9). Attempts start in fixed windows: the first start opens one, and at its end the next
start opens another.
"""

from dataclasses import dataclass, replace

from relaypost.domain.types import UnixMs

KEYLESS = "$"
"""Stands for the messages without a key; no key may be called so (section 4.13)."""

UNLIMITED = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowControl:
    """What a message says of its key; `None` is no limit."""

    key: str
    parallelism: int | None = None
    rate: int | None = None
    period_s: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The limits of a key, how they are held, and its running or last window.

    The number of open attempts is not part of it: that is counted, never stored.
    """

    parallelism: int | None = None
    rate: int | None = None
    period_s: int = 1
    is_parallelism_pinned: bool = False
    is_rate_pinned: bool = False
    is_paused: bool = False
    window_started_at: UnixMs = UnixMs(0)
    window_count: int = 0
    """Attempts that started in the window."""

    @property
    def window_ends_at(self) -> UnixMs:
        return UnixMs(self.window_started_at + self.period_s * 1000)

    def count_at(self, now: UnixMs) -> int:
        """The attempts that the window which runs at `now` has seen; a window may not be ahead."""
        return self.window_count if now < self.window_ends_at else 0


def configure(pace: Pace, by: FlowControl) -> Pace:
    """What a message that is accepted makes of its key: all that is not pinned is replaced."""
    parallelism = pace.parallelism if pace.is_parallelism_pinned else by.parallelism
    rate, period_s = by.rate, by.period_s
    if pace.is_rate_pinned:
        rate, period_s = pace.rate, pace.period_s
    if (parallelism, rate, period_s) == (pace.parallelism, pace.rate, pace.period_s):
        return pace
    return replace(pace, parallelism=parallelism, rate=rate, period_s=period_s)


def pause(pace: Pace) -> Pace:
    return replace(pace, is_paused=True)


def resume(pace: Pace) -> Pace:
    return replace(pace, is_paused=False)


def pin(
    pace: Pace, *, parallelism: int | None, rate: int | None, period_s: int, now: UnixMs
) -> Pace:
    """Fix the parts that are given; the count begins anew, whichever they are."""
    if parallelism is not None:
        pace = replace(pace, parallelism=parallelism, is_parallelism_pinned=True)
    if rate is not None:
        pace = replace(pace, rate=rate, period_s=period_s, is_rate_pinned=True)
    return reset(pace, now=now)


def unpin(pace: Pace, *, parallelism: bool, rate: bool) -> Pace:
    """Release parts; their values stay until the next message."""
    return replace(
        pace,
        is_parallelism_pinned=pace.is_parallelism_pinned and not parallelism,
        is_rate_pinned=pace.is_rate_pinned and not rate,
    )


def reset(pace: Pace, *, now: UnixMs) -> Pace:
    return replace(pace, window_started_at=now, window_count=0)


def room(pace: Pace, open_attempts: int, *, now: UnixMs) -> int:
    """How many attempts may start at `now`."""
    if pace.is_paused:
        return 0
    left = UNLIMITED if pace.parallelism is None else pace.parallelism - open_attempts
    if pace.rate is not None:
        left = min(left, pace.rate - pace.count_at(now))
    return max(0, left)


def opens_at(pace: Pace, open_attempts: int, *, now: UnixMs) -> UnixMs | None:
    """When an attempt may start if nothing else happens; `None` when something else must."""
    if pace.is_paused or (pace.parallelism is not None and open_attempts >= pace.parallelism):
        return None
    if pace.rate is None or pace.count_at(now) < pace.rate:
        return now
    return pace.window_ends_at


def started(pace: Pace, *, now: UnixMs) -> Pace:
    """Count the start of an attempt; without a rate none is counted."""
    if pace.rate is None:
        return pace
    if now >= pace.window_ends_at:
        return replace(pace, window_started_at=now, window_count=1)
    return replace(
        pace,
        window_started_at=min(pace.window_started_at, now),
        window_count=pace.window_count + 1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """A key as it stands: its pace, and the messages that it holds."""

    key: str
    pace: Pace
    wait_list: int = 0
    """Messages that are ready and have not started."""
    open_attempts: int = 0
