"""Open attempts by gate, kept beside the write connection and derived from its rows at every start.

Only the writer touches this. What is parked is in rows; here is only which gates have a backlog.
"""

import apsw

from relaypost.domain.gates import (
    Capacity,
    GateKind,
    allowance_after,
    crowding,
    host_limit,
    next_step,
    project_gate,
)
from relaypost.domain.types import GateId, MessageId, ProjectId
from relaypost.store.sqlite.connection import select

ACTIVE = "SELECT project_id, id, host_gate FROM messages WHERE state = 1"

BACKLOGS = """
WITH RECURSIVE gates (gate) AS (
    SELECT min(parked_at) FROM messages WHERE parked_at IS NOT NULL
    UNION ALL
    SELECT (SELECT min(parked_at) FROM messages WHERE parked_at > gate)
    FROM gates WHERE gate IS NOT NULL
)
SELECT gate FROM gates WHERE gate IS NOT NULL
"""
"""Goes from gate to gate, however many messages are parked at each."""

PROJECTS = "SELECT id, is_removed FROM projects"

MAX_ALLOWANCES = 100_000


class OpenGates:
    """How many attempts are open at each gate, and which gates hold a backlog."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._project_limit = capacity.project or capacity.node
        self._hosts: dict[MessageId, GateId] = {}
        """The host's gate of each open attempt."""
        self._open: dict[GateId, int] = {}
        self._crowd(0)
        self._allowances: dict[GateId, int] = {}
        self.backlogs: dict[GateId, GateKind] = {}
        self._removed: set[GateId] = set()
        """Gates of projects that are being forgotten: nothing passes them."""

    def reload(self, connection: apsw.Connection) -> None:
        self._hosts.clear()
        self._open.clear()
        self._crowd(0)
        for project, id, host in select(connection, ACTIVE):
            self._take(id, project_gate(project), host)
        projects = {project_gate(id): removed for id, removed in select(connection, PROJECTS)}
        self._removed = {gate for gate, removed in projects.items() if removed}
        self.backlogs = {
            gate: GateKind.PROJECT if gate in projects else GateKind.HOST
            for (gate,) in select(connection, BACKLOGS)
        }

    def admit(self, project: ProjectId, id: MessageId, host: GateId) -> GateId | None:
        """Take a slot of each gate, or none: then the answer is the closed gate."""
        of_project = project_gate(project)
        open_attempts = self._open
        if self._removed and of_project in self._removed:
            return of_project
        if self._capacity.project and open_attempts.get(of_project, 0) >= self._project_limit:
            return of_project
        if open_attempts.get(host, 0) >= self.limit_of(host):
            return host
        self._take(id, of_project, host)
        return None

    def close(self, project: ProjectId) -> None:
        """Let nothing of a project pass any more."""
        self._removed.add(project_gate(project))

    def leave(
        self, project: ProjectId, id: MessageId, *, reached: bool | None
    ) -> tuple[GateId, ...]:
        """Give the slots of an attempt back; answers the gates with a backlog to look at now.

        `reached` is `None` when it is not known whether the destination answers.
        """
        of_project, host = project_gate(project), self._hosts.pop(id)
        self._give_back(of_project)
        self._give_back(host)
        if reached is not None and (self._allowances or not reached):
            self._learn(host, reached=reached)
        if self._crowded and self._has_eased():
            return tuple(self.backlogs)
        if not self.backlogs:
            return ()
        return tuple(gate for gate in (of_project, host) if gate in self.backlogs)

    def park(self, project: ProjectId, gate: GateId) -> None:
        """Note that a message waits at a closed gate."""
        is_project = gate == project_gate(project)
        self.backlogs[gate] = GateKind.PROJECT if is_project else GateKind.HOST

    def forget_backlog(self, gate: GateId) -> None:
        del self.backlogs[gate]

    def stranded(self) -> list[GateId]:
        """Gates with a backlog and no open attempt: none will end there and let the others go."""
        return [gate for gate in self.backlogs if gate not in self._open]

    def room(self, gate: GateId) -> int:
        """How many more attempts a gate with a backlog lets through."""
        if gate in self._removed:
            return 0
        is_project = self.backlogs[gate] is GateKind.PROJECT
        limit = self._project_limit if is_project else self.limit_of(gate)
        return max(0, limit - self._open.get(gate, 0))

    def limit_of(self, host: GateId) -> int:
        allowance = self._allowances.get(host)
        return self._host_limit if allowance is None else min(self._host_limit, allowance)

    def _take(self, id: MessageId, of_project: GateId, host: GateId) -> None:
        open_attempts = self._open
        open_attempts[of_project] = open_attempts.get(of_project, 0) + 1
        open_attempts[host] = open_attempts.get(host, 0) + 1
        self._hosts[id] = host
        if len(self._hosts) >= self._next_step:
            self._crowd(crowding(len(self._hosts), self._capacity))

    def _give_back(self, gate: GateId) -> None:
        left = self._open[gate] - 1
        if left:
            self._open[gate] = left
        else:
            del self._open[gate]

    def _has_eased(self) -> bool:
        """Whether the node is a step less crowded than before, so that every host may hold more."""
        crowded = crowding(len(self._hosts), self._capacity, was=self._crowded)
        if crowded >= self._crowded:
            return False
        self._crowd(crowded)
        return True

    def _crowd(self, crowded: int) -> None:
        self._crowded = crowded
        self._next_step = next_step(crowded, self._capacity)
        self._host_limit = host_limit(crowded, self._capacity)

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
