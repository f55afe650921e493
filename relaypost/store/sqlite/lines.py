"""How lines go on: whoever has waited longest starts, unless a gate further on holds it up.

Then the whole line goes to that gate, or the one list whose host it is. So a backlog between gates
that close by turns is never moved, message by message, from one to the other.
"""

from relaypost.domain.gates import GateKind, project_gate
from relaypost.domain.types import GateId, MessageId, UnixMs
from relaypost.store.sqlite.arrivals import Arrivals
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.gates import (
    AFTER_HOST,
    AFTER_PROJECT,
    NO_LEVEL,
    OpenGates,
    main_line,
)
from relaypost.store.sqlite.starts import COLUMNS, Waiting, start
from relaypost.store.sqlite.wait_lists import Line, Stand, WaitList

PARKED = f"SELECT {COLUMNS} FROM messages WHERE parked_at = ? ORDER BY due_at, id LIMIT ?"

HEAD = "SELECT due_at, id FROM messages WHERE parked_at = ? ORDER BY due_at, id LIMIT 1"

NOBODY = (UnixMs(0), MessageId(0))
"""At the head of a list that is empty: it is looked at first, and forgotten."""


def go_on(
    transaction: Transaction, line: Line, arrivals: Arrivals, wanted: int, now: UnixMs
) -> int:
    """Start the first messages of a line that its gate lets go; answers how many were tried."""
    gates, kind = transaction.gates, line.stand.kind
    if kind is GateKind.IN_HAND:
        return _let_go(transaction, line.first, arrivals, wanted, NO_LEVEL, now)
    if _is_held_up(gates, line, now):
        return 1
    found = _oldest(transaction, line)
    if found.host is not None and not gates.room_at_host(found.host):
        _wait_at(gates, found, found.id, Stand(found.host, GateKind.HOST), now)
        return 1
    wanted = 1 if len(line.lists) > 1 else min(wanted, _room_for(gates, found, now))
    level = AFTER_PROJECT if found.host is None else AFTER_HOST
    return _let_go(transaction, found, arrivals, wanted, level, now)


def _is_held_up(gates: OpenGates, line: Line, now: UnixMs) -> bool:
    """Have a line go to the gate that is closed to it; that of its host comes last."""
    first = line.first
    closed = gates.closed_gate(first.project, first.key, now)
    if line.stand.kind is GateKind.HOST:
        main = main_line(first.project, first.key)
        others = gates.lists.line(main)
        closed = closed if others is None else others.stand  # all of them go on in order
        if closed is not None:
            _wait_at(gates, first, main, closed, now)
    elif closed is not None:
        gates.lists.shift(line, closed)
        gates.look_at(closed.gate, now)
    return closed is not None


def _wait_at(gates: OpenGates, found: WaitList, line: GateId, stand: Stand, now: UnixMs) -> None:
    gates.lists.move(found, line, stand)
    gates.look_at(stand.gate, now)


def _oldest(transaction: Transaction, line: Line) -> WaitList:
    """The list of a line whose first message has waited longest."""
    if len(line.lists) == 1:
        return line.first
    for id in line.unsorted:
        rows = transaction.rows(HEAD, (id,))
        line.sort(id, rows[0] if rows else NOBODY)
    return line.oldest()


def _room_for(gates: OpenGates, found: WaitList, now: UnixMs) -> int:
    """How many more attempts the gates let through that its messages have in common."""
    room = gates.room_in_project(project_gate(found.project))
    if found.key is not None:
        room = min(room, gates.keys.room(found.key, now=now))
    return room if found.host is None else min(room, gates.room_at_host(found.host))


def _let_go(
    transaction: Transaction,
    found: WaitList,
    arrivals: Arrivals,
    wanted: int,
    level: int,
    now: UnixMs,
) -> int:
    lists = transaction.gates.lists
    rows = transaction.rows(PARKED, (found.id, wanted))
    lists.unsort(found.id)
    for tried, row in enumerate(rows):
        if not arrivals.room:
            return tried
        start(transaction, Waiting(*row), arrivals, came_from=level, now=now)
    if len(rows) < wanted:
        lists.forget(found.id)
    return max(1, len(rows))
