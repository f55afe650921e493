"""Forgetting what removed projects owned, a bounded number of rows in each transaction.

A removed project has no token, and its gate stays closed until nothing of it is left.
"""

from relaypost.domain.messages import State
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.store.sqlite.database import Transaction

REMOVED = "SELECT id FROM projects WHERE is_removed = 1 ORDER BY id LIMIT 1"

MESSAGES = "SELECT id, state FROM messages WHERE project_id = ? LIMIT ?"

FORGET_MESSAGE = "DELETE FROM messages WHERE project_id = ? AND id = ?"

DEAD_LETTERS = "SELECT id, message_id FROM dead_letters WHERE project_id = ? LIMIT ?"

FORGET_DEAD_LETTER = "DELETE FROM dead_letters WHERE project_id = ? AND id = ?"

FORGET_ENVELOPE = "DELETE FROM envelopes WHERE id = ?"

SCHEDULES = "schedules"

OTHERS = {
    SCHEDULES: "number",
    "log_entries": "sequence",
    "deduplications": "key",
    "queues": "id",
    "url_groups": "name",
    "flow_control_keys": "key",
    "tokens": "digest",
    "project_limits": "name",
    "daily_messages": "day",
}
"""All other tables with rows of projects, and the column that tells those of one apart."""

FORGET_PROJECT = "DELETE FROM projects WHERE id = ?"


def forget_removed(transaction: Transaction, limit: int, *, now: UnixMs) -> int:
    """First what makes messages, then these: an attempt that still ends finds nothing to settle."""
    for (project,) in transaction.rows(REMOVED):
        forgotten = _forget_some(transaction, limit, project, SCHEDULES)
        forgotten = forgotten or _forget_messages(transaction, limit, project, now)
        forgotten = forgotten or _forget_dead_letters(transaction, limit, project)
        forgotten = forgotten or _forget_others(transaction, limit, project)
        return forgotten or _forget_project(transaction, limit, project)
    return 0


def _forget_messages(transaction: Transaction, limit: int, project: ProjectId, now: UnixMs) -> int:
    rows = transaction.rows(MESSAGES, (project, limit))
    for id, state in rows:
        if state == State.ACTIVE:
            transaction.gates.leave(id, reached=None, now=now)
        transaction.execute(FORGET_ENVELOPE, (id,))
        transaction.execute(FORGET_MESSAGE, (project, id))
    return len(rows)


def _forget_dead_letters(transaction: Transaction, limit: int, project: ProjectId) -> int:
    rows = transaction.rows(DEAD_LETTERS, (project, limit))
    for id, message_id in rows:
        transaction.execute(FORGET_ENVELOPE, (message_id,))
        transaction.execute(FORGET_DEAD_LETTER, (project, id))
    return len(rows)


def _forget_others(transaction: Transaction, limit: int, project: ProjectId) -> int:
    for table in OTHERS:
        if forgotten := _forget_some(transaction, limit, project, table):
            return forgotten
    return 0


def _forget_some(transaction: Transaction, limit: int, project: ProjectId, table: str) -> int:
    column = OTHERS[table]
    some = f"SELECT {column} FROM {table} WHERE project_id = ? LIMIT ?"
    transaction.execute(
        f"DELETE FROM {table} WHERE project_id = ? AND {column} IN ({some})",
        (project, project, limit),
    )
    return transaction.changes()


def _forget_project(transaction: Transaction, limit: int, project: ProjectId) -> int:
    """What is kept beside the rows may still have to be written, and is to be forgotten too."""
    transaction.complete()
    if forgotten := _forget_others(transaction, limit, project):
        return forgotten
    transaction.execute(FORGET_PROJECT, (project,))
    transaction.reload()
    return 1
