"""Quotas and rate limits of a project (sections 1.8, 1.10). Zero means unlimited."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    max_message_bytes: int = 10_485_760
    max_batch_bytes: int = 104_857_600
    max_batch_messages: int = 100_000
    max_delay_ms: int = 31_536_000_000
    max_retries: int = 100
    max_timeout_ms: int = 7_200_000
    dedup_window_ms: int = 600_000
    max_period_ms: int = 604_800_000
    """Of a flow-control key."""
    max_global_parallelism: int = 1000
    max_listed_keys: int = 10_000
    """How many flow-control keys one answer shows."""
    max_queues: int = 100
    max_parallelism: int = 100
    """Of one queue."""
    max_url_groups: int = 100
    max_endpoints: int = 100
    """Of one URL group."""
    max_schedules: int = 1000
    max_daily_messages: int = 0
    """Accepted in a day of UTC."""
    max_requests_per_second: int = 0
    """Of all that don't publish."""


NAMES = frozenset(field.name for field in fields(Limits)) - {"max_global_parallelism"}
"""Those that a project may have of its own; the gates of projects are all alike."""


def overridden(limits: Limits, own: Mapping[str, int]) -> Limits:
    """The limits of a project that has some of its own; names that are not known count for none."""
    return replace(limits, **{name: value for name, value in own.items() if name in NAMES})
