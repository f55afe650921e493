"""Gates under any traffic: what is counted is what is open, and no limit is exceeded."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from relaypost.domain.gates import Capacity, GateKind, host_gate, host_limit, project_gate
from relaypost.domain.types import MessageId, ProjectId, UnixMs
from relaypost.store.sqlite.connection import open_writer
from relaypost.store.sqlite.gates import OpenGates, Ticket

CAPACITY = Capacity(node=24, project=10, host=6)
PROJECTS = st.sampled_from([ProjectId(1), ProjectId(2), ProjectId(3)])
HOSTS = st.sampled_from(["a", "b", "c"])
NOW = UnixMs(1)


class Traffic(RuleBasedStateMachine):
    """Attempts begin and end in any order; `open` says which are open."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = OpenGates(open_writer(None), CAPACITY)
        self.gates.reload()
        self.open: dict[MessageId, tuple[ProjectId, str]] = {}
        self.last = MessageId(0)

    @rule(project=PROJECTS, host=HOSTS)
    def begin(self, project: ProjectId, host: str) -> None:
        self.last = MessageId(self.last + 1)
        of_host = host_gate(project, host)
        closed = self.gates.admit(Ticket(project, self.last, of_host), now=NOW)
        if closed is None:
            self.open[self.last] = (project, host)
        else:
            assert closed in {project_gate(project), of_host}
            assert closed in self.gates.lists

    @precondition(lambda self: self.open)
    @rule(data=st.data(), reached=st.sampled_from([True, False, None]))
    def end(self, data: st.DataObject, reached: bool | None) -> None:
        id = data.draw(st.sampled_from(sorted(self.open)))
        project, host = self.open.pop(id)
        ticket = self.gates.leave(id, reached=reached, now=NOW)
        assert ticket == Ticket(project, id, host_gate(project, host))

    @rule()
    def serve(self) -> None:
        """Look at all gates that are pending: whoever waited at an open one has gone.

        One may have closed again since: a host gets less when the node fills.
        """
        while (gate := self.gates.lists.take_pending()) is not None:
            while self.gates.lists.are_at(gate) and self.gates.room(gate, NOW):
                for found in tuple(self.gates.lists.serve(gate).lists):
                    self.gates.lists.forget(found)

    @invariant()
    def what_is_open_and_holds_a_list_is_pending(self) -> None:
        for line in self.gates.lists.lines():
            gate, kind = line.stand
            if self.gates.room(gate, NOW) and kind is not GateKind.QUEUE:
                assert gate in self.gates.lists._pending

    @invariant()
    def counts_are_of_open_attempts(self) -> None:
        counted: dict[int, int] = {}
        for project, host in self.open.values():
            for gate in (project_gate(project), host_gate(project, host)):
                counted[gate] = counted.get(gate, 0) + 1
        assert self.gates._open == counted

    @invariant()
    def limits_hold(self) -> None:
        for project in (1, 2, 3):
            of_project = [one for one in self.open.values() if one[0] == project]
            assert len(of_project) <= CAPACITY.project
            for host in "abc":
                assert sum(one[1] == host for one in of_project) <= CAPACITY.host

    @invariant()
    def every_host_has_room_for_one(self) -> None:
        for project in (1, 2, 3):
            for host in "abc":
                limit = self.gates._hosts.limit_of(host_gate(ProjectId(project), host))
                assert 1 <= limit <= host_limit(0, CAPACITY)


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
