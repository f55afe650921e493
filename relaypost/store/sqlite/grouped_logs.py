"""The log by message: whole histories, newest message first."""

import apsw

from relaypost.domain.filters import Filter, Page
from relaypost.domain.logs import LogEntry
from relaypost.domain.types import MessageId, ProjectId, Sequence, UnixMs
from relaypost.store.base import Listing
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.filters import on_envelopes
from relaypost.store.sqlite.logs import list_entries, span_of

MAX_EXAMINED = 5000
"""How many messages one page looks at: when `states` matches few, the page is short."""

MAX_ENTRIES = 1000
"""How many entries of one message are shown, the newest."""

IDS = """
SELECT m.id FROM messages m CROSS JOIN envelopes e ON e.id = m.id
WHERE m.project_id = ? AND m.id >= ? AND m.id < ? AND {conditions}
ORDER BY m.id {direction} LIMIT ?
"""


def list_messages(
    connection: apsw.Connection, project: ProjectId, which: Filter, page: Page, *, since: UnixMs
) -> Listing[list[LogEntry]]:
    found: list[list[LogEntry]] = []
    ids = _ids(connection, project, which, page, since)
    for id in ids[:MAX_EXAMINED]:
        entries = _history(connection, project, id, since)
        if not entries or not _is_wanted(entries[-1], which):
            continue
        if len(found) == page.count:
            return Listing(found, Sequence(found[-1][0].message.id))
        found.append(entries)
    more = len(ids) > MAX_EXAMINED
    return Listing(found, Sequence(ids[MAX_EXAMINED - 1]) if more else None)


def _ids(
    connection: apsw.Connection, project: ProjectId, which: Filter, page: Page, since: UnixMs
) -> list[MessageId]:
    conditions = on_envelopes(which)
    span = span_of(which, page, since)
    query = IDS.format(conditions=conditions.text, direction="DESC" if page.latest_first else "ASC")
    values = (project, span.low, span.high, *conditions.values, MAX_EXAMINED + 1)
    return [MessageId(id) for (id,) in select(connection, query, values)]


def _history(
    connection: apsw.Connection, project: ProjectId, id: MessageId, since: UnixMs
) -> list[LogEntry]:
    newest = Page(count=MAX_ENTRIES)
    listing = list_entries(connection, project, Filter(message_ids=(id,)), newest, since=since)
    return listing.items[::-1]


def _is_wanted(newest: LogEntry, which: Filter) -> bool:
    return which.states is None or newest.entry.state in which.states
