"""Open attempts by gate, kept beside the write connection and derived from its rows at every start.

Only the writer touches this. What is parked is in rows; here is only which gates have a backlog.
"""

from collections import Counter

import apsw

from relaypost.domain.gates import (
    Capacity,
    GateKind,
    allowance_after,
    crowding,
    gate_id,
    host_limit,
)
from relaypost.domain.types import GateId, ProjectId
from relaypost.store.sqlite.connection import select

ACTIVE = "SELECT project_id, host_gate FROM messages WHERE state = 1"
BACKLOGS = "SELECT DISTINCT parked_at, project_id FROM messages WHERE parked_at IS NOT NULL"
MAX_ALLOWANCES = 100_000


class OpenGates:
    """How many attempts are open at each gate, and which gates hold a backlog."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._open: Counter[GateId] = Counter()
        self._in_flight = 0
        self._crowded = 0
        self._allowances: dict[GateId, int] = {}
        self.backlogs: dict[GateId, GateKind] = {}

    def reload(self, connection: apsw.Connection) -> None:
        self._open.clear()
        self._in_flight = 0
        for project, host in select(connection, ACTIVE):
            self._take(gate_id(GateKind.PROJECT, project), host)
        self._crowded = crowding(self._in_flight, self._capacity)
        self.backlogs = {
            gate: GateKind.PROJECT if gate == gate_id(GateKind.PROJECT, project) else GateKind.HOST
            for gate, project in select(connection, BACKLOGS)
        }

    def admit(self, project: ProjectId, host: GateId) -> GateId | None:
        """Take a slot of each gate, or none: then the answer is the closed gate."""
        project_gate = gate_id(GateKind.PROJECT, project)
        limit = self._capacity.project
        if limit and self._open[project_gate] >= limit:
            return project_gate
        if self._open[host] >= self.limit_of(host):
            return host
        self._take(project_gate, host)
        return None

    def leave(self, project: ProjectId, host: GateId, *, reached: bool) -> list[GateId]:
        """Give the slots of an attempt back; answers the gates with a backlog to look at now."""
        project_gate = gate_id(GateKind.PROJECT, project)
        self._in_flight -= 1
        self._give_back(project_gate)
        self._give_back(host)
        self._learn(host, reached=reached)
        if self._in_flight_eased():
            return list(self.backlogs)
        return [gate for gate in (project_gate, host) if gate in self.backlogs]

    def park(self, project: ProjectId, gate: GateId) -> None:
        """Note that a message waits at a closed gate."""
        is_project = gate == gate_id(GateKind.PROJECT, project)
        self.backlogs[gate] = GateKind.PROJECT if is_project else GateKind.HOST

    def forget_backlog(self, gate: GateId) -> None:
        del self.backlogs[gate]

    def room(self, gate: GateId) -> int:
        """How many more attempts a gate with a backlog lets through."""
        if self.backlogs[gate] is GateKind.PROJECT:
            limit = self._capacity.project or self._capacity.node
        else:
            limit = self.limit_of(gate)
        return max(0, limit - self._open[gate])

    def limit_of(self, host: GateId) -> int:
        limit = host_limit(self._crowded, self._capacity)
        return min(limit, self._allowances.get(host, limit))

    def _take(self, project_gate: GateId, host: GateId) -> None:
        self._open[project_gate] += 1
        self._open[host] += 1
        self._in_flight += 1
        self._crowded = max(self._crowded, crowding(self._in_flight, self._capacity))

    def _give_back(self, gate: GateId) -> None:
        left = self._open[gate] - 1
        if left > 0:
            self._open[gate] = left
        else:
            del self._open[gate]

    def _in_flight_eased(self) -> bool:
        """Whether the node is a step less crowded than before, so that every host may hold more."""
        crowded = crowding(self._in_flight, self._capacity)
        eased = crowded < self._crowded
        self._crowded = crowded
        return eased

    def _learn(self, host: GateId, *, reached: bool) -> None:
        allowance = self._allowances.get(host)
        if reached and allowance is None:
            return
        now = allowance_after(
            allowance or self._capacity.host, reached=reached, capacity=self._capacity
        )
        if now >= self._capacity.host:
            self._allowances.pop(host, None)
            return
        if len(self._allowances) >= MAX_ALLOWANCES:
            self._allowances.clear()
        self._allowances[host] = now
