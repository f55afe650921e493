"""Cancelling messages: which ones, and each of them (rules 6 and 7 of section 3.15)."""

from collections.abc import Sequence as Items

import apsw

from relaypost.domain.filters import Filter
from relaypost.domain.lifecycle import TERMINAL
from relaypost.domain.logs import LogState, NewLogEntry
from relaypost.domain.messages import State
from relaypost.domain.types import MessageId, ProjectId, UnixMs
from relaypost.store.base import Canceled, Changed
from relaypost.store.sqlite import queues, settlements
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.filters import on_envelopes
from relaypost.store.sqlite.gates import TICKET, Ticket
from relaypost.store.sqlite.windows import span_of_dates

LIVE = """
SELECT m.id FROM (
    SELECT project_id, id FROM messages INDEXED BY messages_due
    WHERE state = 0 AND parked_at IS NULL
    UNION ALL SELECT project_id, id FROM messages INDEXED BY messages_parked
    WHERE parked_at IS NOT NULL
    UNION ALL SELECT project_id, id FROM messages INDEXED BY messages_active
    WHERE state = 1 AND cancel_requested = 0
) m {join}
WHERE m.project_id = ? AND m.id >= ? AND m.id < ? AND {conditions} ORDER BY m.id LIMIT ?
"""

STATE = f"""
SELECT state, cancel_requested, parked_at, {TICKET} FROM messages WHERE project_id = ? AND id = ?
"""

END_WAITING = """
UPDATE messages SET state = ?, parked_at = NULL, ended = ? WHERE project_id = ? AND id = ?
"""

REQUEST = "UPDATE messages SET cancel_requested = 1 WHERE project_id = ? AND id = ?"

UNLIMITED = -1
START = UnixMs(0)


def matching(
    connection: apsw.Connection, project: ProjectId, which: Filter, *, oldest: int | None
) -> list[MessageId]:
    conditions = on_envelopes(which)
    join = "CROSS JOIN envelopes e ON e.id = m.id" if conditions.texts else ""
    conditions.one_of("m.id", which.message_ids)
    if not conditions.can_match:
        return []
    span = span_of_dates(which, since=START)
    limit = UNLIMITED if oldest is None else oldest
    query = LIVE.format(join=join, conditions=conditions.text)
    rows = select(connection, query, (project, span.low, span.high, *conditions.values, limit))
    return [MessageId(id) for (id,) in rows]


def cancel(
    transaction: Transaction, project: ProjectId, ids: Items[MessageId], *, now: UnixMs
) -> Canceled:
    applied = [_cancel(transaction, project, id, now) for id in ids]
    return Canceled(applied, transaction.gates.lists.next_at(now))


def _cancel(transaction: Transaction, project: ProjectId, id: MessageId, now: UnixMs) -> bool:
    rows = transaction.rows(STATE, (project, id))
    if not rows or rows[0][1] or State(rows[0][0]) in TERMINAL:
        return False
    state, _, parked_at, *ticket = rows[0]
    entry = NewLogEntry(state=LogState.CANCEL_REQUESTED)
    settlements.log(transaction, project, id, transaction.take_sequence(now), entry)
    if State(state) is State.ACTIVE:
        transaction.execute(REQUEST, (project, id))
    else:
        ended = transaction.take_sequence(now)
        transaction.execute(END_WAITING, (int(State.CANCELED), ended, project, id))
        transaction.gates.lists.unsort(parked_at)
        transaction.gates.give_up_place(Ticket(*ticket), now)
    return True


def cancel_deleted(
    transaction: Transaction,
    limit: int,
    *,
    named: tuple[ProjectId, str] | None,
    now: UnixMs,
) -> Changed:
    """Cancel messages of a queue that is deleted; with the last one it is forgotten."""
    gates = transaction.gates
    queue = gates.queues.next_deleted(named)
    if queue is None:
        return Changed(False, None)
    live = transaction.rows(queues.LIVE, (queue.id, limit))
    for (message,) in live:
        _cancel(transaction, queue.project, message, now)
    if len(live) < limit:
        gates.forget_queue(queue)
    return Changed(True, gates.lists.next_at(now))
