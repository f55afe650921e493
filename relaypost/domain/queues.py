"""Queues: messages that start in the order of their acceptance, so many at a time.

A queue has places. A message takes one in the order of its position, keeps it over all its retries,
and gives it back when it and the callbacks that it made have ended (section 4.4).
"""

from dataclasses import dataclass

from relaypost.domain.types import UnixMs

DEFAULT_PARALLELISM = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    name: str
    parallelism: int = DEFAULT_PARALLELISM
    """How many places it has."""
    is_paused: bool = False
    created_at: UnixMs
    updated_at: UnixMs
    lag: int = 0
    """Its messages that have not ended."""
