"""Dead letters: list, delete, and turn into new messages."""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as Items
from typing import Any

import apsw

from relaypost.domain.dead_letters import DeadLetter, LastResponse
from relaypost.domain.filters import Filter, Page
from relaypost.domain.messages import Envelope, Message, NewMessage, Published, State
from relaypost.domain.sequences import sequence
from relaypost.domain.types import DeadLetterId, MessageId, ProjectId, Sequence, UnixMs
from relaypost.store.base import Accepted, Claim, Listing
from relaypost.store.sqlite import envelopes
from relaypost.store.sqlite.arrivals import arrivals_of
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.envelopes import unpack_headers
from relaypost.store.sqlite.filters import on_envelopes
from relaypost.store.sqlite.messages import insert, new_queues
from relaypost.store.sqlite.windows import MAX_EXAMINED, Track, Walk, direction_of, span_of

MAX_PAGE_BYTES = 33_554_432
"""A page ends early when the bodies on it exceed this, unless its elements were named."""

IN_ORDER = Track("dead_letters d", "d.project_id", "d.id")
# The plus keeps SQLite from going through all of them in their order.
BY_ID = Track("dead_letters d", "d.project_id", "+d.id")
BY_MESSAGE = Track("dead_letters d", "+d.project_id", "+d.id")

GET = f"""
SELECT d.id, d.message_id, d.project_id, d.response_status, d.response_headers, d.response_body,
    {envelopes.COLUMNS}
FROM dead_letters d JOIN envelopes e ON e.id = d.message_id WHERE d.project_id = ? AND d.id = ?
"""

ENVELOPE = f"""
SELECT {envelopes.COLUMNS} FROM dead_letters d JOIN envelopes e ON e.id = d.message_id
WHERE d.project_id = ? AND d.id = ? AND d.id >= ?
"""

EXISTS = "SELECT 1 FROM dead_letters WHERE project_id = ? AND id = ? AND id >= ?"

TAKE = """
DELETE FROM dead_letters WHERE project_id = ? AND id = ? AND id >= ? RETURNING message_id
"""

FORGET_ENVELOPE = """
DELETE FROM envelopes WHERE id = ?
AND NOT EXISTS (SELECT 1 FROM messages WHERE project_id = ? AND id = envelopes.id)
"""


def list_dead_letters(
    connection: apsw.Connection,
    project: ProjectId,
    which: Filter,
    page: Page,
    *,
    since: UnixMs,
    max_examined: int = MAX_EXAMINED,
) -> Listing[DeadLetter]:
    span = span_of(which, page, since=since)
    walk = Walk(connection, project, span, page, max_examined=max_examined)
    found: list[DeadLetter] = []
    size = 0
    for id in _matching(walk, connection, project, which, page):
        if len(found) == page.count or (size > MAX_PAGE_BYTES and which.dead_letter_ids is None):
            return Listing(found, Sequence(found[-1].id))
        dead_letter = _dead_letter(select(connection, GET, (project, id))[0])
        found.append(dead_letter)
        size += len(dead_letter.message.envelope.body) + len(dead_letter.response.body)
    return Listing(found, walk.next)


def matching(
    connection: apsw.Connection,
    project: ProjectId,
    which: Filter,
    page: Page,
    *,
    since: UnixMs,
    max_examined: int = MAX_EXAMINED,
) -> Listing[DeadLetterId]:
    span = span_of(which, page, since=since)
    walk = Walk(connection, project, span, page, max_examined=max_examined)
    found: list[DeadLetterId] = []
    for id in _matching(walk, connection, project, which, page):
        if len(found) == page.count:
            return Listing(found, Sequence(found[-1]))
        found.append(id)
    return Listing(found, walk.next)


def _matching(
    walk: Walk, connection: apsw.Connection, project: ProjectId, which: Filter, page: Page
) -> Iterator[DeadLetterId]:
    conditions = on_envelopes(which)
    join = "CROSS JOIN envelopes e ON e.id = d.message_id" if conditions.texts else ""
    conditions.one_of("d.id", which.dead_letter_ids)
    conditions.one_of("d.message_id", which.message_ids)
    conditions.one_of("d.response_status", which.response_statuses)
    track = _track_of(which)
    query = f"""
        SELECT d.id FROM {track.table} {join}
        WHERE {track.project} = ? AND {track.key} >= ? AND {track.key} < ? AND {conditions.text}
        ORDER BY {track.key} {direction_of(page)}
    """
    in_pieces = track is IN_ORDER and conditions.can_match
    for piece in walk.pieces([track]) if in_pieces else walk.whole():
        values = (project, piece.low, piece.high, *conditions.values)
        if conditions.can_match:
            for (id,) in connection.execute(query, values):
                yield id


def _track_of(which: Filter) -> Track:
    if which.dead_letter_ids is not None:
        return BY_ID
    return IN_ORDER if which.message_ids is None else BY_MESSAGE


def delete(
    transaction: Transaction, project: ProjectId, ids: Items[DeadLetterId], *, since: UnixMs
) -> list[bool]:
    return [take(transaction, project, id, since=since) for id in ids]


def replace(
    transaction: Transaction,
    project: ProjectId,
    ids: Items[DeadLetterId],
    *,
    bring_back: Callable[[Envelope], NewMessage],
    all_or_none: bool,
    since: UnixMs,
    claim: Claim | None,
    max_queues: int,
    now: UnixMs,
    daily_limit: int = 0,
) -> Accepted:
    low = sequence(since)
    if all_or_none and not all(transaction.rows(EXISTS, (project, id, low)) for id in ids):
        return Accepted([Published(messages=())] * len(ids), [], None)
    found = {id: rows[0] for id in ids if (rows := transaction.rows(ENVELOPE, (project, id, low)))}
    news = {id: bring_back(envelopes.from_row(row[1:])) for id, row in found.items()}
    refused = _first_refused(transaction, project, news, max_queues)
    if refused is not None:
        return Accepted([], [], None, refused=ids.index(refused))
    exceeded = transaction.daily.exceeded(project, len(news), limit=daily_limit, now=now)
    if exceeded is not None:
        return Accepted([], [], None, exceeded=exceeded)
    arrivals = arrivals_of(transaction, claim)
    published: list[Published] = []
    for id in ids:
        new = news.pop(id, None)
        if new is None:
            published.append(Published(messages=()))
            continue
        take(transaction, project, id, since=since)
        made = insert(transaction, new, arrivals, now=now)
        published.append(Published(messages=((made, new.envelope.url),)))
    return Accepted(published, arrivals.claimed, arrivals.next_due_at(transaction, now))


def _first_refused(
    transaction: Transaction,
    project: ProjectId,
    news: Mapping[DeadLetterId, NewMessage],
    max_queues: int,
) -> DeadLetterId | None:
    """The first one whose queue would be one too many."""
    names = transaction.gates.queues.names(project)
    for id, new in news.items():
        made = new_queues(transaction, [new])
        names |= made
        if made and len(names) > max_queues > 0:
            return id
    return None


def take(transaction: Transaction, project: ProjectId, id: DeadLetterId, *, since: UnixMs) -> bool:
    """Remove a dead letter, and its envelope when nothing else needs it."""
    rows = transaction.rows(TAKE, (project, id, sequence(since)))
    for (message_id,) in rows:
        transaction.execute(FORGET_ENVELOPE, (message_id, project))
    return bool(rows)


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
