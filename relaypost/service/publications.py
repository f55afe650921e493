"""Publishing: what was read from a request becomes messages, and starts at once where it may."""

from collections.abc import Sequence as Items

from relaypost.domain.messages import Publication, Published
from relaypost.service.context import Service


async def publish(service: Service, publications: Items[Publication]) -> list[Published]:
    """Accept all or none; durable when it returns."""
    wanted = sum(len(publication.messages) for publication in publications)
    claim = service.intake.offer(wanted)
    try:
        accepted = await service.store.messages.add(
            publications, claim=claim, now=service.clock.now()
        )
    except BaseException:
        service.intake.start(claim, [], next_due_at=None)
        raise
    service.intake.start(claim, accepted.claimed, next_due_at=accepted.next_due_at)
    return accepted.published
