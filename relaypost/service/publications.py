"""Publishing: what was read from a request becomes messages, and starts at once where it may."""

from collections.abc import Sequence as Items

from relaypost.domain.errors import DailyLimitReached, QuotaExceeded
from relaypost.domain.messages import Publication, Published
from relaypost.domain.types import ProjectId
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
    """Accept all or none of one project; durable when it returns.

    Raises:
        QuotaExceeded: the queue of one, which `index` names, would be one too many.
        DailyLimitReached: they would be more than the project may make in a day.
    """
    add, now = service.store.messages.add, service.clock.now()
    limits = service.limits_of(_owner(publications))
    accepted = await take_in(
        service.intake,
        sum(len(publication.messages) for publication in publications),
        lambda claim: add(
            publications,
            claim=claim,
            max_queues=limits.max_queues,
            now=now,
            daily_limit=limits.max_daily_messages,
        ),
    )
    if accepted.refused is not None:
        error = exceeded("maxQueues", limits.max_queues)
        error.index = accepted.refused
        raise error
    if accepted.exceeded is not None:
        raise DailyLimitReached(accepted.exceeded)
    return accepted.published


def _owner(publications: Items[Publication]) -> ProjectId:
    return next(new.project_id for asked in publications for new in asked.messages)
