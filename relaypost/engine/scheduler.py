"""Meets the ticks of schedules: each makes its messages once, in one transaction (section 5.8).

It sleeps until the next tick, or until a schedule is made that ticks earlier; it never asks the
store whether something might tick.
"""

import asyncio
import functools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.errors import DAILY_LIMIT_REACHED, Invalid, RelaypostError
from relaypost.domain.limits import Limits
from relaypost.domain.messages import NewMessage
from relaypost.domain.schedules import (
    Run,
    Schedule,
    expected_tick,
    following_tick,
    is_too_late,
)
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.domain.url_groups import UrlGroup
from relaypost.domain.zones import Zones
from relaypost.runtime import Clock, shipped_zone
from relaypost.service.intake import Intake, take_in
from relaypost.store.base import Claim, Fired, Schedules
from relaypost.wire.option_values import exceeded
from relaypost.wire.publish import PublishContext
from relaypost.wire.schedules import messages_of, parse_cron

MAX_FIRED = 64
"""Schedules of one transaction, which others wait for."""
MAX_RETIMED = 200
CACHED_CRONS = 4096

MAX_SLEEP_SECONDS = 1.0
"""The clock may jump, or the machine be suspended, while a timer runs: look at the clock again."""

UNKNOWN = UnixMs(0)
"""A next tick that has to be asked for: it counts as due."""

DEFECT = "internal error"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduling:
    """What runs are made under."""

    limits_of: Callable[[ProjectId], Limits] = lambda _: Limits()
    policy: AddressPolicy = field(default_factory=AddressPolicy)
    zones: Zones = shipped_zone
    llm_url: str | None = None
    """What `api/llm` stands for."""
    max_lateness_ms: int = 0
    """How late a run may be; zero for any lateness."""


class Scheduler:
    def __init__(
        self,
        schedules: Schedules,
        *,
        clock: Clock,
        intake: Intake,
        scheduling: Scheduling,
        max_sleep_seconds: float = MAX_SLEEP_SECONDS,
    ) -> None:
        self._schedules = schedules
        self._clock = clock
        self._intake = intake
        self._scheduling = scheduling
        self._max_sleep_seconds = max_sleep_seconds
        self._cron = functools.lru_cache(CACHED_CRONS)(
            functools.partial(parse_cron, zones=scheduling.zones)
        )
        self._next_tick_at: UnixMs | None = UNKNOWN
        self._retimed_up_to: int | None = 0
        """How far the ticks of an earlier start are worked out anew; `None` when all are."""
        self._wake = asyncio.Event()

    def note(self, tick_at: UnixMs) -> None:
        """Wake up for a tick that may come before all others."""
        if self._next_tick_at is None or tick_at < self._next_tick_at:
            self._next_tick_at = tick_at
            self._wake.set()

    async def run(self) -> None:
        """Meet every tick, for ever."""
        while True:
            self._wake.clear()
            left_ms = self._ms_to_next()
            if left_ms is not None and left_ms <= 0:
                await self._fire()
            elif self._retimed_up_to is not None:
                self._retimed_up_to = await self._retime(self._retimed_up_to)
            else:
                await self._wait(left_ms)

    def _ms_to_next(self) -> int | None:
        if self._next_tick_at is None:
            return None
        return self._next_tick_at - self._clock.system_now()

    async def _wait(self, ms: int | None) -> None:
        seconds = None if ms is None else min(self._max_sleep_seconds, ms / 1000)
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _fire(self) -> None:
        """Meet the oldest ticks. What fails is tried again: the ticks stay where they are."""
        self._next_tick_at = None
        try:
            fired = await take_in(self._intake, MAX_FIRED, self._fire_some)
        except BaseException:
            self._next_tick_at = UNKNOWN
            raise
        if fired.next_tick_at is not None:
            self.note(fired.next_tick_at)
        if fired.failed:
            log.warning("runs of schedules made no messages", extra={"failed": fired.failed})

    async def _fire_some(self, claim: Claim | None) -> Fired:
        now, due_by = self._clock.now(), self._clock.system_now()
        return await self._schedules.fire(
            MAX_FIRED,
            make_run=lambda schedule, groups: self._make_run(
                schedule, groups, now=now, due_by=due_by
            ),
            due_by=due_by,
            claim=claim,
            now=now,
        )

    def _make_run(
        self, schedule: Schedule, groups: Mapping[str, UrlGroup], *, now: UnixMs, due_by: UnixMs
    ) -> Run:
        """What becomes of a tick. Whatever is wrong with one schedule must not hold up others."""
        next_tick_at: UnixMs | None = None
        limits = self._scheduling.limits_of(schedule.project_id)
        max_lateness_ms = self._scheduling.max_lateness_ms
        try:
            cron = self._cron(schedule.cron)
            next_tick_at = following_tick(schedule, cron, now=due_by)
            if is_too_late(schedule, cron, now=due_by, max_lateness_ms=max_lateness_ms):
                return Run(next_tick_at=next_tick_at, is_too_late=True)
            return Run(
                next_tick_at=next_tick_at,
                messages=self._messages_of(schedule, groups, limits, now=now),
                limits=limits,
                error_without_queue=str(exceeded("maxQueues", limits.max_queues)),
                error_after_daily_limit=DAILY_LIMIT_REACHED,
            )
        except RelaypostError as error:
            return Run(next_tick_at=next_tick_at, error=str(error))
        except Exception:
            log.exception("a run failed inside relaypost", extra={"schedule_id": schedule.id})
            return Run(next_tick_at=next_tick_at, error=DEFECT)

    def _messages_of(
        self, schedule: Schedule, groups: Mapping[str, UrlGroup], limits: Limits, *, now: UnixMs
    ) -> tuple[NewMessage, ...]:
        context = PublishContext(
            project_id=schedule.project_id,
            limits=limits,
            policy=self._scheduling.policy,
            now=now,
            caller_ip=schedule.template.envelope.caller_ip,
            llm_url=self._scheduling.llm_url,
            groups=groups,
        )
        return messages_of(schedule, context)

    async def _retime(self, after: int) -> int | None:
        """Work out some ticks anew: the zone data may be newer than at the last start."""
        now = self._clock.system_now()
        retimed = await self._schedules.retime(
            MAX_RETIMED, after=after, next_tick=self._expected_tick, now=now
        )
        if retimed.next_tick_at is not None:
            self.note(retimed.next_tick_at)
        return retimed.last

    def _expected_tick(self, schedule: Schedule) -> UnixMs | None:
        try:
            return expected_tick(schedule, self._cron(schedule.cron))
        except Invalid:  # a zone that is not known any more: the tick that is stored remains
            return None
