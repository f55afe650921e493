"""Reading, deleting and retrying dead letters (sections 6.7 to 6.11)."""

from collections.abc import Callable
from collections.abc import Sequence as Items

from relaypost.domain.dead_letters import DeadLetter
from relaypost.domain.errors import DailyLimitReached, NotFound
from relaypost.domain.filters import Filter, Page
from relaypost.domain.messages import Envelope, NewMessage
from relaypost.domain.types import DeadLetterId, MessageId, ProjectId, Sequence, UnixMs
from relaypost.service.context import Service
from relaypost.service.intake import take_in
from relaypost.store.base import Accepted, Listing
from relaypost.wire.ids import parse_dead_letter_id
from relaypost.wire.option_values import exceeded
from relaypost.wire.queries import DeadLetterQuery

BringBack = Callable[[Envelope], NewMessage]

NOTHING = DeadLetterId(-1)
"""The id of none, for a text that can't be an id."""


async def list_dead_letters(
    service: Service, project: ProjectId, query: DeadLetterQuery
) -> Listing[DeadLetter]:
    return await service.store.dead_letters.select(
        project, query.which, query.page, since=_horizon(service)
    )


async def get_dead_letter(service: Service, project: ProjectId, text: str) -> DeadLetter:
    """Find one by its id.

    Raises:
        NotFound: there is none, or not any more.
    """
    named = Filter(dead_letter_ids=(_id(text),))
    found = await service.store.dead_letters.select(
        project, named, Page(count=1), since=_horizon(service)
    )
    if not found.items:
        raise _not_found(text)
    return found.items[0]


async def delete_dead_letter(service: Service, project: ProjectId, text: str) -> None:
    """Delete one.

    Raises:
        NotFound: there is none, or not any more.
    """
    if not await _delete(service, project, [_id(text)]):
        raise _not_found(text)


async def delete_dead_letters(
    service: Service, project: ProjectId, query: DeadLetterQuery
) -> tuple[int, Sequence | None]:
    """Delete those that the query means; answers how many, and where to go on."""
    ids, following = await _select(service, project, query)
    return await _delete(service, project, ids), following


async def retry_dead_letter(
    service: Service, project: ProjectId, text: str, *, bring_back: BringBack
) -> MessageId:
    """Turn one into a new message.

    Raises:
        NotFound: there is none, or not any more.
    """
    accepted = await _replace(service, project, [_id(text)], bring_back, all_or_none=True)
    (published,) = accepted.published
    if not published.messages:
        raise _not_found(text)
    return published.messages[0][0]


async def retry_dead_letters(
    service: Service, project: ProjectId, query: DeadLetterQuery, *, bring_back: BringBack
) -> tuple[list[MessageId], Sequence | None]:
    """Turn those that the query means into new messages; answers them, and where to go on.

    Raises:
        NotFound: one that was named is not there; then nothing is retried.
    """
    if query.ids is not None:
        return await _retry_named(service, project, query.ids, bring_back), None
    ids, following = await _select(service, project, query)
    accepted = await _replace(service, project, ids, bring_back, all_or_none=False)
    return _made(accepted), following


async def _retry_named(
    service: Service, project: ProjectId, texts: Items[str], bring_back: BringBack
) -> list[MessageId]:
    ids = [_id(text) for text in texts]
    accepted = await _replace(service, project, ids, bring_back, all_or_none=True)
    made = _made(accepted)
    if len(made) < len(ids):
        raise _not_found(await _first_missing(service, project, texts))
    return made


async def _first_missing(service: Service, project: ProjectId, texts: Items[str]) -> str:
    ids = tuple(_id(text) for text in texts)
    found = await service.store.dead_letters.matching(
        project,
        Filter(dead_letter_ids=ids),
        Page(count=len(ids)),
        since=_horizon(service),
    )
    missing = (text for text, id in zip(texts, ids, strict=True) if id not in found.items)
    return next(missing, texts[0])


async def _select(
    service: Service, project: ProjectId, query: DeadLetterQuery
) -> tuple[Items[DeadLetterId], Sequence | None]:
    """The ids that a query means. Named ones need not be looked for, and have no further page."""
    if query.which.dead_letter_ids is not None:
        return query.which.dead_letter_ids, None
    found = await service.store.dead_letters.matching(
        project, query.which, query.page, since=_horizon(service)
    )
    return found.items, found.next


async def _delete(service: Service, project: ProjectId, ids: Items[DeadLetterId]) -> int:
    if not ids:
        return 0
    since = _horizon(service)
    return sum(await service.store.dead_letters.delete(project, ids, since=since))


async def _replace(
    service: Service,
    project: ProjectId,
    ids: Items[DeadLetterId],
    bring_back: BringBack,
    *,
    all_or_none: bool,
) -> Accepted:
    """Replace dead letters by messages that start at once where there is room for them.

    Raises:
        QuotaExceeded: the queue of one would be one too many; then all stay.
        DailyLimitReached: they would be more than the project may make in a day; the same.
    """
    if not ids:
        return Accepted([], [], None)
    replace, since, now = service.store.dead_letters.replace, _horizon(service), service.clock.now()
    limits = service.limits_of(project)
    most, daily_limit = limits.max_queues, limits.max_daily_messages
    accepted = await take_in(
        service.intake,
        len(ids),
        lambda claim: replace(
            project,
            ids,
            bring_back=bring_back,
            all_or_none=all_or_none,
            since=since,
            claim=claim,
            max_queues=most,
            now=now,
            daily_limit=daily_limit,
        ),
    )
    if accepted.refused is not None:
        raise exceeded("maxQueues", most)
    if accepted.exceeded is not None:
        raise DailyLimitReached(accepted.exceeded)
    return accepted


def _made(accepted: Accepted) -> list[MessageId]:
    return [id for published in accepted.published for id, _ in published.messages]


def _id(text: str) -> DeadLetterId:
    id = parse_dead_letter_id(text)
    return NOTHING if id is None else id


def _horizon(service: Service) -> UnixMs:
    """What entered before this has expired, whether or not it is gone already."""
    return service.retention.horizon(service.clock.now()).dead_letters_before


def _not_found(text: str) -> NotFound:
    return NotFound(f"dlq message {text} not found")
