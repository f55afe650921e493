"""Filters of the read and steer routes (section 6.1): OR within a field, AND between fields."""

from dataclasses import dataclass

from relaypost.domain.logs import LogState
from relaypost.domain.types import DeadLetterId, MessageId, Sequence, UnixMs


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which elements are meant. `None` leaves a field out; an empty tuple matches nothing."""

    message_ids: tuple[MessageId, ...] | None = None
    dead_letter_ids: tuple[DeadLetterId, ...] | None = None
    urls: tuple[str, ...] | None = None
    hosts: tuple[str, ...] | None = None
    """Lower case; without a port it matches any port."""
    paths: tuple[str, ...] | None = None
    topic_names: tuple[str, ...] | None = None
    queue_names: tuple[str, ...] | None = None
    schedule_ids: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    flow_control_keys: tuple[str, ...] | None = None
    caller_ips: tuple[str, ...] | None = None
    response_statuses: tuple[int, ...] | None = None
    states: tuple[LogState, ...] | None = None
    from_date: UnixMs | None = None
    """Inclusive, as `to_date`."""
    to_date: UnixMs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of an ordered list: what follows `after` strictly, at most `count` elements."""

    count: int
    after: Sequence | None = None
    latest_first: bool = True
