"""The end of an attempt: one settlement is everything that its outcome changes, or nothing."""

from collections.abc import Sequence as Items

from relaypost.domain.lifecycle import TERMINAL, Settlement, Transition
from relaypost.domain.logs import NewLogEntry
from relaypost.domain.messages import State
from relaypost.domain.types import LeaseId, MessageId, ProjectId, Sequence, UnixMs
from relaypost.store.base import Claim, Settled
from relaypost.store.sqlite.arrivals import Arrivals, arrivals_of
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.envelopes import pack_headers
from relaypost.store.sqlite.messages import Place, insert
from relaypost.store.sqlite.releases import fill

END = """
UPDATE messages SET state = ?, lease_id = NULL, ended = ?, response_status = ?, dead_letter_id = ?
WHERE project_id = ? AND id = ? AND state = 1 AND lease_id = ? AND retried = ?
  AND cancel_requested <= ?
"""

PUT_OFF = """
UPDATE messages SET state = 0, lease_id = NULL, retried = ?, due_at = ?
WHERE project_id = ? AND id = ? AND state = 1 AND lease_id = ? AND retried = ?
  AND cancel_requested = 0
"""

LOG = """
INSERT INTO log_entries (project_id, sequence, message_id, state, next_delivery_at, error,
                         response_status, response_headers, response_body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

BURY = """
INSERT INTO dead_letters (project_id, id, message_id, response_status, response_headers,
                          response_body)
VALUES (?, ?, ?, ?, ?, ?)
"""


def settle(
    transaction: Transaction, settlements: Items[Settlement], *, claim: Claim, now: UnixMs
) -> Settled:
    arrivals = arrivals_of(transaction, claim)
    applied: list[bool] = []
    followed: list[tuple[Settlement, Place | None]] = []
    for settlement in settlements:
        transition = _apply(transaction, settlement, claim.lease, now)
        applied.append(transition is not None)
        if transition is None:
            continue
        follows = transition is settlement.transition
        place = _leave(transaction, settlement, transition, follows, now)
        if transition.state is State.WAITING:
            arrivals.note_due(transition.due_at)
        if follows:
            followed.append((settlement, place))
    fill(transaction, arrivals, now)
    for settlement, place in followed:  # after those that are parked and have waited longer
        _follow(transaction, settlement, place, arrivals, now)
    return Settled(applied, arrivals.claimed, arrivals.next_due_at(transaction, now))


def _leave(
    transaction: Transaction,
    settlement: Settlement,
    transition: Transition,
    follows: bool,
    now: UnixMs,
) -> Place | None:
    """Give back what the attempt held, but not a place that its callbacks hold on to."""
    gates, place = transaction.gates, None
    ticket = gates.leave(settlement.message.id, reached=settlement.reached, now=now)
    if ticket.queue_id is None or ticket.place_id is None:
        return None
    if follows and settlement.callbacks and ticket.is_queued:
        place = Place(ticket.queue_id, ticket.place_id)
        gates.hold_place(ticket, len(settlement.callbacks))
    if transition.state in TERMINAL:
        gates.give_up_place(ticket, now)
    return place


def _apply(
    transaction: Transaction, settlement: Settlement, lease: LeaseId, now: UnixMs
) -> Transition | None:
    """Write the transition that fits; `None` when the lease was lost."""
    canceled = settlement.if_canceled
    if _move(transaction, settlement, settlement.transition, lease, now, canceled is None):
        return settlement.transition
    if canceled is not None and _move(transaction, settlement, canceled, lease, now, True):
        return canceled
    return None


def _move(
    transaction: Transaction,
    settlement: Settlement,
    transition: Transition,
    lease: LeaseId,
    now: UnixMs,
    even_if_canceled: bool,
) -> bool:
    project, id = settlement.message.project_id, settlement.message.id
    # An outcome that is written again, not to be in doubt, must not end the attempt after it.
    retried = settlement.message.retried
    numbered = [(transaction.take_sequence(now), entry) for entry in transition.entries]
    if transition.state in TERMINAL:
        buried = settlement.dead_letter_id if transition.state is State.FAILED else None
        ended = transaction.take_sequence(now)
        changes = (transition.state, ended, transition.response_status, buried)
        transaction.execute(END, (*changes, project, id, lease, retried, even_if_canceled))
    else:
        changed = (transition.retried, transition.due_at)
        transaction.execute(PUT_OFF, (*changed, project, id, lease, retried))
    if not transaction.changes():
        return False
    for sequence, entry in numbered:
        log(transaction, project, id, sequence, entry)
    return True


def _follow(
    transaction: Transaction,
    settlement: Settlement,
    place: Place | None,
    arrivals: Arrivals,
    now: UnixMs,
) -> None:
    """Write the dead letter and the callback messages."""
    if settlement.dead_letter_id is not None:
        _bury(transaction, settlement)
    for callback in settlement.callbacks:
        insert(transaction, callback, arrivals, place=place, now=now)


def _bury(transaction: Transaction, settlement: Settlement) -> None:
    response = settlement.transition.last_response
    assert response is not None
    message = settlement.message
    transaction.execute(
        BURY,
        (
            message.project_id,
            settlement.dead_letter_id,
            message.id,
            response.status,
            pack_headers(response.headers),
            response.body,
        ),
    )


def log(
    transaction: Transaction,
    project: ProjectId,
    message: MessageId,
    sequence: Sequence,
    entry: NewLogEntry,
) -> None:
    headers = None if entry.response_headers is None else pack_headers(entry.response_headers)
    transaction.execute(
        LOG,
        (
            project,
            sequence,
            message,
            int(entry.state),
            entry.next_delivery_at,
            entry.error,
            entry.response_status,
            headers,
            entry.response_body,
        ),
    )
