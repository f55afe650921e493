"""Quotas of a project (section 1.10). Zero means unlimited."""

from dataclasses import dataclass


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
