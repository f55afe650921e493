"""Publishing: what was read from a request becomes messages, and starts at once where it may."""

from collections.abc import Sequence as Items

from relaypost.domain.messages import Publication, Published
from relaypost.service.context import Service
from relaypost.service.intake import take_in


async def publish(service: Service, publications: Items[Publication]) -> list[Published]:
    """Accept all or none; durable when it returns."""
    add, now = service.store.messages.add, service.clock.now()
    accepted = await take_in(
        service.intake,
        sum(len(publication.messages) for publication in publications),
        lambda claim: add(publications, claim=claim, now=now),
    )
    return accepted.published
