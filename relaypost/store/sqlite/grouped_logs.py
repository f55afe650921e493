"""The log by message: whole histories, by the time of acceptance."""

from collections.abc import Iterator

import apsw

from relaypost.domain.filters import Filter, Page
from relaypost.domain.logs import LogEntry
from relaypost.domain.types import MessageId, ProjectId, Sequence, UnixMs
from relaypost.store.base import Listing
from relaypost.store.sqlite.filters import Conditions, on_envelopes
from relaypost.store.sqlite.logs import (
    JOIN,
    MAX_PAGE_BYTES,
    MESSAGES,
    TERMINAL_STATE,
    list_entries,
    size_of,
)
from relaypost.store.sqlite.windows import MAX_EXAMINED, Span, Walk, direction_of, span_of

MAX_ENTRIES = 1000
"""How many entries of one message are shown, the newest."""

NEWEST_STATE = f"""
CASE WHEN m.ended IS NOT NULL THEN {TERMINAL_STATE} ELSE coalesce(
    (SELECT l.state FROM log_entries l WHERE l.message_id = m.id ORDER BY l.sequence DESC LIMIT 1),
    m.claimed_on_arrival
) END
"""
"""Of a message without rows of its own the newest entry is CREATED (0), or ACTIVE (1)."""

START = UnixMs(0)


def list_messages(
    connection: apsw.Connection,
    project: ProjectId,
    which: Filter,
    page: Page,
    *,
    since: UnixMs,
    max_examined: int = MAX_EXAMINED,
) -> Listing[list[LogEntry]]:
    """A message whose entries have all expired is left out; one that lives on may be older."""
    conditions = on_envelopes(which)
    join = JOIN.format(id="m.id") if conditions.texts else ""
    conditions.one_of("m.id", which.message_ids)
    conditions.one_of(NEWEST_STATE, which.states)
    if not conditions.can_match:
        return Listing([], None)
    found: list[list[LogEntry]] = []
    size = 0
    span = span_of(which, page, since=START)
    walk = Walk(connection, project, span, page, max_examined=max_examined)
    for piece in walk.pieces([MESSAGES]) if which.message_ids is None else walk.whole():
        for id in _ids(connection, project, piece, page, join=join, conditions=conditions):
            history = _history(connection, project, id, since)
            if not history:
                continue
            if len(found) == page.count or size > MAX_PAGE_BYTES:
                return Listing(found, Sequence(found[-1][0].message.id))
            found.append(history)
            size += sum(map(size_of, history))
    return Listing(found, walk.next)


def _ids(
    connection: apsw.Connection,
    project: ProjectId,
    span: Span,
    page: Page,
    *,
    join: str,
    conditions: Conditions,
) -> Iterator[MessageId]:
    query = f"""
        SELECT m.id FROM messages m {join}
        WHERE m.project_id = ? AND m.id >= ? AND m.id < ? AND {conditions.text}
        ORDER BY m.id {direction_of(page)}
    """
    for (id,) in connection.execute(query, (project, span.low, span.high, *conditions.values)):
        yield id


def _history(
    connection: apsw.Connection, project: ProjectId, id: MessageId, since: UnixMs
) -> list[LogEntry]:
    newest = Page(count=MAX_ENTRIES)
    listing = list_entries(connection, project, Filter(message_ids=(id,)), newest, since=since)
    return listing.items[::-1]
