"""Which wait lists hold messages, and when the gates in front of them are to be looked at.

What is parked is in rows; here is only where something is. A list that is known may be empty.
"""

import heapq
from collections.abc import Iterator
from typing import NamedTuple

from relaypost.domain.gates import GateKind
from relaypost.domain.types import GateId, ProjectId, UnixMs

SPARE_TIMERS = 100
"""How many may be out of date beside those that count; then they are dropped."""


class WaitList(NamedTuple):
    """A list of parked messages; `id` is what their rows hold."""

    id: GateId
    gate: GateId
    kind: GateKind
    project: ProjectId
    key: GateId | None = None
    """Whose messages they are, at a project or a host."""


class WaitLists:
    def __init__(self) -> None:
        self._lists: dict[GateId, WaitList] = {}
        self._of_gate: dict[GateId, dict[GateId, None]] = {}
        """In the order in which they are served."""
        self._pending: dict[GateId, None] = {}
        """Gates that are open, in the order in which they are looked at."""
        self._timers: list[tuple[UnixMs, GateId]] = []
        self._opens_at: dict[GateId, UnixMs] = {}
        """The timers that count; others in the heap are out of date."""

    def __contains__(self, id: GateId) -> bool:
        return id in self._lists

    @property
    def are_any(self) -> bool:
        return bool(self._lists)

    def __iter__(self) -> Iterator[WaitList]:
        return iter(tuple(self._lists.values()))

    def clear(self) -> None:
        for held in (self._lists, self._of_gate, self._pending, self._timers, self._opens_at):
            held.clear()

    def join(self, wait_list: WaitList) -> None:
        """Note that a message waits in this list."""
        if wait_list.id not in self._lists:
            self._lists[wait_list.id] = wait_list
            self._of_gate.setdefault(wait_list.gate, {})[wait_list.id] = None

    def forget(self, id: GateId) -> None:
        """Note that a list is empty."""
        gate = self._lists.pop(id).gate
        of_gate = self._of_gate[gate]
        del of_gate[id]
        if not of_gate:
            del self._of_gate[gate]
            self._pending.pop(gate, None)
            self._opens_at.pop(gate, None)

    def are_at(self, gate: GateId) -> bool:
        return gate in self._of_gate

    def kind_of(self, gate: GateId) -> GateKind:
        return self._lists[next(iter(self._of_gate[gate]))].kind

    def project_of(self, gate: GateId) -> ProjectId:
        return self._lists[next(iter(self._of_gate[gate]))].project

    def count_of(self, gate: GateId) -> int:
        return len(self._of_gate.get(gate, ()))

    def serve(self, gate: GateId) -> WaitList:
        """The list of a gate whose turn it is; it goes to the end."""
        of_gate = self._of_gate[gate]
        id = next(iter(of_gate))
        if len(of_gate) > 1:
            del of_gate[id]
            of_gate[id] = None
        return self._lists[id]

    def opens(self, gate: GateId, at: UnixMs | None, *, now: UnixMs) -> None:
        """Note when a gate with lists opens by itself; `None` is never, or not known."""
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
