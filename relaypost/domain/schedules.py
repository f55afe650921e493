"""Schedules (section 5): a cron expression, and what its runs make messages of.

    tick comes --+--> run: messages, next tick
                 +--> too late, where that is limited: next tick only
    paused: there is no next tick; what would have been one is gone for good

A run is one transaction, so a tick makes its messages once or, after a crash, not yet.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from relaypost.domain.cron import Cron
from relaypost.domain.limits import Limits
from relaypost.domain.messages import Deduplication, Envelope, NewMessage, State
from relaypost.domain.ticks import next_tick
from relaypost.domain.types import MessageId, ProjectId, UnixMs
from relaypost.domain.url_groups import UrlGroup

Lines = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A URL group that is looked up at each run, and the request as it came."""

    group: str
    destination: str
    """With the query that its endpoints get."""
    headers: Lines = ()
    parameters: Lines = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What the runs of a schedule make messages of."""

    envelope: Envelope
    """As the messages will be; before a lookup, as far as the schedule itself says. There, `url`
    is the name of the group.
    """
    delay_ms: int | None = None
    timeout_ms: int | None = None
    """As given; the envelope has the default where it was not."""
    lookup: Lookup | None = None
    """`None` for all but URL groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    """A schedule as it is asked for."""

    project_id: ProjectId
    id: str
    cron: str
    """As sent, without blanks at its ends."""
    template: Template
    accepted_at: UnixMs
    next_tick_at: UnixMs
    deduplication: Deduplication | None = None
    """Of its creation; runs are never deduplicated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule as the store knows it. Ticks are instants of the system's own clock."""

    project_id: ProjectId
    id: str
    cron: str
    template: Template
    created_at: UnixMs
    accepted_at: UnixMs
    """When the version that is in force was accepted."""
    is_paused: bool = False
    next_tick_at: UnixMs | None = None
    """`None` while it is paused."""
    ticked_until: UnixMs
    """Ticks up to here have run, or are dropped."""
    last_run_at: UnixMs | None = None
    last_states: tuple[tuple[MessageId, State], ...] = ()
    """The messages of the newest run."""
    error: str | None = None
    """Why the newest run made no messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What becomes of a tick: messages, or an error, or, when it comes too late, nothing."""

    next_tick_at: UnixMs | None
    messages: tuple[NewMessage, ...] = ()
    error: str | None = None
    limits: Limits | None = None
    """Of the project; `None` for none."""
    error_without_queue: str | None = None
    """The error that it comes to if its queue would be one too many."""
    error_after_daily_limit: str | None = None
    """The error that it comes to if its messages are too many for the day."""
    is_too_late: bool = False


MakeRun = Callable[[Schedule, Mapping[str, UrlGroup]], Run]
"""Makes the run of a schedule, given the group that it looks up, if there is one."""
NextTick = Callable[[Schedule], UnixMs | None]


def following_tick(schedule: Schedule, cron: Cron, *, now: UnixMs) -> UnixMs | None:
    """The tick to wait for; a clock that was set back brings none back that is over."""
    after = max(now, schedule.ticked_until)
    return next_tick(cron, after, since=schedule.accepted_at)


def expected_tick(schedule: Schedule, cron: Cron) -> UnixMs | None:
    """The next tick that was not met yet, which may be past."""
    return next_tick(cron, schedule.ticked_until, since=schedule.accepted_at)


def is_too_late(schedule: Schedule, cron: Cron, *, now: UnixMs, max_lateness_ms: int) -> bool:
    """Whether even the newest of the ticks that were missed is longer ago than is allowed.

    Zero allows any lateness (section 5.9).
    """
    tick = schedule.next_tick_at
    earliest = UnixMs(now - max_lateness_ms)
    if not max_lateness_ms or tick is None or tick >= earliest:
        return False
    newer = next_tick(cron, UnixMs(earliest - 1), since=schedule.accepted_at)
    return newer is None or newer > now
