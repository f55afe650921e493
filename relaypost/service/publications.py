"""Publishing: what was read from a request becomes messages, and starts at once where it may."""

from collections.abc import Sequence as Items

from relaypost.domain.errors import QuotaExceeded
from relaypost.domain.messages import Publication, Published
from relaypost.service.context import Service
from relaypost.service.intake import take_in
from relaypost.wire.option_values import exceeded


async def publish_one(service: Service, publication: Publication) -> Published:
    """Accept what is no item of a batch: an error names no index.

    Raises:
        QuotaExceeded: its queue would be one too many.
    """
    try:
        (published,) = await publish(service, (publication,))
    except QuotaExceeded as error:
        error.index = None
        raise
    return published


async def publish(service: Service, publications: Items[Publication]) -> list[Published]:
    """Accept all or none; durable when it returns.

    Raises:
        QuotaExceeded: the queue of one, which `index` names, would be one too many.
    """
    add, now, most = service.store.messages.add, service.clock.now(), service.limits.max_queues
    accepted = await take_in(
        service.intake,
        sum(len(publication.messages) for publication in publications),
        lambda claim: add(publications, claim=claim, max_queues=most, now=now),
    )
    if accepted.refused is not None:
        error = exceeded("maxQueues", most)
        error.index = accepted.refused
        raise error
    return accepted.published
