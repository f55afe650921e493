"""Schedules: create, read, pause, resume, delete (section 5)."""

from relaypost.domain.cron import CronError, parse
from relaypost.domain.errors import NotFound
from relaypost.domain.schedules import NewSchedule, NextTick, Schedule, following_tick
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.domain.zones import Zones
from relaypost.service.context import Service
from relaypost.store.base import Planned
from relaypost.wire.option_values import exceeded


async def create(service: Service, asked: NewSchedule) -> Planned:
    """Make a schedule, or replace the one with this id.

    Raises:
        QuotaExceeded: it would be one too many.
    """
    limit = service.limits_of(asked.project_id).max_schedules
    planned = await service.store.schedules.put(asked, max_schedules=limit, now=service.clock.now())
    if planned.id is None:
        raise exceeded("maxSchedules", limit)
    _note(service, planned)
    return planned


async def list_schedules(service: Service, project: ProjectId) -> list[Schedule]:
    return await service.store.schedules.all(project)


async def get(service: Service, project: ProjectId, id: str) -> Schedule:
    """Find one by its id.

    Raises:
        NotFound: there is none.
    """
    found = await service.store.schedules.get(project, id)
    if found is None:
        raise _not_found(id)
    return found


async def delete(service: Service, project: ProjectId, id: str) -> None:
    """Delete one, should there be one."""
    await service.store.schedules.delete(project, id)


async def pause(service: Service, project: ProjectId, id: str) -> None:
    """Let no run begin until it is resumed.

    Raises:
        NotFound: there is none.
    """
    if not await service.store.schedules.pause(project, id):
        raise _not_found(id)


async def resume(service: Service, project: ProjectId, id: str) -> None:
    """Go on with the first tick that is still to come.

    Raises:
        NotFound: there is none.
    """
    now = service.clock.system_now()
    planned = await service.store.schedules.resume(
        project, id, next_tick=tick_after(now, service.zones), now=now
    )
    if planned.id is None:
        raise _not_found(id)
    _note(service, planned)


def tick_after(now: UnixMs, zones: Zones) -> NextTick:
    def next_tick(schedule: Schedule) -> UnixMs | None:
        try:
            return following_tick(schedule, parse(schedule.cron, zones), now=now)
        except CronError:  # a zone that was known when the schedule was accepted
            return None

    return next_tick


def _note(service: Service, planned: Planned) -> None:
    if planned.next_tick_at is not None:
        service.note_tick(planned.next_tick_at)


def _not_found(id: str) -> NotFound:
    return NotFound(f"schedule {id} not found")
