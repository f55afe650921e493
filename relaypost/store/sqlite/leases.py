"""Leases: a node holds what it claimed by one row that it renews, not by one for each message."""

from relaypost.domain.messages import State
from relaypost.domain.types import LeaseId, UnixMs
from relaypost.store.base import Rescued
from relaypost.store.sqlite.arrivals import Arrivals
from relaypost.store.sqlite.database import Transaction

TAKE = "INSERT INTO leases (until) VALUES (?) RETURNING id"

RENEW = "UPDATE leases SET until = ? WHERE id = ? RETURNING id"

FORGET_EXPIRED = "DELETE FROM leases WHERE until <= ? RETURNING id"

LOST = """
SELECT project_id, id, due_at, cancel_requested FROM messages
WHERE state = 1 AND lease_id NOT IN (SELECT id FROM leases) LIMIT ?
"""

GIVE_BACK = "UPDATE messages SET state = 0, lease_id = NULL WHERE project_id = ? AND id = ?"

CANCEL = """
UPDATE messages SET state = ?, lease_id = NULL, ended = ? WHERE project_id = ? AND id = ?
"""


def take(transaction: Transaction, *, until: UnixMs) -> LeaseId:
    lease = LeaseId(transaction.rows(TAKE, (until,))[0][0])
    transaction.leases.add(lease)
    return lease


def renew(transaction: Transaction, lease: LeaseId, *, until: UnixMs) -> bool:
    """A lease that has run out can still be renewed while no rescue has come by."""
    return bool(transaction.rows(RENEW, (until, lease)))


def rescue(transaction: Transaction, limit: int, *, now: UnixMs) -> Rescued:
    """Rules 10 and 11: an attempt that was cut off is not counted and writes no entry.

    The message keeps its due time, and so its place before those that came later.
    """
    transaction.leases.difference_update(id for (id,) in transaction.rows(FORGET_EXPIRED, (now,)))
    arrivals, gates = Arrivals(None), transaction.gates
    rows = transaction.rows(LOST, (limit,))
    for project, id, due_at, cancel_requested in rows:
        ticket = gates.leave(id, reached=None, now=now)
        if cancel_requested:
            ended = transaction.take_sequence(now)
            transaction.execute(CANCEL, (int(State.CANCELED), ended, project, id))
            gates.give_up_place(ticket, now)
        else:
            transaction.execute(GIVE_BACK, (project, id))
            arrivals.note_due(due_at)
    return Rescued(len(rows), arrivals.next_due_at(transaction, now))
