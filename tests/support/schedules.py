"""Factories for schedules, and a plain rule for their ticks."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from relaypost.domain.messages import NewMessage
from relaypost.domain.schedules import NewSchedule, Run, Schedule, Template
from relaypost.domain.types import UnixMs
from relaypost.domain.url_groups import UrlGroup
from tests.support.messages import MINUTE, NOW, PROJECT, envelope

NO_GROUPS: Mapping[str, UrlGroup] = {}

EVERY_MINUTE = "* * * * *"
FIRST_TICK = UnixMs(NOW - NOW % MINUTE + MINUTE)


def minutely(now: UnixMs) -> UnixMs:
    """The next full minute."""
    return UnixMs(now - now % MINUTE + MINUTE)


def template(**overrides: Any) -> Template:
    """What `Template` does not know goes into its envelope."""
    known = ("delay_ms", "timeout_ms", "lookup", "envelope")
    own = {name: overrides.pop(name) for name in known if name in overrides}
    fields: dict[str, Any] = {"envelope": envelope(**overrides)}
    return Template(**fields | own)


def new_schedule(id: str = "scd_1", **overrides: Any) -> NewSchedule:
    plain = NewSchedule(
        project_id=PROJECT,
        id=id,
        cron=EVERY_MINUTE,
        template=template(schedule_id=id),
        accepted_at=NOW,
        next_tick_at=FIRST_TICK,
    )
    return replace(plain, **overrides)


def schedule(id: str = "scd_1", **overrides: Any) -> Schedule:
    plain = Schedule(
        project_id=PROJECT,
        id=id,
        cron=EVERY_MINUTE,
        template=template(schedule_id=id),
        created_at=NOW,
        accepted_at=NOW,
        next_tick_at=FIRST_TICK,
        ticked_until=NOW,
    )
    return replace(plain, **overrides)


def one_message(now: UnixMs) -> Callable[..., Run]:
    """Runs of one message, with the next full minute as the next tick."""

    def make_run(schedule: Schedule, groups: Mapping[str, UrlGroup] = NO_GROUPS) -> Run:
        message = NewMessage(
            project_id=schedule.project_id,
            envelope=schedule.template.envelope,
            delay_ms=schedule.template.delay_ms or 0,
        )
        return Run(next_tick_at=minutely(now), messages=(message,))

    return make_run


def always(tick: UnixMs | None) -> Callable[[Schedule], UnixMs | None]:
    return lambda _: tick
