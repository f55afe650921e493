"""Retention: forget what has expired, a bounded number of rows in each transaction."""

from relaypost.domain.retention import Horizon
from relaypost.domain.sequences import sequence
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.store.sqlite import dead_letters, schedule_rows
from relaypost.store.sqlite.database import Transaction

PROJECTS = "SELECT id FROM projects"

ENDED = """
SELECT m.id, m.state, e.schedule_id FROM messages m LEFT JOIN envelopes e ON e.id = m.id
WHERE m.project_id = ? AND m.ended IS NOT NULL AND m.ended < ?
ORDER BY m.ended LIMIT ?
"""

FORGET_MESSAGE = "DELETE FROM messages WHERE project_id = ? AND id = ?"

FORGET_ENTRIES_OF = "DELETE FROM log_entries WHERE message_id = ?"

FORGET_ENVELOPE = """
DELETE FROM envelopes WHERE id = ?
AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE message_id = envelopes.id)
"""

OLD_ENTRIES = """
SELECT sequence FROM log_entries WHERE project_id = ? AND sequence < ? ORDER BY sequence LIMIT ?
"""

FORGET_ENTRY = "DELETE FROM log_entries WHERE project_id = ? AND sequence = ?"

OLD_DEAD_LETTERS = """
SELECT id FROM dead_letters WHERE project_id = ? AND id < ? ORDER BY id LIMIT ?
"""

OLD_DEDUPLICATIONS = """
SELECT project_id, key FROM deduplications WHERE expires_at <= ? ORDER BY expires_at LIMIT ?
"""

FORGET_DEDUPLICATION = "DELETE FROM deduplications WHERE project_id = ? AND key = ?"


def ping(transaction: Transaction) -> None:
    """Write a page as it is: only this tells whether the disk takes one."""
    ((version,),) = transaction.rows("PRAGMA user_version")
    transaction.execute(f"PRAGMA user_version = {version}")


def prune(transaction: Transaction, limit: int, *, horizon: Horizon) -> int:
    pruned = _prune_deduplications(transaction, limit, horizon)
    pruned += transaction.gates.keys.prune(limit, before=horizon.keys_before, now=horizon.now)
    for (project,) in transaction.rows(PROJECTS):
        pruned += _prune_messages(transaction, limit, project, horizon)
        pruned += _prune_entries(transaction, limit, project, horizon)
        pruned += _prune_dead_letters(transaction, limit, project, horizon)
        if pruned >= limit:
            break
    return pruned


def _prune_messages(
    transaction: Transaction, limit: int, project: ProjectId, horizon: Horizon
) -> int:
    """The terminal entry is the last one of a message: with it the whole message has expired."""
    before = sequence(horizon.logs_before)
    rows = transaction.rows(ENDED, (project, before, limit))
    for id, state, schedule in rows:
        if schedule is not None:
            schedule_rows.leave_state(transaction, project, schedule, id, state)
        transaction.execute(FORGET_ENTRIES_OF, (id,))
        transaction.execute(FORGET_MESSAGE, (project, id))
        transaction.execute(FORGET_ENVELOPE, (id,))
    return len(rows)


def _prune_entries(
    transaction: Transaction, limit: int, project: ProjectId, horizon: Horizon
) -> int:
    """Entries of messages that still live."""
    before = sequence(horizon.logs_before)
    rows = transaction.rows(OLD_ENTRIES, (project, before, limit))
    for (number,) in rows:
        transaction.execute(FORGET_ENTRY, (project, number))
    return len(rows)


def _prune_dead_letters(
    transaction: Transaction, limit: int, project: ProjectId, horizon: Horizon
) -> int:
    before = sequence(horizon.dead_letters_before)
    rows = transaction.rows(OLD_DEAD_LETTERS, (project, before, limit))
    for (id,) in rows:
        dead_letters.take(transaction, project, id, since=UnixMs(0))
    return len(rows)


def _prune_deduplications(transaction: Transaction, limit: int, horizon: Horizon) -> int:
    rows = transaction.rows(OLD_DEDUPLICATIONS, (horizon.now, limit))
    for project, key in rows:
        transaction.execute(FORGET_DEDUPLICATION, (project, key))
    return len(rows)
