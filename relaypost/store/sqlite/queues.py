"""Queues: their rows, and beside the writer their places, derived from messages at every start.

A message that has no place is parked at its queue, due or not, in the order of its position.
"""

from dataclasses import dataclass, field

import apsw

from relaypost.domain.gates import GateKind, gate_id
from relaypost.domain.queues import DEFAULT_PARALLELISM, Queue
from relaypost.domain.types import GateId, MessageId, ProjectId, QueueId, UnixMs
from relaypost.store.sqlite.connection import select

LOAD = "SELECT id, project_id, name, parallelism, is_paused, is_deleted FROM queues"

PLACES = """
SELECT place_id, count(*) FROM messages
WHERE queue_id = ? AND place_id IS NOT NULL AND queue_id IS NOT NULL AND state <= 1
GROUP BY place_id
"""

ADD = """
INSERT INTO queues (project_id, name, parallelism, is_paused, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?) RETURNING id
"""

UPDATE = "UPDATE queues SET parallelism = ?, is_paused = ?, updated_at = ? WHERE id = ?"

DELETE = "UPDATE queues SET is_deleted = 1 WHERE id = ?"

FORGET = "DELETE FROM queues WHERE id = ?"

LIST = """
SELECT id, name, parallelism, is_paused, created_at, updated_at FROM queues
WHERE project_id = ? AND is_deleted = 0 ORDER BY name
"""

GET = """
SELECT id, name, parallelism, is_paused, created_at, updated_at FROM queues
WHERE project_id = ? AND name = ? AND is_deleted = 0
"""

LAG = """
SELECT count(*) FROM messages
WHERE queue_id = ? AND queue_id IS NOT NULL AND state <= 1
  AND (place_id IS NULL OR place_id = id)
"""

LIVE = """
SELECT id FROM messages
WHERE queue_id = ? AND queue_id IS NOT NULL AND state <= 1
  AND (place_id IS NULL OR place_id = id) AND cancel_requested = 0
LIMIT ?
"""


@dataclass(slots=True)
class OpenQueue:
    """A queue as the writer knows it."""

    id: QueueId
    project: ProjectId
    name: str
    parallelism: int
    is_paused: bool
    gate: GateId
    """Where messages wait that have no place."""
    in_hand_list: GateId
    """Where those that have one wait for the end of a pause."""
    places: dict[MessageId, int] = field(default_factory=dict)
    """How many messages hold each place: the one it was given to, and its callbacks."""
    head_due_at: UnixMs | None = None
    """A time before which none of those that wait for a place is due."""

    @property
    def free_places(self) -> int:
        return 0 if self.is_paused else max(0, self.parallelism - len(self.places))

    def opens_at(self) -> UnixMs | None:
        """When a place can be given to the first that waits, if nothing else happens."""
        return self.head_due_at if self.free_places else None

    def note_waiting(self, due_at: UnixMs) -> None:
        if self.head_due_at is None or due_at < self.head_due_at:
            self.head_due_at = due_at

    def hold(self, place: MessageId, count: int = 1) -> None:
        self.places[place] = self.places.get(place, 0) + count

    def give_up(self, place: MessageId) -> None:
        """One message less holds the place; with the last it is free."""
        left = self.places[place] - 1
        if left:
            self.places[place] = left
        else:
            del self.places[place]


