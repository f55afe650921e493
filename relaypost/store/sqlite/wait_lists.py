"""Which wait lists hold messages, and when the gates in front of them are to be looked at.

What is parked is in rows; here is only where something is. A list that is known may be empty. Lists
stand in lines before the gate that holds them up: a line goes to another gate, and no row changes.
"""

import heapq
from collections.abc import Iterator
from typing import NamedTuple

from relaypost.domain.gates import GateKind
from relaypost.domain.types import GateId, MessageId, ProjectId, UnixMs

SPARE_TIMERS = 100
"""How many may be out of date beside those that count; then they are dropped."""


class WaitList(NamedTuple):
    """Parked messages that have gates in common; `id` is what their rows hold."""

    id: GateId
    project: ProjectId
    key: GateId | None = None
    host: GateId | None = None
    """Of all of them, if they came as far as its gate."""


class Stand(NamedTuple):
    """Where a line stands."""

    gate: GateId
    kind: GateKind


class Line:
    """Wait lists that go on together, the message that has waited longest first."""

    def __init__(self, id: GateId, stand: Stand) -> None:
        self.id = id
        self.stand = stand
        self.lists: dict[GateId, WaitList] = {}
        self._unsorted: dict[GateId, None] = {}
        """Lists whose first message may be another one than `_heads` says."""
        self._heads: dict[GateId, tuple[UnixMs, MessageId]] = {}
        self._order: list[tuple[tuple[UnixMs, MessageId], GateId]] = []
        """All heads, and such as count no more."""

    @property
    def first(self) -> WaitList:
        """That which has been in it for longest."""
        return next(iter(self.lists.values()))

    @property
    def project(self) -> ProjectId:
        return self.first.project

    def enter(self, found: WaitList) -> None:
        self.lists[found.id] = found
        self._unsorted[found.id] = None

    def leave(self, id: GateId) -> None:
        del self.lists[id]
        self._unsorted.pop(id, None)
        self._heads.pop(id, None)

    def unsort(self, id: GateId) -> None:
        self._unsorted[id] = None

    @property
    def unsorted(self) -> tuple[GateId, ...]:
        return tuple(self._unsorted)

    def sort(self, id: GateId, head: tuple[UnixMs, MessageId]) -> None:
        """Note the due time and the id of the first message in a list."""
        del self._unsorted[id]
        if self._heads.get(id) != head:
            self._heads[id] = head
            heapq.heappush(self._order, (head, id))

    def oldest(self) -> WaitList:
        """The list with the first message of all, when none is unsorted."""
        while True:
            head, id = self._order[0]
            if self._heads.get(id) == head:
                return self.lists[id]
            heapq.heappop(self._order)


