"""Reading a long ordered list in pieces of bounded size, so that no request works without end.

A piece is cut by index alone, whatever the filter: it holds so many rows of each track at most.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace

import apsw

from relaypost.domain.filters import Filter, Page
from relaypost.domain.sequences import first_after, sequence
from relaypost.domain.types import ProjectId, Sequence, UnixMs
from relaypost.store.sqlite.connection import select

MAX_ROWS = 20_000
"""Rows of a track in one piece."""

MAX_EXAMINED = 200_000
"""Rows of a track that one request looks at: about a second of work with most filters."""

END = (1 << 63) - 1
LATEST = UnixMs(1 << 42)
"""A time later than every sequence number."""


@dataclass(frozen=True, slots=True)
class Track:
    """Rows that an index holds in the order of their sequence numbers, `key` plus `shift`."""

    table: str
    project: str
    key: str
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """Sequence numbers from `low` up to, but not including, `high`."""

    low: int
    high: int

    @property
    def is_empty(self) -> bool:
        return self.low >= self.high

    def cut(self, boundary: int, *, latest_first: bool) -> tuple["Span", "Span"]:
        """The part that is listed first, and the rest."""
        if latest_first:
            return replace(self, low=boundary), replace(self, high=boundary)
        return replace(self, high=boundary), replace(self, low=boundary)


def span_of_dates(which: Filter, *, since: UnixMs) -> Span:
    low = sequence(min(LATEST, max(since, which.from_date or since)))
    high = END if which.to_date is None else first_after(min(LATEST, which.to_date))
    return Span(min(END, low), min(END, high))


def span_of(which: Filter, page: Page, *, since: UnixMs) -> Span:
    """What the page may hold: the dates of the filter, behind the cursor."""
    span = span_of_dates(which, since=since)
    if page.after is None:
        return span
    if page.latest_first:
        return replace(span, high=min(span.high, page.after))
    return replace(span, low=max(span.low, page.after + 1))


class Walk:
    """The way through a span in the order of a page; `left` is what has not been walked."""

    def __init__(
        self,
        connection: apsw.Connection,
        project: ProjectId,
        span: Span,
        page: Page,
        *,
        max_examined: int = MAX_EXAMINED,
    ) -> None:
        self._connection = connection
        self._project = project
        self._page = page
        self._max_examined = max_examined
        self.left = span

    def pieces(self, tracks: Items[Track]) -> Iterator[Span]:
        """Pieces that grow: an unfiltered page is full after the first one."""
        rows, examined = self._page.count + 1, 0
        while not self.left.is_empty and examined < self._max_examined:
            examined += rows
            piece = self._take_piece(tracks, rows)
            rows = min(rows * 2, MAX_ROWS)
            yield piece

    def whole(self) -> Iterator[Span]:
        """All of it at once, where an index finds the few rows that are wanted."""
        piece, self.left = self.left, Span(END, END)
        yield piece

    @property
    def next(self) -> Sequence | None:
        """Where the next page goes on; `None` at the end."""
        if self.left.is_empty:
            return None
        return Sequence(self.left.high if self._page.latest_first else self.left.low - 1)

    def _take_piece(self, tracks: Items[Track], rows: int) -> Span:
        latest_first = self._page.latest_first
        cuts = [self._far_key(track, rows) for track in tracks]
        known = [cut for cut in cuts if cut is not None]
        if not known:
            boundary = self.left.low if latest_first else self.left.high
        else:
            boundary = max(known) if latest_first else min(known)
        piece, self.left = self.left.cut(boundary, latest_first=latest_first)
        return piece

    def _far_key(self, track: Track, rows: int) -> int | None:
        """The sequence number `rows` rows away; `None` when there are not so many."""
        query = f"""
            SELECT {track.key} FROM {track.table}
            WHERE {track.project} = ? AND {track.key} >= ? AND {track.key} < ?
            ORDER BY {track.key} {direction_of(self._page)} LIMIT 1 OFFSET ?
        """
        low, high = self.left.low - track.shift, self.left.high - track.shift
        found = select(self._connection, query, (self._project, low, high, rows))
        return found[0][0] + track.shift if found else None


def direction_of(page: Page) -> str:
    return "DESC" if page.latest_first else "ASC"
