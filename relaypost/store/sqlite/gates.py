"""Open attempts by gate, kept beside the write connection and derived from its rows at every start.

    place of the queue -> key -> project -> host

is the order in which a message meets its gates. Only the writer touches this.
"""

from typing import NamedTuple

import apsw

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.gates import Capacity, GateKind, project_gate, wait_list
from relaypost.domain.types import GateId, MessageId, ProjectId, QueueId, UnixMs
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.flow_control_keys import OpenKeys
from relaypost.store.sqlite.hosts import HostLimits
from relaypost.store.sqlite.queues import OpenQueue, OpenQueues
from relaypost.store.sqlite.wait_lists import Stand, WaitList, WaitLists

TICKET = "project_id, id, host_gate, key_gate, queue_id, place_id"

ACTIVE = f"SELECT {TICKET} FROM messages WHERE state = 1"

LISTS = """
WITH RECURSIVE lists (list) AS (
    SELECT min(parked_at) FROM messages WHERE parked_at IS NOT NULL
    UNION ALL
    SELECT (SELECT min(parked_at) FROM messages WHERE parked_at > list)
    FROM lists WHERE list IS NOT NULL
)
SELECT list FROM lists WHERE list IS NOT NULL
"""
"""Goes from list to list, however many messages are parked in each."""

HEAD = f"""
SELECT due_at, {TICKET} FROM messages WHERE parked_at = ? ORDER BY due_at, id LIMIT 1
"""

REMOVED = "SELECT id FROM projects WHERE is_removed = 1"

NO_LIMIT = 2**31 - 1
LONG_AGO = UnixMs(0)

NO_LEVEL, AFTER_PROJECT, AFTER_HOST = range(3)
"""Where a message comes from: at gates before that, those that wait there are not before it."""


class Ticket(NamedTuple):
    """What a message asks for at its gates, and holds while its attempt is open."""

    project: ProjectId
    id: MessageId
    host: GateId
    key: GateId | None = None
    queue_id: QueueId | None = None
    place_id: MessageId | None = None
    """The place in which it works: its own, or that of the message on which it reports."""

    @property
    def is_queued(self) -> bool:
        """Whether it is a message of a queue, not a callback that holds a place of one."""
        return self.queue_id is not None and self.place_id in (None, self.id)


def main_line(project: ProjectId, key: GateId | None) -> GateId:
    """The line of all messages of a key, or of a project's without one, that no host holds up."""
    return project_gate(project) if key is None else key


