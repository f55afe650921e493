"""Publishing: what was read from a request becomes messages, and starts at once where it may."""

from collections.abc import Sequence as Items

from relaypost.domain.errors import DailyLimitReached
from relaypost.domain.messages import Publication, Published
from relaypost.domain.types import ProjectId
from relaypost.service.context import Service
from relaypost.service.intake import take_in


async def publish(service: Service, publications: Items[Publication]) -> list[Published]:
    """Accept all or none of one project; durable when it returns.

    Raises:
        DailyLimitReached: they would be more than the project may make in a day.
    """
    add, now = service.store.messages.add, service.clock.now()
    daily_limit = service.limits_of(_owner(publications)).max_daily_messages
    accepted = await take_in(
        service.intake,
        sum(len(publication.messages) for publication in publications),
        lambda claim: add(publications, claim=claim, now=now, daily_limit=daily_limit),
    )
    if accepted.exceeded is not None:
        raise DailyLimitReached(accepted.exceeded)
    return accepted.published


def _owner(publications: Items[Publication]) -> ProjectId:
    return next(new.project_id for asked in publications for new in asked.messages)
