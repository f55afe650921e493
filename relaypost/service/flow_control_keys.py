"""Reading and steering flow-control keys (sections 4.11 to 4.13)."""

from bisect import insort
from collections.abc import Callable
from functools import partial
from typing import Final

from relaypost.domain.flow_control import (
    KEYLESS,
    UNLIMITED,
    KeyStatus,
    Pace,
    pause,
    pin,
    reset,
    resume,
    unpin,
)
from relaypost.domain.types import ProjectId
from relaypost.service.context import Service
from relaypost.service.intake import take_in
from relaypost.wire.flow_control_keys import Pin, Unpin, key_not_found

STARTED_BEFORE: Final = 100
"""Messages that start before a reset at most."""


async def list_keys(service: Service, project: ProjectId, *, containing: str) -> list[KeyStatus]:
    """Keys by name; that of the messages without one only while some of these wait."""
    limit = service.limits_of(project).max_listed_keys or UNLIMITED
    keys = service.store.flow_control_keys
    found = await keys.select(project, containing=containing, limit=limit, now=service.clock.now())
    if containing in KEYLESS:
        keyless = await keys.keyless(project)
        if keyless.wait_list:
            insort(found, keyless, key=lambda status: status.key)
    return found[:limit]


async def get_key(service: Service, project: ProjectId, key: str) -> KeyStatus:
    """Find one by its name; the messages without a key are always there.

    Raises:
        NotFound: no message and no caller has named it, or not for a long time.
    """
    keys = service.store.flow_control_keys
    if key == KEYLESS:
        return await keys.keyless(project)
    status = await keys.get(project, key, now=service.clock.now())
    if status is None:
        raise key_not_found(key)
    return status


async def pause_key(service: Service, project: ProjectId, key: str) -> None:
    await _steer(service, project, key, pause, creates=True)


async def resume_key(service: Service, project: ProjectId, key: str) -> None:
    await _steer(service, project, key, resume)


async def pin_key(service: Service, project: ProjectId, key: str, to: Pin) -> None:
    now = service.clock.now()

    def change(pace: Pace) -> Pace:
        return pin(pace, parallelism=to.parallelism, rate=to.rate, period_s=to.period_s, now=now)

    await _steer(service, project, key, change, creates=True)


async def unpin_key(service: Service, project: ProjectId, key: str, parts: Unpin) -> None:
    def change(pace: Pace) -> Pace:
        return unpin(pace, parallelism=parts.parallelism, rate=parts.rate)

    await _steer(service, project, key, change)


async def reset_key(service: Service, project: ProjectId, key: str) -> None:
    """Begin a window anew; what may start already counts for the old one (section 4.11)."""
    steer, now = service.store.flow_control_keys.steer, service.clock.now()
    await take_in(
        service.intake,
        STARTED_BEFORE,
        lambda claim: steer(
            project, key, partial(reset, now=now), creates=False, claim=claim, now=now
        ),
    )


async def count_open_attempts(service: Service, project: ProjectId) -> int:
    return await service.store.flow_control_keys.open_attempts(project)


async def _steer(
    service: Service,
    project: ProjectId,
    key: str,
    change: Callable[[Pace], Pace],
    *,
    creates: bool = False,
) -> None:
    """Change a key; one that is not known and need not be created stays unknown."""
    changed = await service.store.flow_control_keys.steer(
        project, key, change, creates=creates, now=service.clock.now()
    )
    service.intake.note_due(changed.next_due_at)
