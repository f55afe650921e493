"""The log as one ordered list over four sources: three derived from messages, one of rows.

Each source is read in the order of its sequence numbers, by index. A selective filter is applied
window by window, a bounded number of rows at a time, so that a page ends after bounded work.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import apsw

from relaypost.domain.filters import Filter, Page
from relaypost.domain.logs import LogEntry, LogState, NewLogEntry
from relaypost.domain.messages import Message
from relaypost.domain.sequences import first_after, sequence
from relaypost.domain.types import ProjectId, Sequence, UnixMs
from relaypost.store.base import Listing
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.envelopes import MESSAGE_COLUMNS, message_from_row, unpack_headers
from relaypost.store.sqlite.filters import Conditions, on_envelopes

WINDOW = 20_000
"""How many rows of a source one step of a filtered listing may look at."""

MAX_WINDOWS = 50
"""How many steps one page may take: about a second of work."""

MAX_PAGE_BYTES = 33_554_432
"""A page ends early when the bodies on it exceed this."""

LAST_ERROR = """(
    SELECT l.error FROM log_entries l WHERE l.message_id = m.id AND l.state = 3
    ORDER BY l.sequence DESC LIMIT 1
)"""

TERMINAL_STATE = "CASE m.state WHEN 2 THEN 4 WHEN 3 THEN 5 ELSE 7 END"


@dataclass(frozen=True, slots=True)
class Source:
    """Where entries of some states come from; `key` is the indexed column that orders them."""

    tables: str
    project: str
    message: str
    key: str
    state: str
    states: frozenset[LogState]
    where: str = "TRUE"
    shift: int = 0
    """What is added to the key to give the sequence number of the entry."""
    rest: str = "NULL, NULL, NULL, NULL, NULL"
    """Next delivery, error, and status, headers and body of the response."""


MESSAGES = "messages m CROSS JOIN envelopes e ON e.id = m.id"
ENTRIES = """log_entries l CROSS JOIN messages m ON m.project_id = l.project_id
    AND m.id = l.message_id CROSS JOIN envelopes e ON e.id = l.message_id"""

SOURCES = (
    Source(MESSAGES, "m.project_id", "m.id", "m.id", "0", frozenset({LogState.CREATED})),
    Source(
        MESSAGES,
        "m.project_id",
        "m.id",
        "m.id",
        "1",
        frozenset({LogState.ACTIVE}),
        where="m.claimed_on_arrival = 1",
        shift=1,
    ),
    Source(
        MESSAGES,
        "m.project_id",
        "m.id",
        "m.ended",
        TERMINAL_STATE,
        frozenset({LogState.DELIVERED, LogState.FAILED, LogState.CANCELED}),
        where="m.ended IS NOT NULL",
        rest=f"NULL, CASE m.state WHEN 3 THEN {LAST_ERROR} END, "
        "CASE m.state WHEN 2 THEN m.response_status END, NULL, NULL",
    ),
    Source(
        ENTRIES,
        "l.project_id",
        "l.message_id",
        "l.sequence",
        "l.state",
        frozenset({LogState.ACTIVE, LogState.RETRY, LogState.ERROR, LogState.CANCEL_REQUESTED}),
        rest="l.next_delivery_at, l.error, l.response_status, l.response_headers, l.response_body",
    ),
)


@dataclass(frozen=True, slots=True)
class Span:
    """Sequence numbers from `low` up to, but not including, `high`."""

    low: int
    high: int

    @property
    def is_empty(self) -> bool:
        return self.low >= self.high

    def step(self, boundary: int, *, latest_first: bool) -> tuple["Span", "Span"]:
        """Cut at `boundary`: the part that is listed first, and the rest."""
        if latest_first:
            return replace(self, low=boundary), replace(self, high=boundary)
        return replace(self, high=boundary), replace(self, low=boundary)


def list_entries(
    connection: apsw.Connection, project: ProjectId, which: Filter, page: Page, *, since: UnixMs
) -> Listing[LogEntry]:
    """A page of entries, and where the next one starts."""
    reading = _Reading(connection, project, which, page)
    left = span_of(which, page, since)
    found: list[LogEntry] = []
    size = 0
    for _ in range(MAX_WINDOWS):
        if left.is_empty:
            return Listing(found, None)
        window, left = reading.next_window(left)
        for entry in reading.entries(window):
            if len(found) == page.count or size > MAX_PAGE_BYTES:
                return Listing(found, found[-1].sequence)
            found.append(entry)
            size += _size(entry)
    return Listing(found, None if left.is_empty else _cursor_before(left, page))


class _Reading:
    """One listing: its conditions, and the sources that can have what it wants."""

    def __init__(
        self, connection: apsw.Connection, project: ProjectId, which: Filter, page: Page
    ) -> None:
        self._connection = connection
        self._project = project
        self._which = which
        self._page = page
        self._conditions = on_envelopes(replace(which, message_ids=None))
        self._sources = [
            source
            for source in SOURCES
            if which.states is None or source.states.intersection(which.states)
        ]

    def next_window(self, span: Span) -> tuple[Span, Span]:
        """The part of `span` to read now, and what is left of it.

        All of it when every row matches, so that the page fills at once, or when ids are given,
        which an index finds.
        """
        latest_first = self._page.latest_first
        cuts = (
            [] if self._is_direct() else [self._far_key(source, span) for source in self._sources]
        )
        known = [cut for cut in cuts if cut is not None]
        if not known:
            return span, Span(span.high, span.high)
        return span.step(max(known) if latest_first else min(known), latest_first=latest_first)

    def entries(self, span: Span) -> Iterator[LogEntry]:
        """The matching entries of all sources in `span`, merged in order."""
        return heapq.merge(
            *(self._read(source, span) for source in self._sources),
            key=attrgetter("sequence"),
            reverse=self._page.latest_first,
        )

    def _is_direct(self) -> bool:
        return self._which.message_ids is not None or not self._conditions.texts

    def _far_key(self, source: Source, span: Span) -> int | None:
        """The sequence number that is `WINDOW` rows away; `None` when there are fewer."""
        query = f"""
            SELECT {source.key} FROM {source.tables.split(" CROSS ")[0]}
            WHERE {source.project} = ? AND {source.key} >= ? AND {source.key} < ?
            ORDER BY {source.key} {self._direction} LIMIT 1 OFFSET {WINDOW}
        """
        bounds = (span.low - source.shift, span.high - source.shift)
        rows = select(self._connection, query, (self._project, *bounds))
        return rows[0][0] + source.shift if rows else None

    def _read(self, source: Source, span: Span) -> Iterator[LogEntry]:
        conditions = Conditions()
        conditions.one_of(source.message, self._which.message_ids)
        conditions.one_of(source.state, self._states_of(source))
        conditions.add(self._conditions.text, *self._conditions.values)
        query = f"""
            SELECT {source.key} + {source.shift}, {source.state}, {source.rest}, m.dead_letter_id,
                {MESSAGE_COLUMNS}
            FROM {source.tables}
            WHERE {source.project} = ? AND {source.key} >= ? AND {source.key} < ?
                AND {source.where} AND {conditions.text}
            ORDER BY {source.key} {self._direction}
        """
        bounds = (span.low - source.shift, span.high - source.shift)
        for row in self._connection.execute(query, (self._project, *bounds, *conditions.values)):
            yield _entry(row)

    def _states_of(self, source: Source) -> tuple[int, ...] | None:
        if self._which.states is None:
            return None
        return tuple(int(state) for state in source.states.intersection(self._which.states))

    @property
    def _direction(self) -> str:
        return "DESC" if self._page.latest_first else "ASC"


def span_of(which: Filter, page: Page, since: UnixMs) -> Span:
    low = int(sequence(max(since, which.from_date or since)))
    high = (1 << 63) - 1 if which.to_date is None else int(first_after(which.to_date))
    if page.after is None:
        return Span(low, high)
    if page.latest_first:
        return Span(low, min(high, page.after))
    return Span(max(low, page.after + 1), high)


def _cursor_before(left: Span, page: Page) -> Sequence:
    return Sequence(left.high if page.latest_first else left.low - 1)


def _entry(row: tuple[Any, ...]) -> LogEntry:
    number, state, next_delivery_at, error, status, headers, body, dead_letter_id = row[:8]
    message = message_from_row(row[8:])
    if state == LogState.CREATED:
        next_delivery_at = _first_delivery(message)
    return LogEntry(
        sequence=number,
        message=message,
        entry=NewLogEntry(
            state=LogState(state),
            next_delivery_at=next_delivery_at,
            error=error,
            response_status=status,
            response_headers=None if headers is None else unpack_headers(headers),
            response_body=body,
        ),
        dead_letter_id=dead_letter_id if state == LogState.FAILED else None,
    )


def _first_delivery(message: Message) -> UnixMs | None:
    return message.not_before if message.not_before > message.created_at else None


def _size(entry: LogEntry) -> int:
    return len(entry.message.envelope.body) + len(entry.entry.response_body or b"")
