"""Reading and changing queues (sections 4.3, 4.5)."""

from relaypost.domain.queues import Queue
from relaypost.domain.types import ProjectId
from relaypost.service.context import Service
from relaypost.service.messages import CHUNK
from relaypost.wire.option_values import exceeded
from relaypost.wire.queues import QueueUpdate, queue_not_found


async def list_queues(service: Service, project: ProjectId) -> list[Queue]:
    return await service.store.queues.all(project)


async def get_queue(service: Service, project: ProjectId, name: str) -> Queue:
    """Find one by its name.

    Raises:
        NotFound: there is none.
    """
    queue = await service.store.queues.get(project, name)
    if queue is None:
        raise queue_not_found(name)
    return queue


async def put_queue(service: Service, project: ProjectId, update: QueueUpdate) -> None:
    """Create a queue, or change what is given of it.

    Raises:
        QuotaExceeded: it would be one too many.
    """
    changed = await service.store.queues.put(
        project,
        update.name,
        parallelism=update.parallelism,
        is_paused=update.is_paused,
        max_queues=service.limits_of(project).max_queues,
        now=service.clock.now(),
    )
    if not changed.applied:
        raise exceeded("maxQueues", service.limits_of(project).max_queues)
    service.intake.note_due(changed.next_due_at)


async def set_paused(service: Service, project: ProjectId, name: str, is_paused: bool) -> None:
    """Pause or resume.

    Raises:
        NotFound: there is no such queue.
    """
    now = service.clock.now()
    changed = await service.store.queues.set_paused(project, name, is_paused, now=now)
    if not changed.applied:
        raise queue_not_found(name)
    service.intake.note_due(changed.next_due_at)


async def delete_queue(service: Service, project: ProjectId, name: str) -> None:
    """Delete a queue, and cancel what waits in it; nothing is wrong if there is none.

    That it is gone is durable at once. Should this end before all is canceled, the pruner goes on.
    """
    queues = service.store.queues
    await queues.delete(project, name, now=service.clock.now())
    is_more = True
    while is_more:
        changed = await queues.cancel_deleted(CHUNK, named=(project, name), now=service.clock.now())
        service.intake.note_due(changed.next_due_at)
        is_more = changed.applied
