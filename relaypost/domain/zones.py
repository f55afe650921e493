"""Time zones as spans of one UTC offset. Instants and offsets are whole seconds.

Where the data comes from is not known here: a zone is made from a `tzinfo` that is passed in.
"""

import datetime
import itertools
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

DAY_S: Final = 86_400
BLOCK_S: Final = 128 * DAY_S
"""Changes are looked for, and remembered, block by block."""


class Span(NamedTuple):
    """A time over which the offset does not change, from `starts` up to, but not, `ends`."""

    starts: int
    ends: int
    offset: int

    @property
    def local_start(self) -> int:
        return self.starts + self.offset

    @property
    def local_end(self) -> int:
        return self.ends + self.offset


class Zone:
    """A named zone. All changes of its offset count, whatever their reason."""

    def __init__(self, name: str, info: datetime.tzinfo) -> None:
        self.name = name
        self._info = info
        self._blocks: dict[int, tuple[tuple[int, int], ...]] = {}

    def offset_at(self, instant: int) -> int:
        offset = datetime.datetime.fromtimestamp(instant, self._info).utcoffset()
        assert offset is not None
        return offset.days * DAY_S + offset.seconds

    def spans(self, since: int) -> Iterator[Span]:
        """The spans from an instant on, where the first one is cut off, without end.

        Two that follow each other may have the same offset.
        """
        start, offset = since, self.offset_at(since)
        for block in itertools.count(since // BLOCK_S):
            for change, changed in self._changes(block):
                if change > since:
                    yield Span(start, change, offset)
                    start, offset = change, changed
            end = (block + 1) * BLOCK_S
            if end > start:
                yield Span(start, end, offset)
                start = end

    def _changes(self, block: int) -> tuple[tuple[int, int], ...]:
        """Each instant of a block at which the offset changes, and the offset from there on."""
        known = self._blocks.get(block)
        if known is None:
            known = self._blocks[block] = tuple(self._find_changes(block * BLOCK_S))
        return known

    def _find_changes(self, start: int) -> Iterator[tuple[int, int]]:
        """Look once a day: no zone changes its offset and changes it back within one."""
        before = self.offset_at(start - 1)
        for day in range(start, start + BLOCK_S, DAY_S):
            after = self.offset_at(day + DAY_S - 1)
            if after != before:
                yield self._first_change(day - 1, day + DAY_S - 1), after
            before = after

    def _first_change(self, earlier: int, later: int) -> int:
        offset = self.offset_at(earlier)
        while later - earlier > 1:
            middle = (earlier + later) // 2
            if self.offset_at(middle) == offset:
                earlier = middle
            else:
                later = middle
        return later


Zones = Callable[[str], Zone | None]
"""Finds a zone by its exact name."""
