"""Reading and cancelling messages (sections 6.2 to 6.4)."""

from collections.abc import Sequence as Items
from typing import Final

from relaypost.domain.errors import NotFound
from relaypost.domain.lifecycle import TERMINAL
from relaypost.domain.messages import Message, State
from relaypost.domain.types import MessageId, ProjectId
from relaypost.service.context import Service
from relaypost.wire.ids import parse_message_id
from relaypost.wire.queries import CancelQuery

CHUNK: Final = 500
"""Messages that one transaction cancels: others don't wait long for theirs."""


async def get_message(service: Service, project: ProjectId, text: str) -> Message:
    """Find a message that lives, or that was delivered or failed a short time ago.

    Raises:
        NotFound: there is none with this id.
    """
    id = parse_message_id(text)
    found = await service.store.messages.get(project, [id]) if id is not None else []
    if not found or not await _is_readable(service, found[0]):
        raise _not_found(text)
    return found[0]


async def cancel_message(service: Service, project: ProjectId, text: str) -> None:
    """Cancel one message.

    Raises:
        NotFound: there is none that could still be canceled.
    """
    id = parse_message_id(text)
    if id is None or not await _cancel(service, project, [id]):
        raise _not_found(text)


async def cancel_messages(service: Service, project: ProjectId, query: CancelQuery) -> int:
    """Cancel those that the query means; answers how many this call has canceled."""
    ids: Items[MessageId] | None = query.which.message_ids
    if ids is None:
        ids = await service.store.messages.matching(project, query.which, oldest=query.oldest)
    canceled = 0
    for start in range(0, len(ids), CHUNK):
        canceled += await _cancel(service, project, ids[start : start + CHUNK])
    return canceled


async def _cancel(service: Service, project: ProjectId, ids: Items[MessageId]) -> int:
    canceled = await service.store.messages.cancel(project, ids, now=service.clock.now())
    service.intake.note_due(canceled.next_due_at)
    return sum(canceled.applied)


async def _is_readable(service: Service, message: Message) -> bool:
    if message.state not in TERMINAL:
        return True
    if message.state is State.CANCELED:
        return False
    ended_at = await service.store.messages.ended_at(message.project_id, message.id)
    kept_ms = service.retention.finished_messages_ms
    return ended_at is not None and service.clock.now() - ended_at <= kept_ms


def _not_found(text: str) -> NotFound:
    return NotFound(f"message {text} not found")
