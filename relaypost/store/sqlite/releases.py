"""Letting go what is parked: gates that have opened, one after the other, a bounded work at a time.

What a transaction has no room or no time for stays pending, and the next one goes on.
"""

from relaypost.domain.gates import GateKind
from relaypost.domain.types import GateId, UnixMs
from relaypost.store.sqlite.arrivals import Arrivals
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.lines import go_on
from relaypost.store.sqlite.starts import COLUMNS, Waiting, stand_in_line, start, start_with_place

MAX_EXAMINED = 200
"""How many messages one transaction looks at: it must not hold up other writers."""

MIN_CHUNK = 32
"""How many due messages are looked at at once for a few slots: some may have to be parked."""

TURN = 16
"""How many of one gate, before the next one has its turn."""

DUE = f"""
SELECT {COLUMNS} FROM messages
WHERE state = 0 AND parked_at IS NULL AND due_at <= ?
ORDER BY due_at, id LIMIT ?
"""

IS_DUE = "SELECT 1 FROM messages WHERE state = 0 AND parked_at IS NULL AND due_at <= ? LIMIT 1"

PARKED_DUE = f"""
SELECT {COLUMNS} FROM messages WHERE parked_at = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?
"""

HEAD_DUE = "SELECT min(due_at) FROM messages WHERE parked_at = ?"


def fill(transaction: Transaction, arrivals: Arrivals, now: UnixMs) -> None:
    """Start what is due and what may leave its wait list, as far as there is room for it.

    Due messages come first, so that each is parked behind those that were ready before it and no
    other. Half of the room is kept from them, so that no wait list starves.
    """
    lists, room = transaction.gates.lists, arrivals.room
    lists.ring(now)
    if room and is_any_due(transaction, now):
        others_wait = lists.is_pending
        kept = transaction.gates.share(room.messages) if others_wait else 0
        room.messages -= kept
        _start_due(transaction, arrivals, now, others_wait=others_wait)
        room.messages += kept
    if lists.is_pending:
        _drain(transaction, arrivals, now)


def let_go(transaction: Transaction, gate: GateId, arrivals: Arrivals, now: UnixMs) -> None:
    """Start what is due, and what stands at this one gate, as far as there is room for it."""
    gates, left = transaction.gates, MAX_EXAMINED
    if arrivals.room and is_any_due(transaction, now):
        _start_due(transaction, arrivals, now, others_wait=gates.lists.is_pending)
    while left > 0 and arrivals.room and gates.lists.are_at(gate) and gates.room(gate, now):
        left -= _serve(transaction, gate, arrivals, now)


def may_others_start(transaction: Transaction, now: UnixMs) -> bool:
    """Whether messages are due, or parked at open gates, that nothing has looked at yet."""
    return transaction.gates.lists.is_pending or is_any_due(transaction, now)


def is_any_due(transaction: Transaction, now: UnixMs) -> bool:
    """The same of messages that are due."""
    return bool(transaction.rows(IS_DUE, (now,)))


def _start_due(
    transaction: Transaction, arrivals: Arrivals, now: UnixMs, *, others_wait: bool
) -> None:
    """Begin attempts of due messages while there is room; park those that meet a closed gate.

    While others wait at gates that have opened, one with a key stands in line with those of its
    key, and the one that was ready first is let go first.
    """
    room, examined = arrivals.room, 0
    assert room is not None
    while examined < MAX_EXAMINED and (room or others_wait):
        chunk = min(max(room.messages, MIN_CHUNK), MAX_EXAMINED - examined)
        due = [Waiting(*row) for row in transaction.rows(DUE, (now, chunk))]
        for waiting in due:
            if others_wait and waiting.key is not None:
                stand_in_line(transaction, waiting, now=now)
            elif room:
                start(transaction, waiting, arrivals, now=now)
        if len(due) < chunk or not room:
            return
        examined += len(due)


def _drain(transaction: Transaction, arrivals: Arrivals, now: UnixMs) -> None:
    """Let go what open gates have room for, while there are slots."""
    gates, left = transaction.gates, MAX_EXAMINED
    while left > 0 and arrivals.room and (gate := gates.lists.take_pending()) is not None:
        left -= 1 + _serve(transaction, gate, arrivals, now)
        gates.look_at(gate, now)


def _serve(transaction: Transaction, gate: GateId, arrivals: Arrivals, now: UnixMs) -> int:
    """Let go some messages of a gate, of its lines in turn; answers how many were tried."""
    gates, tried = transaction.gates, 0
    while tried < TURN and arrivals.room and gates.lists.are_at(gate):
        wanted = min(gates.room(gate, now), arrivals.room.messages, TURN - tried)
        if not wanted:
            break
        if gates.lists.line_at(gate).stand.kind is GateKind.QUEUE:
            return tried + _give_places(transaction, gate, arrivals, wanted, now)
        wanted = 1 if gates.lists.count_of(gate) > 1 else wanted
        tried += go_on(transaction, gates.lists.serve(gate), arrivals, wanted, now)
    return tried


def _give_places(
    transaction: Transaction, gate: GateId, arrivals: Arrivals, wanted: int, now: UnixMs
) -> int:
    """Give free places of a queue to the first that are due, and start these."""
    queue = transaction.gates.queues.at(gate)
    rows = transaction.rows(PARKED_DUE, (gate, now, wanted))
    for tried, row in enumerate(rows):
        if not arrivals.room:
            return tried
        waiting = Waiting(*row)
        queue.hold(waiting.id)
        start_with_place(transaction, waiting, arrivals, now=now)
    if len(rows) == wanted:
        queue.head_due_at = rows[-1][-1]  # the next one stands behind the last
    else:
        ((queue.head_due_at,),) = transaction.rows(HEAD_DUE, (gate,))
        if queue.head_due_at is None:
            transaction.gates.lists.forget(gate)
    return len(rows)
