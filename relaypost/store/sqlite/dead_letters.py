"""Dead letters: list, delete, and turn into new messages."""

from collections.abc import Sequence as Items
from typing import Any

import apsw

from relaypost.domain.dead_letters import DeadLetter, LastResponse
from relaypost.domain.filters import Filter, Page
from relaypost.domain.messages import Message, NewMessage, Published, State
from relaypost.domain.sequences import first_after, sequence
from relaypost.domain.types import DeadLetterId, MessageId, ProjectId, Sequence, UnixMs
from relaypost.store.base import Accepted, Claim, Listing
from relaypost.store.sqlite import envelopes, messages
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.envelopes import unpack_headers
from relaypost.store.sqlite.filters import on_envelopes

LIST = f"""
SELECT d.id, d.message_id, d.project_id, d.response_status, d.response_headers, d.response_body,
    {envelopes.COLUMNS}
FROM dead_letters d CROSS JOIN envelopes e ON e.id = d.message_id
WHERE d.project_id = ? AND {{conditions}} ORDER BY d.id {{direction}} LIMIT ?
"""

LIST_IDS = """
SELECT d.id, d.message_id FROM dead_letters d CROSS JOIN envelopes e ON e.id = d.message_id
WHERE d.project_id = ? AND {conditions} ORDER BY d.id {direction} LIMIT ?
"""

TAKE = "DELETE FROM dead_letters WHERE project_id = ? AND id = ? RETURNING message_id"

FORGET_ENVELOPE = """
DELETE FROM envelopes WHERE id = ?
AND NOT EXISTS (SELECT 1 FROM messages WHERE project_id = ? AND id = envelopes.id)
"""


def list_dead_letters(
    connection: apsw.Connection, project: ProjectId, which: Filter, page: Page, *, since: UnixMs
) -> Listing[DeadLetter]:
    rows = _select(connection, LIST, project, which, page, since)
    return _page([_dead_letter(row) for row in rows[: page.count]], rows, page)


def delete(
    transaction: Transaction, project: ProjectId, which: Filter, page: Page, *, since: UnixMs
) -> Listing[DeadLetterId]:
    rows = _select(transaction.connection, LIST_IDS, project, which, page, since)
    ids = [DeadLetterId(id) for id, _ in rows[: page.count]]
    for id in ids:
        take(transaction, project, id)
    return _page(ids, rows, page)


def replace(
    transaction: Transaction,
    project: ProjectId,
    replacements: Items[tuple[DeadLetterId, NewMessage]],
    *,
    claim: Claim | None,
    now: UnixMs,
) -> Accepted:
    arrivals = messages.Arrivals(messages.Room(claim) if claim else None)
    published = [
        _replace(transaction, project, id, new, arrivals, now=now) for id, new in replacements
    ]
    return Accepted(published, arrivals.claimed, arrivals.next_due_at)


def _replace(
    transaction: Transaction,
    project: ProjectId,
    id: DeadLetterId,
    new: NewMessage,
    arrivals: messages.Arrivals,
    *,
    now: UnixMs,
) -> Published:
    if not take(transaction, project, id):
        return Published(messages=())
    made = messages.insert(transaction, new, arrivals, now=now)
    return Published(messages=((made, new.envelope.url),))


def take(transaction: Transaction, project: ProjectId, id: DeadLetterId) -> bool:
    """Remove a dead letter, and its envelope when nothing else needs it."""
    rows = transaction.rows(TAKE, (project, id))
    for (message_id,) in rows:
        transaction.execute(FORGET_ENVELOPE, (message_id, project))
    return bool(rows)


def _select(
    connection: apsw.Connection,
    query: str,
    project: ProjectId,
    which: Filter,
    page: Page,
    since: UnixMs,
) -> list[tuple[Any, ...]]:
    """One row more than the page holds, to know whether there is a further page."""
    conditions = on_envelopes(which)
    conditions.one_of("d.id", which.dead_letter_ids)
    conditions.one_of("d.response_status", which.response_statuses)
    conditions.add("d.id >= ?", sequence(max(since, which.from_date or since)))
    if which.to_date is not None:
        conditions.add("d.id < ?", first_after(which.to_date))
    if page.after is not None:
        conditions.add(f"d.id {'<' if page.latest_first else '>'} ?", page.after)
    text = query.format(
        conditions=conditions.text, direction="DESC" if page.latest_first else "ASC"
    )
    return select(connection, text, (project, *conditions.values, page.count + 1))


def _page(items: list[Any], rows: list[tuple[Any, ...]], page: Page) -> Listing[Any]:
    more = len(rows) > page.count
    return Listing(items, Sequence(rows[page.count - 1][0]) if more else None)


def _dead_letter(row: tuple[Any, ...]) -> DeadLetter:
    id, message_id, project, status, headers, body, not_before = row[:7]
    return DeadLetter(
        id=id,
        message=Message(
            id=MessageId(message_id),
            project_id=project,
            envelope=envelopes.from_row(row[7:]),
            state=State.FAILED,
            not_before=not_before,
            due_at=not_before,
        ),
        response=LastResponse(status=status, headers=unpack_headers(headers), body=body),
    )
