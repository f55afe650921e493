"""Leases: a node holds what it claimed by one row that it renews, not by one for each message."""

from relaypost.domain.messages import State
from relaypost.domain.types import LeaseId, UnixMs
from relaypost.store.sqlite import messages
from relaypost.store.sqlite.database import Transaction

TAKE = "INSERT INTO leases (until) VALUES (?) RETURNING id"

RENEW = "UPDATE leases SET until = ? WHERE id = ? AND until > ? RETURNING id"

FORGET_EXPIRED = "DELETE FROM leases WHERE until <= ?"

LOST = """
SELECT project_id, id, host_gate, cancel_requested FROM messages
WHERE state = 1 AND lease_id NOT IN (SELECT id FROM leases) LIMIT ?
"""

GIVE_BACK = "UPDATE messages SET state = 0, lease_id = NULL WHERE project_id = ? AND id = ?"

CANCEL = """
UPDATE messages SET state = ?, lease_id = NULL, ended = ? WHERE project_id = ? AND id = ?
"""


def take(transaction: Transaction, *, until: UnixMs) -> LeaseId:
    return LeaseId(transaction.rows(TAKE, (until,))[0][0])


def renew(transaction: Transaction, lease: LeaseId, *, until: UnixMs, now: UnixMs) -> bool:
    return bool(transaction.rows(RENEW, (until, lease, now)))


def rescue(transaction: Transaction, limit: int, *, now: UnixMs) -> int:
    """Rules 10 and 11: an attempt that was cut off is not counted and writes no entry.

    The message keeps its due time, and so its place before those that came later.
    """
    transaction.execute(FORGET_EXPIRED, (now,))
    rows = transaction.rows(LOST, (limit,))
    for project, id, host, cancel_requested in rows:
        if cancel_requested:
            ended = transaction.take_sequence(now)
            transaction.execute(CANCEL, (int(State.CANCELED), ended, project, id))
        else:
            transaction.execute(GIVE_BACK, (project, id))
        transaction.gates.leave(project, host, reached=True)
    for gate in list(transaction.gates.backlogs):
        messages.release(transaction, gate, messages.Arrivals(None), now)
    return len(rows)