class OpenQueues:
    """All queues, by id and by name; those that are deleted stay, paused, until they are empty."""

    def __init__(self) -> None:
        self._by_id: dict[QueueId, OpenQueue] = {}
        self._by_gate: dict[GateId, OpenQueue] = {}
        self._by_name: dict[ProjectId, dict[str, OpenQueue]] = {}
        self._deleted: dict[QueueId, None] = {}

    def reload(self, connection: apsw.Connection) -> None:
        for held in (self._by_id, self._by_gate, self._by_name, self._deleted):
            held.clear()
        for id, project, name, parallelism, is_paused, is_deleted in select(connection, LOAD):
            queue = _open(id, project, name, parallelism, bool(is_paused or is_deleted))
            queue.places = dict(select(connection, PLACES, (id,)))
            self._remember(queue, is_deleted=bool(is_deleted))

    def get(self, id: QueueId) -> OpenQueue | None:
        return self._by_id.get(id)

    def at(self, gate: GateId) -> OpenQueue:
        return self._by_gate[gate]

    def find(self, project: ProjectId, name: str) -> OpenQueue | None:
        of_project = self._by_name.get(project)
        return of_project.get(name) if of_project else None

    def names(self, project: ProjectId) -> set[str]:
        return set(self._by_name.get(project, ()))

    def add(
        self,
        connection: apsw.Connection,
        project: ProjectId,
        name: str,
        *,
        now: UnixMs,
        parallelism: int = DEFAULT_PARALLELISM,
        is_paused: bool = False,
    ) -> OpenQueue:
        values = (project, name, parallelism, is_paused, now, now)
        ((id,),) = select(connection, ADD, values)
        queue = _open(QueueId(id), project, name, parallelism, is_paused)
        self._remember(queue, is_deleted=False)
        return queue

    def change(
        self,
        connection: apsw.Connection,
        queue: OpenQueue,
        *,
        parallelism: int | None = None,
        is_paused: bool | None = None,
        now: UnixMs,
    ) -> None:
        """Set what is given; what changes nothing does not count as an update."""
        before = (queue.parallelism, queue.is_paused)
        if parallelism is not None:
            queue.parallelism = parallelism
        if is_paused is not None:
            queue.is_paused = is_paused
        if (queue.parallelism, queue.is_paused) != before:
            select(connection, UPDATE, (queue.parallelism, queue.is_paused, now, queue.id))

    def delete(self, connection: apsw.Connection, queue: OpenQueue) -> None:
        select(connection, DELETE, (queue.id,))
        del self._by_name[queue.project][queue.name]
        queue.is_paused = True
        self._deleted[queue.id] = None

    def next_deleted(self, named: tuple[ProjectId, str] | None) -> OpenQueue | None:
        for id in self._deleted:
            queue = self._by_id[id]
            if named is None or named == (queue.project, queue.name):
                return queue
        return None

    def forget(self, connection: apsw.Connection, id: QueueId) -> None:
        """Forget a deleted queue for good, when none of its messages waits any more."""
        select(connection, FORGET, (id,))
        queue = self._by_id.pop(id)
        del self._by_gate[queue.gate], self._deleted[id]

    def _remember(self, queue: OpenQueue, *, is_deleted: bool) -> None:
        self._by_id[queue.id] = queue
        self._by_gate[queue.gate] = queue
        if is_deleted:
            self._deleted[queue.id] = None
        else:
            self._by_name.setdefault(queue.project, {})[queue.name] = queue


def _open(
    id: QueueId, project: ProjectId, name: str, parallelism: int, is_paused: bool
) -> OpenQueue:
    return OpenQueue(
        id=id,
        project=project,
        name=name,
        parallelism=parallelism,
        is_paused=is_paused,
        gate=gate_id(GateKind.QUEUE, project, str(id)),
        in_hand_list=gate_id(GateKind.QUEUE, project, f"{id} in hand"),
    )


def list_queues(connection: apsw.Connection, project: ProjectId) -> list[Queue]:
    return [_queue(connection, row) for row in select(connection, LIST, (project,))]


def get_queue(connection: apsw.Connection, project: ProjectId, name: str) -> Queue | None:
    rows = select(connection, GET, (project, name))
    return _queue(connection, rows[0]) if rows else None


def _queue(connection: apsw.Connection, row: tuple[int, str, int, int, UnixMs, UnixMs]) -> Queue:
    id, name, parallelism, is_paused, created_at, updated_at = row
    return Queue(
        name=name,
        parallelism=parallelism,
        is_paused=bool(is_paused),
        created_at=created_at,
        updated_at=updated_at,
        lag=select(connection, LAG, (id,))[0][0],
    )