class WaitLists:
    def __init__(self) -> None:
        self._lines: dict[GateId, Line] = {}
        self._line_of: dict[GateId, Line] = {}
        """By list."""
        self._at: dict[GateId, dict[GateId, Line]] = {}
        """By gate, in the order in which they are served."""
        self._pending: dict[GateId, None] = {}
        """Gates that are open, in the order in which they are looked at."""
        self._timers: list[tuple[UnixMs, GateId]] = []
        self._opens_at: dict[GateId, UnixMs] = {}
        """The timers that count; others in the heap are out of date."""

    def __contains__(self, id: GateId) -> bool:
        return id in self._line_of

    @property
    def are_any(self) -> bool:
        return bool(self._lines)

    def lines(self) -> Iterator[Line]:
        return iter(tuple(self._lines.values()))

    def line(self, id: GateId) -> Line | None:
        return self._lines.get(id)

    def keyless(self, project: ProjectId) -> list[GateId]:
        """Where messages of a project without a key wait for a slot of the project or of a host."""
        return [
            found.id
            for line in self._lines.values()
            if line.stand.kind in (GateKind.PROJECT, GateKind.HOST)
            for found in line.lists.values()
            if found.key is None and found.project == project
        ]

    def clear(self) -> None:
        for held in (self._lines, self._line_of, self._at, self._pending, self._opens_at):
            held.clear()
        self._timers.clear()

    def join(self, found: WaitList, line: GateId, stand: Stand) -> None:
        """Note that a message waits in this list; one that is new enters a line, or begins it."""
        known = self._line_of.get(found.id)
        if known is None:
            self._enter(found, line, stand)
        else:
            known.unsort(found.id)

    def move(self, found: WaitList, line: GateId, stand: Stand) -> None:
        """Have a list leave its line for another one."""
        self.forget(found.id)
        self._enter(found, line, stand)

    def shift(self, line: Line, stand: Stand) -> None:
        """Have a line stand at another gate."""
        self._leave_gate(line)
        line.stand = stand
        self._at.setdefault(stand.gate, {})[line.id] = line

    def unsort(self, id: GateId) -> None:
        """Note that a message has left its list, if it was in one that is known."""
        line = self._line_of.get(id)
        if line is not None:
            line.unsort(id)

    def forget(self, id: GateId) -> None:
        """Note that a list is empty."""
        line = self._line_of.pop(id)
        line.leave(id)
        if not line.lists:
            del self._lines[line.id]
            self._leave_gate(line)

    def are_at(self, gate: GateId) -> bool:
        return gate in self._at

    def line_at(self, gate: GateId) -> Line:
        """The line of a gate whose turn it is."""
        return next(iter(self._at[gate].values()))

    def serve(self, gate: GateId) -> Line:
        """The same, which goes to the end."""
        lines, line = self._at[gate], self.line_at(gate)
        if len(lines) > 1:
            del lines[line.id]
            lines[line.id] = line
        return line

    def count_of(self, gate: GateId) -> int:
        return len(self._at.get(gate, ()))

    def opens(self, gate: GateId, at: UnixMs | None, *, now: UnixMs) -> None:
        """Note when a gate with lines opens by itself; `None` is never, or not known."""
        if at is None:
            self._pending.pop(gate, None)
            self._opens_at.pop(gate, None)
        elif at <= now:
            self._pending[gate] = None
        elif self._opens_at.get(gate) != at:
            self._opens_at[gate] = at
            heapq.heappush(self._timers, (at, gate))
            if len(self._timers) > 2 * len(self._opens_at) + SPARE_TIMERS:
                self._timers = [(at, gate) for gate, at in self._opens_at.items()]
                heapq.heapify(self._timers)

    def is_open(self, gate: GateId) -> bool:
        """Whether it is to be looked at."""
        return gate in self._pending

    def postpone(self, gate: GateId) -> None:
        """Have a gate that is open looked at after all others."""
        if gate in self._pending:
            del self._pending[gate]
            self._pending[gate] = None

    def ring(self, now: UnixMs) -> None:
        """Turn timers that have run out into gates to look at."""
        while self._timers and self._timers[0][0] <= now:
            at, gate = heapq.heappop(self._timers)
            if self._opens_at.get(gate) == at:
                del self._opens_at[gate]
                self._pending[gate] = None

    def take_pending(self) -> GateId | None:
        """The gate to look at next."""
        gate = next(iter(self._pending), None)
        if gate is not None:
            del self._pending[gate]
        return gate

    @property
    def is_pending(self) -> bool:
        return bool(self._pending)

    def next_at(self, now: UnixMs) -> UnixMs | None:
        """When to look at gates again."""
        if self._pending:
            return now
        timers = self._timers
        while timers and self._opens_at.get(timers[0][1]) != timers[0][0]:
            heapq.heappop(timers)
        return timers[0][0] if timers else None

    def _enter(self, found: WaitList, line: GateId, stand: Stand) -> None:
        known = self._lines.get(line)
        if known is None:
            known = self._lines[line] = Line(line, stand)
            self._at.setdefault(stand.gate, {})[line] = known
        known.enter(found)
        self._line_of[found.id] = known

    def _leave_gate(self, line: Line) -> None:
        gate = line.stand.gate
        lines = self._at[gate]
        del lines[line.id]
        if not lines:
            del self._at[gate]
            self._pending.pop(gate, None)
            self._opens_at.pop(gate, None)
