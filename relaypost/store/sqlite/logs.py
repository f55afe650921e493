"""The log as one ordered list over four sources: three derived from messages, one of rows.

First only the places of matching entries are read, each source in the order of its sequence
numbers and by index; then what the entries of the page say, each message once.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import apsw

from relaypost.domain.filters import Filter, Page
from relaypost.domain.logs import LogEntry, LogState, NewLogEntry
from relaypost.domain.messages import Message
from relaypost.domain.types import DeadLetterId, MessageId, ProjectId, Sequence, UnixMs
from relaypost.store.base import Listing
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.envelopes import MESSAGE_COLUMNS, message_from_row, unpack_headers
from relaypost.store.sqlite.filters import Conditions, on_envelopes
from relaypost.store.sqlite.windows import (
    MAX_EXAMINED,
    Span,
    Track,
    Walk,
    direction_of,
    span_of,
)

MAX_PAGE_BYTES = 33_554_432
"""A page ends early when the bodies on it exceed this."""

MESSAGE = f"""
SELECT {MESSAGE_COLUMNS}, m.response_status, m.dead_letter_id
FROM messages m JOIN envelopes e ON e.id = m.id WHERE m.project_id = ? AND m.id = ?
"""

ENTRY = """
SELECT next_delivery_at, error, response_status, response_headers, response_body
FROM log_entries WHERE project_id = ? AND sequence = ?
"""

LAST_ERROR = """
SELECT error FROM log_entries WHERE message_id = ? AND state = 3 ORDER BY sequence DESC LIMIT 1
"""

JOIN = "CROSS JOIN envelopes e ON e.id = {id}"

TERMINAL_STATE = "CASE m.state WHEN 2 THEN 4 WHEN 3 THEN 5 ELSE 7 END"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where entries of some states come from."""

    track: Track
    by_message: Track
    """The same, written so that SQLite looks rows up by message and not by sequence number."""
    message: str
    state: str
    states: frozenset[LogState]
    where: str = "TRUE"


MESSAGES = Track("messages m", "m.project_id", "m.id")
STARTED = Track("messages m", "m.project_id", "m.id", shift=1)
ENDED = Track("messages m", "m.project_id", "m.ended")
ENTRIES = Track("log_entries l", "l.project_id", "l.sequence")

SOURCES = (
    Source(
        track=MESSAGES,
        by_message=MESSAGES,
        message="m.id",
        state="0",
        states=frozenset({LogState.CREATED}),
    ),
    Source(
        track=STARTED,
        by_message=STARTED,
        message="m.id",
        state="1",
        states=frozenset({LogState.ACTIVE}),
        where="m.claimed_on_arrival = 1",
    ),
    Source(
        track=ENDED,
        by_message=replace(ENDED, key="+m.ended"),
        message="m.id",
        state=TERMINAL_STATE,
        states=frozenset({LogState.DELIVERED, LogState.FAILED, LogState.CANCELED}),
        where="m.ended IS NOT NULL",
    ),
    Source(
        track=ENTRIES,
        by_message=replace(ENTRIES, table="log_entries l INDEXED BY log_entries_message"),
        message="l.message_id",
        state="l.state",
        states=frozenset(
            {LogState.ACTIVE, LogState.RETRY, LogState.ERROR, LogState.CANCEL_REQUESTED}
        ),
    ),
)


class Place(NamedTuple):
    """A matching entry, before what it says is read."""

    sequence: Sequence
    state: int
    message_id: MessageId


def list_entries(
    connection: apsw.Connection,
    project: ProjectId,
    which: Filter,
    page: Page,
    *,
    since: UnixMs,
    max_examined: int = MAX_EXAMINED,
) -> Listing[LogEntry]:
    """A page of entries, and where the next one starts."""
    search = _Search(connection, project, which, page)
    if not search.can_match:
        return Listing([], None)
    span = span_of(which, page, since=since)
    walk = Walk(connection, project, span, page, max_examined=max_examined)
    reading = _Reading(connection, project)
    for piece in walk.pieces(search.tracks) if which.message_ids is None else walk.whole():
        for place in search.places(piece):
            if len(reading.found) == page.count or reading.size > MAX_PAGE_BYTES:
                return Listing(reading.found, reading.found[-1].sequence)
            reading.add(place)
    return Listing(reading.found, walk.next)