class OpenGates:
    """How many attempts are open at each gate, and which gates hold wait lists."""

    def __init__(self, connection: apsw.Connection, capacity: Capacity) -> None:
        self._connection = connection
        self._project_limit = capacity.project
        self._open: dict[GateId, int] = {}
        """Of projects and hosts."""
        self._tickets: dict[MessageId, Ticket] = {}
        self._hosts = HostLimits(capacity)
        self.keys = OpenKeys(connection)
        self.queues = OpenQueues()
        self.lists = WaitLists()
        self._removed: set[ProjectId] = set()
        """Projects that are being forgotten: nothing of them passes any gate."""
        self._turn = False

    def reload(self) -> None:
        """Derive all from the rows; every gate with a list is to be looked at."""
        self._open.clear()
        self._tickets.clear()
        self._hosts.reset()
        self.keys.clear()
        self.queues.reload(self._connection)
        self.lists.clear()
        self._removed = {id for (id,) in select(self._connection, REMOVED)}
        for row in select(self._connection, ACTIVE):
            self._hold(Ticket(*row))
        for (id,) in select(self._connection, LISTS):
            due_at, *row = select(self._connection, HEAD, (id,))[0]
            self._join(id, Ticket(*row), due_at)
        for line in self.lists.lines():
            self.lists.opens(line.stand.gate, LONG_AGO, now=LONG_AGO)

    def configure(self, project: ProjectId, by: FlowControl, now: UnixMs) -> GateId:
        """Have a message that is accepted set the pace of its key; answers the key's gate."""
        gate = self.keys.configure(project, by, now=now).gate
        self.look_at(gate, now)
        return gate

    def save(self) -> None:
        """Write what has changed of keys."""
        self.keys.save()
        self.keys.shrink(lambda gate: self.lists.line(gate) is None)

    def admit(self, ticket: Ticket, *, came_from: int = NO_LEVEL, now: UnixMs) -> GateId | None:
        """Take a slot of each gate, or none: then the answer is the wait list to be parked in."""
        project, host, key = ticket.project, ticket.host, ticket.key
        if ticket.queue_id is not None and (paused := self._paused_queue(ticket)) is not None:
            return paused.in_hand_list
        main = main_line(project, key)
        others = self.lists.line(main) if came_from < AFTER_PROJECT else None
        closed = self.closed_gate(project, key, now) if others is None else others.stand
        if closed is not None:
            return self._wait(WaitList(main, project, key), main, closed, now)
        at_host = wait_list(host, key)
        minds_others = came_from < AFTER_HOST and self.lists.line(at_host) is not None
        if minds_others or self._open.get(host, 0) >= self._hosts.limit_of(host):
            id = WaitList(at_host, project, key, host)
            return self._wait(id, at_host, Stand(host, GateKind.HOST), now)
        if key is not None:
            self.keys.start(key, now=now)
        self._take(ticket)
        return None

    def stand_in_line(self, ticket: Ticket, now: UnixMs) -> GateId:
        """The wait list of a message of a key that must not pass others of its key, open or not."""
        project, key = ticket.project, ticket.key
        assert key is not None
        if (others := self.lists.line(key)) is not None:
            stand = others.stand
        else:
            stand = self.closed_gate(project, key, now) or Stand(key, GateKind.KEY)
        return self._wait(WaitList(key, project, key), key, stand, now)

    def close(self, project: ProjectId, now: UnixMs) -> None:
        """Let nothing of a project pass any more."""
        self._removed.add(project)
        for line in self.lists.lines():
            if line.project == project:
                self.look_at(line.stand.gate, now)

    def leave(self, id: MessageId, *, reached: bool | None, now: UnixMs) -> Ticket:
        """Give the slots of an attempt back; its place is another matter.

        `reached` is `None` when it is not known whether the destination answers.
        """
        ticket = self._tickets.pop(id)
        of_project, host = project_gate(ticket.project), ticket.host
        if ticket.key is not None:
            self.keys.at(ticket.key).open -= 1
        self._give_back(of_project)
        self._give_back(host)
        if reached is not None:
            self._hosts.learn(host, reached=reached)
        has_eased = self._hosts.ease(len(self._tickets))
        if self.lists.are_any:
            if has_eased:
                for line in self.lists.lines():
                    if line.stand.kind is GateKind.HOST:
                        self.look_at(line.stand.gate, now)
            self._look_at_all(host, ticket.key, of_project, now)
        return ticket

    def take_place(self, queue: OpenQueue, id: MessageId, due_at: UnixMs) -> bool:
        """Give a message that is due a place, unless others stand before it."""
        if not queue.free_places or (queue.head_due_at is not None and queue.head_due_at <= due_at):
            return False
        queue.hold(id)
        return True

    def wait_for_place(self, queue: OpenQueue, due_at: UnixMs, now: UnixMs) -> GateId:
        """The wait list of a message that has no place, due or not."""
        queue.note_waiting(due_at)
        gate = queue.gate
        return self._wait(WaitList(gate, queue.project), gate, Stand(gate, GateKind.QUEUE), now)

    def hold_place(self, ticket: Ticket, count: int) -> None:
        """Have a place held by so many messages more."""
        queue = self._queue_of(ticket)
        if queue is not None and ticket.place_id is not None:
            queue.hold(ticket.place_id, count)

    def give_up_place(self, ticket: Ticket, now: UnixMs) -> None:
        """Note that a message has ended which may have held a place."""
        queue = self._queue_of(ticket)
        if queue is not None and ticket.place_id is not None:
            queue.give_up(ticket.place_id)
            self.look_at(queue.gate, now)

    def forget_queue(self, queue: OpenQueue) -> None:
        """Forget a deleted queue, of which nothing waits any more."""
        if queue.gate in self.lists:
            self.lists.forget(queue.gate)
        self.queues.forget(self._connection, queue.id)

    def share(self, room: int) -> int:
        """Half of the room; of one slot, all or nothing by turns."""
        self._turn = not self._turn
        return (room + self._turn) // 2

    def look_at(self, gate: GateId, now: UnixMs) -> None:
        """Find out when a gate opens; whatever may open it sooner than it was must call this."""
        if self.lists.are_at(gate):
            self.lists.opens(gate, self._opens_at(gate, now), now=now)

    def room(self, gate: GateId, now: UnixMs) -> int:
        """How many more attempts a gate with a list lets through."""
        if self._is_removed(gate):
            return 0
        match self.lists.line_at(gate).stand.kind:
            case GateKind.QUEUE:
                return self.queues.at(gate).free_places
            case GateKind.KEY:
                return self.keys.room(gate, now=now)
            case GateKind.PROJECT:
                return self.room_in_project(gate)
            case GateKind.HOST:
                return self.room_at_host(gate)

    def room_in_project(self, gate: GateId) -> int:
        return max(0, (self._project_limit or NO_LIMIT) - self._open.get(gate, 0))

    def room_at_host(self, gate: GateId) -> int:
        return max(0, self._hosts.limit_of(gate) - self._open.get(gate, 0))

    def closed_gate(self, project: ProjectId, key: GateId | None, now: UnixMs) -> Stand | None:
        """The first closed one of the gates before that of a host."""
        if key is not None and not self.keys.room(key, now=now):
            return Stand(key, GateKind.KEY)
        of_project, limit = project_gate(project), self._project_limit
        is_full = limit and self._open.get(of_project, 0) >= limit
        if is_full or (self._removed and project in self._removed):
            return Stand(of_project, GateKind.PROJECT)
        return None

    def _is_removed(self, gate: GateId) -> bool:
        return bool(self._removed) and self.lists.line_at(gate).project in self._removed

    def _opens_at(self, gate: GateId, now: UnixMs) -> UnixMs | None:
        if self._is_removed(gate):
            return None
        kind = self.lists.line_at(gate).stand.kind
        if kind is GateKind.QUEUE:
            return self.queues.at(gate).opens_at()
        if kind is GateKind.KEY:
            return self.keys.opens_at(gate, now=now)
        return now if self.room(gate, now) else None

    def _paused_queue(self, ticket: Ticket) -> OpenQueue | None:
        if not ticket.is_queued:
            return None
        queue = self._queue_of(ticket)
        return queue if queue is not None and queue.is_paused else None

    def _look_at_all(
        self, host: GateId, key: GateId | None, of_project: GateId, now: UnixMs
    ) -> None:
        """Lines of a host that opens join that of their key before it goes on: the oldest first."""
        was_open = self.lists.is_open(host)
        self.look_at(host, now)
        opens = self.lists.is_open(host) and not was_open
        for gate in (of_project,) if key is None else (key, of_project):
            if opens:
                self.lists.postpone(gate)
            self.look_at(gate, now)

    def _queue_of(self, ticket: Ticket) -> OpenQueue | None:
        return None if ticket.queue_id is None else self.queues.get(ticket.queue_id)

    def _wait(self, found: WaitList, line: GateId, stand: Stand, now: UnixMs) -> GateId:
        self.lists.join(found, line, stand)
        self.look_at(stand.gate, now)
        return found.id

    def _join(self, id: GateId, ticket: Ticket, due_at: UnixMs) -> None:
        """Note a list that was found with this message at its head."""
        queue = self._queue_of(ticket) if ticket.is_queued else None
        if queue is not None and id == queue.gate:
            queue.note_waiting(due_at)
            self.lists.join(WaitList(id, ticket.project), id, Stand(id, GateKind.QUEUE))
        elif queue is None or id != queue.in_hand_list:
            self._join_main(id, ticket)

    def _join_main(self, id: GateId, ticket: Ticket) -> None:
        """Whatever holds it up will be found when it is served."""
        key, main = ticket.key, main_line(ticket.project, ticket.key)
        stand = Stand(main, GateKind.PROJECT if key is None else GateKind.KEY)
        host = None if id == main else ticket.host
        self.lists.join(WaitList(id, ticket.project, key, host), main, stand)

    def _hold(self, ticket: Ticket) -> None:
        """Count an attempt that was found open."""
        if ticket.key is not None:
            self.keys.at(ticket.key).open += 1
        self._take(ticket)

    def _take(self, ticket: Ticket) -> None:
        open_attempts, of_project, host = self._open, project_gate(ticket.project), ticket.host
        open_attempts[of_project] = open_attempts.get(of_project, 0) + 1
        open_attempts[host] = open_attempts.get(host, 0) + 1
        self._tickets[ticket.id] = ticket
        self._hosts.fill(len(self._tickets))

    def _give_back(self, gate: GateId) -> None:
        left = self._open[gate] - 1
        if left:
            self._open[gate] = left
        else:
            del self._open[gate]
