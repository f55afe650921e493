"""Rate limits of a project: messages in a day, requests in a second (section 1.8)."""

from dataclasses import dataclass

from relaypost.domain.types import UnixMs

SECOND_MS = 1_000
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A limit as it stands at a moment: what is left of it, and when it begins anew."""

    limit: int
    remaining: int
    resets_at: UnixMs
    now: UnixMs

    @property
    def resets_in_s(self) -> int:
        """Whole seconds after which it has begun anew."""
        return max(1, -(-(self.resets_at - self.now) // SECOND_MS))


def day_of(now: UnixMs) -> int:
    """The number of a day, which begins at midnight UTC."""
    return now // DAY_MS


def day_begins_at(day: int) -> UnixMs:
    return UnixMs(day * DAY_MS)


def daily_limit(limit: int, *, used: int, now: UnixMs) -> RateLimit:
    return _standing(limit, used, now, DAY_MS)


def burst_limit(limit: int, *, used: int, now: UnixMs) -> RateLimit:
    return _standing(limit, used, now, SECOND_MS)


def _standing(limit: int, used: int, now: UnixMs, period_ms: int) -> RateLimit:
    return RateLimit(
        limit=limit,
        remaining=max(0, limit - used),
        resets_at=UnixMs((now // period_ms + 1) * period_ms),
        now=now,
    )
