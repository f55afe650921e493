"""The start of a waiting message: its attempt begins, or it is parked at a closed gate."""

from typing import NamedTuple

from relaypost.domain.messages import Message, State
from relaypost.domain.types import GateId, MessageId, ProjectId, QueueId, UnixMs
from relaypost.store.sqlite import envelopes
from relaypost.store.sqlite.arrivals import Arrivals
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.gates import NO_LEVEL, Ticket

COLUMNS = "project_id, id, host_gate, key_gate, queue_id, place_id, retried, due_at"
"""The values of `Waiting`."""

PARK = "UPDATE messages SET parked_at = ? WHERE project_id = ? AND id = ?"

PARK_WITH_PLACE = """
UPDATE messages SET parked_at = ?, place_id = id, due_at = ? WHERE project_id = ? AND id = ?
"""

ACTIVATE = """
UPDATE messages SET state = 1, parked_at = NULL, lease_id = ? WHERE project_id = ? AND id = ?
"""

ACTIVATE_WITH_PLACE = """
UPDATE messages SET state = 1, parked_at = NULL, lease_id = ?, place_id = id, due_at = ?
WHERE project_id = ? AND id = ?
"""

LOG_ACTIVE = "INSERT INTO log_entries (project_id, sequence, message_id, state) VALUES (?, ?, ?, 1)"

ENVELOPE = f"SELECT {envelopes.COLUMNS} FROM envelopes e WHERE e.id = ?"


class Waiting(NamedTuple):
    """A waiting message, as far as its gates are concerned."""

    project: ProjectId
    id: MessageId
    host: GateId
    key: GateId | None
    queue_id: QueueId | None
    place_id: MessageId | None
    retried: int
    due_at: UnixMs


def start(
    transaction: Transaction,
    row: Waiting,
    arrivals: Arrivals,
    *,
    came_from: int = NO_LEVEL,
    now: UnixMs,
) -> None:
    """Begin an attempt, for which there must be room, or park the message."""
    ticket = Ticket(*row[:6])
    closed = transaction.gates.admit(ticket, came_from=came_from, now=now)
    if closed is None:
        assert arrivals.room
        transaction.execute(ACTIVATE, (arrivals.room.lease, row.project, row.id))
        _begin(transaction, row, arrivals, row.due_at, now)
    else:
        transaction.execute(PARK, (closed, row.project, row.id))


def stand_in_line(transaction: Transaction, row: Waiting, *, now: UnixMs) -> None:
    """Park a message of a key with the others of its key, whether or not its gates are open."""
    wait_list = transaction.gates.stand_in_line(Ticket(*row[:6]), now)
    transaction.execute(PARK, (wait_list, row.project, row.id))


def start_with_place(
    transaction: Transaction, row: Waiting, arrivals: Arrivals, *, now: UnixMs
) -> None:
    """The same for a message that has just got its place: only now it is ready (section 4.1)."""
    ticket = Ticket(row.project, row.id, row.host, row.key, row.queue_id, row.id)
    closed = transaction.gates.admit(ticket, now=now)
    if closed is None:
        assert arrivals.room
        values = (arrivals.room.lease, now, row.project, row.id)
        transaction.execute(ACTIVATE_WITH_PLACE, values)
        _begin(transaction, row, arrivals, now, now)
    else:
        transaction.execute(PARK_WITH_PLACE, (closed, now, row.project, row.id))


def _begin(
    transaction: Transaction, row: Waiting, arrivals: Arrivals, due_at: UnixMs, now: UnixMs
) -> None:
    transaction.execute(LOG_ACTIVE, (row.project, transaction.take_sequence(now), row.id))
    ((not_before, *envelope),) = transaction.rows(ENVELOPE, (row.id,))
    message = Message(
        id=row.id,
        project_id=row.project,
        envelope=envelopes.from_row(tuple(envelope)),
        state=State.ACTIVE,
        not_before=not_before,
        due_at=due_at,
        retried=row.retried,
    )
    assert arrivals.room
    arrivals.room.take(message.envelope.body)
    arrivals.claimed.append(message)
