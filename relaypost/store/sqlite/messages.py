"""Messages: accept, claim, get. What ends an attempt is in `settlements`."""

from collections.abc import Iterator
from collections.abc import Sequence as Items
from typing import Any

import apsw
import msgspec

from relaypost.domain.gates import host_gate
from relaypost.domain.messages import (
    Deduplication,
    Message,
    NewMessage,
    Publication,
    Published,
    State,
)
from relaypost.domain.rate_limits import RateLimit
from relaypost.domain.sequences import time_of
from relaypost.domain.types import GateId, MessageId, ProjectId, UnixMs
from relaypost.domain.urls import host_of
from relaypost.store.base import Accepted, Claim, Claimed
from relaypost.store.sqlite import envelopes
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.database import Transaction

MAX_EXAMINED = 200
"""How many due messages one claim looks at: parking a backlog must not hold up other writers."""

MIN_CHUNK = 32
"""How many due messages a claim for few looks at at once: some may have to be parked."""

INSERT = """
INSERT INTO messages
    (project_id, id, state, due_at, host_gate, parked_at, lease_id, claimed_on_arrival)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""

DUE = """
SELECT project_id, id, host_gate, retried, due_at FROM messages
WHERE state = 0 AND parked_at IS NULL AND due_at <= ?
ORDER BY due_at, id LIMIT ?
"""

IS_DUE = "SELECT 1 FROM messages WHERE state = 0 AND parked_at IS NULL AND due_at <= ? LIMIT 1"

NEXT_DUE = "SELECT min(due_at) FROM messages WHERE state = 0 AND parked_at IS NULL"

PARKED = """
SELECT project_id, id, host_gate, retried, due_at FROM messages
WHERE parked_at = ? ORDER BY due_at, id LIMIT ?
"""

PARK = "UPDATE messages SET parked_at = ? WHERE project_id = ? AND id = ?"

ACTIVATE = """
UPDATE messages SET state = 1, parked_at = NULL, lease_id = ? WHERE project_id = ? AND id = ?
"""

LOG_ACTIVE = "INSERT INTO log_entries (project_id, sequence, message_id, state) VALUES (?, ?, ?, 1)"

ENVELOPE = f"SELECT {envelopes.COLUMNS} FROM envelopes e WHERE e.id = ?"

GET = f"""
SELECT {envelopes.MESSAGE_COLUMNS} FROM messages m JOIN envelopes e ON e.id = m.id
WHERE m.project_id = ? AND m.id = ?
"""

ENDED = "SELECT ended FROM messages WHERE project_id = ? AND id = ?"

FIND_DUPLICATE = """
SELECT published FROM deduplications WHERE project_id = ? AND key = ? AND expires_at > ?
"""

REMEMBER = """
INSERT OR REPLACE INTO deduplications (project_id, key, expires_at, published) VALUES (?, ?, ?, ?)
"""

WAITING, ACTIVE = int(State.WAITING), int(State.ACTIVE)

_PublishedMessages = tuple[tuple[MessageId, str], ...]
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[tuple[int, str], ...]).decode


class Room:
    """What is left of a claim while its transaction goes on."""

    __slots__ = ("bytes", "lease", "messages")

    def __init__(self, claim: Claim) -> None:
        self.lease = claim.lease
        self.messages = claim.limit
        self.bytes = claim.bytes

    def __bool__(self) -> bool:
        return self.messages > 0 and self.bytes > 0

    def take(self, body: bytes) -> None:
        self.messages -= 1
        self.bytes -= len(body)


def room_of(transaction: Transaction, claim: Claim | None) -> Room | None:
    """The room that a claim gives; none when its lease was lost."""
    if claim is None or claim.lease not in transaction.leases:
        return None
    return Room(claim)


class Arrivals:
    """What one transaction makes: the messages that start at once, and when the others fall due."""

    __slots__ = ("claimed", "next_due_at", "room")

    def __init__(self, room: Room | None) -> None:
        self.room = room
        self.claimed: list[Message] = []
        self.next_due_at: UnixMs | None = None

    def note_due(self, due_at: UnixMs) -> None:
        if self.next_due_at is None or due_at < self.next_due_at:
            self.next_due_at = due_at


def add(
    transaction: Transaction,
    publications: Items[Publication],
    *,
    claim: Claim | None,
    now: UnixMs,
    daily_limit: int = 0,
) -> Accepted:
    if daily_limit and (exceeded := _exceeded(transaction, publications, daily_limit, now)):
        return Accepted([], [], None, exceeded)
    arrivals = Arrivals(room_of(transaction, claim))
    published = [_publish(transaction, asked, arrivals, now=now) for asked in publications]
    return Accepted(published, arrivals.claimed, arrivals.next_due_at)


def _exceeded(
    transaction: Transaction, publications: Items[Publication], daily_limit: int, now: UnixMs
) -> RateLimit | None:
    """The daily limit if it has no room for what is new of all publications."""
    wanted, keys = 0, set()
    for publication in publications:
        deduplication, asked = publication.deduplication, publication.messages
        if deduplication is not None and asked:
            known = deduplication.key in keys
            if known or _find_duplicate(transaction, asked[0].project_id, deduplication, now):
                continue
            keys.add(deduplication.key)
        wanted += len(asked)
    projects = {new.project_id for publication in publications for new in publication.messages}
    for project in projects:
        return transaction.daily.exceeded(project, wanted, limit=daily_limit, now=now)
    return None


def _publish(
    transaction: Transaction, publication: Publication, arrivals: Arrivals, *, now: UnixMs
) -> Published:
    deduplication = publication.deduplication
    if deduplication is None or not publication.messages:
        return Published(messages=_insert_all(transaction, publication, arrivals, now))
    project = publication.messages[0].project_id
    known = _find_duplicate(transaction, project, deduplication, now)
    if known is not None:
        return Published(messages=known, duplicate=True)
    made = _insert_all(transaction, publication, arrivals, now)
    _remember(transaction, project, deduplication, made, now)
    return Published(messages=made)


def _insert_all(
    transaction: Transaction, publication: Publication, arrivals: Arrivals, now: UnixMs
) -> _PublishedMessages:
    made = [
        (insert(transaction, new, arrivals, now=now), new.envelope.url)
        for new in publication.messages
    ]
    return tuple(made)


def insert(
    transaction: Transaction, new: NewMessage, arrivals: Arrivals, *, now: UnixMs
) -> MessageId:
    """Store one message: ACTIVE if it is due, room is left and its gates are open; else WAITING."""
    id = MessageId(transaction.take_sequence(now))
    project, envelope = new.project_id, new.envelope
    transaction.daily.note(project, now)
    created_at = time_of(id)
    not_before = max(created_at, new.not_before or UnixMs(created_at + new.delay_ms))
    host = host_gate(project, host_of(envelope.url))
    state, parked_at, lease = WAITING, None, None
    room = arrivals.room
    if not_before == created_at and room:
        parked_at = transaction.gates.admit(project, id, host)
        if parked_at is None:
            state, lease = ACTIVE, room.lease
        else:
            transaction.gates.park(project, parked_at)
    transaction.execute(INSERT, (project, id, state, not_before, host, parked_at, lease, state))
    transaction.execute(envelopes.INSERT, envelopes.to_row(id, envelope, not_before=not_before))
    if room and state:
        transaction.take_sequence(now)
        room.take(envelope.body)
        arrivals.claimed.append(_active(new, id, not_before))
    elif parked_at is None:
        arrivals.note_due(not_before)
    return id


def _active(new: NewMessage, id: MessageId, not_before: UnixMs) -> Message:
    return Message(
        id=id,
        project_id=new.project_id,
        envelope=new.envelope,
        state=State.ACTIVE,
        not_before=not_before,
        due_at=not_before,
    )


def claim(transaction: Transaction, claim: Claim, *, now: UnixMs) -> Claimed:
    room = room_of(transaction, claim)
    if room is None:
        return Claimed([], more=False, next_due_at=None)
    messages: list[Message] = []
    examined = 0
    while room and examined < MAX_EXAMINED:
        chunk = min(max(room.messages, MIN_CHUNK), MAX_EXAMINED - examined)
        due = transaction.rows(DUE, (now, chunk))
        messages += _start_all(transaction, due, room, now)
        if room and len(due) < chunk:
            return Claimed(messages, more=False, next_due_at=next_due_at(transaction.connection))
        examined += len(due)
    if transaction.rows(IS_DUE, (now,)):
        return Claimed(messages, more=True, next_due_at=None)
    return Claimed(messages, more=False, next_due_at=next_due_at(transaction.connection))


def _start_all(
    transaction: Transaction, rows: list[tuple[Any, ...]], room: Room, now: UnixMs
) -> Iterator[Message]:
    """Begin attempts of waiting messages while there is room."""
    for row in rows:
        if not room:
            return
        if (message := _start(transaction, row, room, now)) is not None:
            yield message


def release(transaction: Transaction, gate: GateId, arrivals: Arrivals, now: UnixMs) -> None:
    """Let go as many messages parked at a gate as it has room for, oldest first.

    One that meets another closed gate is parked there; one for which the node has no slot left
    waits among the due messages.
    """
    wanted = transaction.gates.room(gate)
    if not wanted:
        return
    rows = transaction.rows(PARKED, (gate, wanted))
    if len(rows) < wanted:
        transaction.gates.forget_backlog(gate)
    for row in rows:
        if not arrivals.room:
            transaction.execute(PARK, (None, row[0], row[1]))
            arrivals.note_due(now)
        elif (message := _start(transaction, row, arrivals.room, now)) is not None:
            arrivals.claimed.append(message)


def _start(
    transaction: Transaction, row: tuple[Any, ...], room: Room, now: UnixMs
) -> Message | None:
    """Begin an attempt of a waiting message, or park it at the gate that is closed."""
    project, id, host, retried, due_at = row
    closed = transaction.gates.admit(project, id, host)
    if closed is not None:
        transaction.gates.park(project, closed)
        transaction.execute(PARK, (closed, project, id))
        return None
    transaction.execute(ACTIVATE, (room.lease, project, id))
    transaction.execute(LOG_ACTIVE, (project, transaction.take_sequence(now), id))
    envelope = transaction.rows(ENVELOPE, (id,))[0]
    room.take(envelope[-1])
    return Message(
        id=id,
        project_id=project,
        envelope=envelopes.from_row(envelope[1:]),
        state=State.ACTIVE,
        not_before=envelope[0],
        due_at=due_at,
        retried=retried,
    )


def next_due_at(connection: apsw.Connection) -> UnixMs | None:
    found: UnixMs | None = select(connection, NEXT_DUE)[0][0]
    return found


def get(connection: apsw.Connection, project: ProjectId, ids: Items[MessageId]) -> list[Message]:
    found = (select(connection, GET, (project, id)) for id in ids)
    return [envelopes.message_from_row(rows[0]) for rows in found if rows]


def ended_at(connection: apsw.Connection, project: ProjectId, message: MessageId) -> UnixMs | None:
    rows = select(connection, ENDED, (project, message))
    return time_of(rows[0][0]) if rows and rows[0][0] is not None else None


def _find_duplicate(
    transaction: Transaction, project: ProjectId, deduplication: Deduplication, now: UnixMs
) -> _PublishedMessages | None:
    rows = transaction.rows(FIND_DUPLICATE, (project, deduplication.key, now))
    return _unpack(rows[0][0]) if rows else None  # type: ignore[return-value]  # int is MessageId


def _remember(
    transaction: Transaction,
    project: ProjectId,
    deduplication: Deduplication,
    published: _PublishedMessages,
    now: UnixMs,
) -> None:
    expires_at = now + deduplication.window_ms
    transaction.execute(REMEMBER, (project, deduplication.key, expires_at, _pack(published)))
