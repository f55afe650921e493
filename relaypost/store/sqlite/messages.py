"""Messages: accept, claim, get. What ends an attempt is in `settlements`."""

from collections.abc import Iterable
from collections.abc import Sequence as Items
from typing import NamedTuple

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
from relaypost.domain.types import GateId, MessageId, ProjectId, QueueId, UnixMs
from relaypost.domain.urls import host_of
from relaypost.store.base import Accepted, Claim, Claimed
from relaypost.store.sqlite import envelopes
from relaypost.store.sqlite.arrivals import Arrivals, arrivals_of
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.gates import Ticket
from relaypost.store.sqlite.releases import fill, may_others_start

INSERT = """
INSERT INTO messages (project_id, id, state, due_at, host_gate, parked_at, lease_id,
                      claimed_on_arrival, key_gate, queue_id, place_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

NEXT_DUE = "SELECT min(due_at) FROM messages WHERE state = 0 AND parked_at IS NULL"

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


class Place(NamedTuple):
    """The place of a queue in which a callback works: that of the message on which it reports."""

    queue_id: QueueId
    id: MessageId


def add(
    transaction: Transaction,
    publications: Items[Publication],
    *,
    claim: Claim | None,
    max_queues: int,
    now: UnixMs,
    daily_limit: int = 0,
) -> Accepted:
    refused = _first_refused(transaction, publications, max_queues, now) if max_queues else None
    if refused is not None:
        return Accepted([], [], None, refused=refused)
    if daily_limit and (exceeded := _exceeded(transaction, publications, daily_limit, now)):
        return Accepted([], [], None, exceeded=exceeded)
    arrivals = arrivals_of(transaction, claim)
    published = [_publish(transaction, asked, arrivals, now=now) for asked in publications]
    return Accepted(published, arrivals.claimed, arrivals.next_due_at(transaction, now))


def _first_refused(
    transaction: Transaction, publications: Items[Publication], max_queues: int, now: UnixMs
) -> int | None:
    """The first publication whose queue would be one too many."""
    names: dict[ProjectId, set[str]] = {}
    for index, publication in enumerate(publications):
        made = new_queues(transaction, publication.messages)
        if not made or _is_duplicate(transaction, publication, now):
            continue
        project = publication.messages[0].project_id
        of_project = names.setdefault(project, transaction.gates.queues.names(project))
        of_project |= made
        if len(of_project) > max_queues:
            return index
    return None


def new_queues(transaction: Transaction, messages: Iterable[NewMessage]) -> set[str]:
    """The names of the queues that come into being with these messages."""
    find = transaction.gates.queues.find
    return {
        name
        for new in messages
        if (name := new.envelope.queue_name) is not None and find(new.project_id, name) is None
    }


def _exceeded(
    transaction: Transaction, publications: Items[Publication], daily_limit: int, now: UnixMs
) -> RateLimit | None:
    """The daily limit if it has no room for what is new of all publications."""
    wanted, keys = 0, set()
    for publication in publications:
        if publication.deduplication is not None:
            key = publication.deduplication.key
            if key in keys or _is_duplicate(transaction, publication, now):
                continue
            keys.add(key)
        wanted += len(publication.messages)
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
    transaction: Transaction,
    new: NewMessage,
    arrivals: Arrivals,
    *,
    place: Place | None = None,
    now: UnixMs,
) -> MessageId:
    """Store one message: ACTIVE if it is due, room is left and its gates are open; else WAITING."""
    id = MessageId(transaction.take_sequence(now))
    transaction.daily.note(new.project_id, now)
    created_at = time_of(id)
    not_before = max(created_at, new.not_before or UnixMs(created_at + new.delay_ms))
    room = arrivals.room if not_before == created_at else None
    ticket, parked_at = _ask(transaction, new, id, not_before, place, bool(room), now)
    state, lease = WAITING, None
    may_start = ticket.key is None or not may_others_start(transaction, now)
    if room and parked_at is None and may_start:
        parked_at = transaction.gates.admit(ticket, now=now)
        if parked_at is None:
            state, lease = ACTIVE, room.lease
    project, _, host, *gates = ticket
    values = (project, id, state, not_before, host, parked_at, lease, state, *gates)
    transaction.execute(INSERT, values)
    envelope = new.envelope
    transaction.execute(envelopes.INSERT, envelopes.to_row(id, envelope, not_before=not_before))
    if room and state:
        transaction.take_sequence(now)
        room.take(envelope.body)
        arrivals.claimed.append(_active(new, id, not_before))
    elif parked_at is None:
        arrivals.note_due(not_before)
    return id


def _ask(
    transaction: Transaction,
    new: NewMessage,
    id: MessageId,
    due_at: UnixMs,
    place: Place | None,
    may_start: bool,
    now: UnixMs,
) -> tuple[Ticket, GateId | None]:
    """What a new message asks of its gates, and the wait list of its queue if it has to wait."""
    project, envelope, gates = new.project_id, new.envelope, transaction.gates
    host = host_gate(project, host_of(envelope.url))
    key = None
    if envelope.flow_control is not None:
        key = gates.configure(project, envelope.flow_control, now)
    if place is not None:
        return Ticket(project, id, host, key, *place), None
    if envelope.queue_name is None:
        return Ticket(project, id, host, key), None
    queue = gates.queues.find(project, envelope.queue_name) or gates.queues.add(
        transaction.connection, project, envelope.queue_name, now=now
    )
    if may_start and gates.take_place(queue, id, due_at):
        return Ticket(project, id, host, key, queue.id, id), None
    return Ticket(project, id, host, key, queue.id), gates.wait_for_place(queue, due_at, now)


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
    arrivals = arrivals_of(transaction, claim)
    if arrivals.room is None:
        return Claimed([], more=False, next_due_at=None)
    fill(transaction, arrivals, now)
    if may_others_start(transaction, now):
        return Claimed(arrivals.claimed, more=True, next_due_at=None)
    arrivals.note_due(next_due_at(transaction.connection))
    return Claimed(arrivals.claimed, more=False, next_due_at=arrivals.next_due_at(transaction, now))


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


def _is_duplicate(transaction: Transaction, publication: Publication, now: UnixMs) -> bool:
    if publication.deduplication is None:
        return False
    project = publication.messages[0].project_id
    return _find_duplicate(transaction, project, publication.deduplication, now) is not None


def _remember(
    transaction: Transaction,
    project: ProjectId,
    deduplication: Deduplication,
    published: _PublishedMessages,
    now: UnixMs,
) -> None:
    expires_at = now + deduplication.window_ms
    transaction.execute(REMEMBER, (project, deduplication.key, expires_at, _pack(published)))