class _Search:
    """Where the entries are that a filter means."""

    def __init__(
        self, connection: apsw.Connection, project: ProjectId, which: Filter, page: Page
    ) -> None:
        self._connection = connection
        self._project = project
        self._which = which
        self._page = page
        self._conditions = on_envelopes(which)
        self._sources = [source for source in SOURCES if self._states_of(source)]

    @property
    def can_match(self) -> bool:
        return self._conditions.can_match and self._which.message_ids != ()

    @property
    def tracks(self) -> list[Track]:
        return [source.track for source in self._sources]

    def places(self, span: Span) -> Iterator[Place]:
        """The places in `span`, in the order of the page."""
        sources = (self._places_of(source, span) for source in self._sources)
        return heapq.merge(*sources, reverse=self._page.latest_first)

    def _places_of(self, source: Source, span: Span) -> Iterator[Place]:
        ids = self._which.message_ids
        track = source.track if ids is None else source.by_message
        conditions = self._conditions_on(source)
        join = "" if not self._conditions.texts else JOIN.format(id=source.message)
        query = f"""
            SELECT {track.key} + {track.shift}, {source.state}, {source.message}
            FROM {track.table} {join}
            WHERE {track.project} = ? AND {track.key} >= ? AND {track.key} < ?
                AND {source.where} AND {conditions.text}
            ORDER BY {track.key} {direction_of(self._page)}
        """
        bounds = (span.low - track.shift, span.high - track.shift)
        values = (self._project, *bounds, *conditions.values)
        for row in self._connection.execute(query, values):
            yield Place._make(row)

    def _conditions_on(self, source: Source) -> Conditions:
        conditions = Conditions()
        conditions.one_of(source.message, self._which.message_ids)
        if (states := self._states_of(source)) != source.states:
            conditions.one_of(source.state, tuple(map(int, states)))
        conditions.add(self._conditions.text, *self._conditions.values)
        return conditions

    def _states_of(self, source: Source) -> frozenset[LogState]:
        wanted = self._which.states
        return source.states if wanted is None else source.states.intersection(wanted)


@dataclass(frozen=True, slots=True)
class _Life:
    """What the entries of one message share."""

    message: Message
    response_status: int | None
    dead_letter_id: DeadLetterId | None


class _Reading:
    """The entries of a page, and what was read for them."""

    def __init__(self, connection: apsw.Connection, project: ProjectId) -> None:
        self.found: list[LogEntry] = []
        self.size = 0
        self._connection = connection
        self._project = project
        self._lives: dict[MessageId, _Life] = {}

    def add(self, place: Place) -> None:
        life = self._lives.get(place.message_id) or self._read_life(place.message_id)
        state = LogState(place.state)
        entry = LogEntry(
            sequence=place.sequence,
            message=life.message,
            entry=self._entry(place.sequence, state, life),
            dead_letter_id=life.dead_letter_id if state is LogState.FAILED else None,
        )
        self.found.append(entry)
        self.size += size_of(entry)

    def _read_life(self, id: MessageId) -> _Life:
        row = select(self._connection, MESSAGE, (self._project, id))[0]
        life = self._lives[id] = _Life(message_from_row(row[:-2]), row[-2], row[-1])
        return life

    def _entry(self, sequence: Sequence, state: LogState, life: _Life) -> NewLogEntry:
        match state:
            case LogState.ERROR | LogState.RETRY:
                row = select(self._connection, ENTRY, (self._project, sequence))[0]
                return _written_entry(state, row)
            case LogState.CREATED:
                return NewLogEntry(state=state, next_delivery_at=_first_delivery(life.message))
            case LogState.DELIVERED:
                return NewLogEntry(state=state, response_status=life.response_status)
            case LogState.FAILED:
                return NewLogEntry(state=state, error=self._last_error(life.message.id))
            case _:
                return NewLogEntry(state=state)

    def _last_error(self, id: MessageId) -> str | None:
        rows = select(self._connection, LAST_ERROR, (id,))
        return rows[0][0] if rows else None


def size_of(entry: LogEntry) -> int:
    """The bytes of bodies that the entry shows."""
    return len(entry.message.envelope.body) + len(entry.entry.response_body or b"")


def _written_entry(state: LogState, row: tuple[Any, ...]) -> NewLogEntry:
    next_delivery_at, error, status, headers, body = row
    return NewLogEntry(
        state=state,
        next_delivery_at=next_delivery_at,
        error=error,
        response_status=status,
        response_headers=None if headers is None else unpack_headers(headers),
        response_body=body,
    )


def _first_delivery(message: Message) -> UnixMs | None:
    return message.not_before if message.not_before > message.created_at else None
