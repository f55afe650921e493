"""Changes of queues and keys by their owner: each is one transaction, and opens gates at once."""

from collections.abc import Callable

from relaypost.domain.flow_control import Pace
from relaypost.domain.queues import DEFAULT_PARALLELISM
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.store.base import Changed, Claim
from relaypost.store.sqlite.arrivals import arrivals_of
from relaypost.store.sqlite.cancellations import cancel
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.queues import OpenQueue
from relaypost.store.sqlite.releases import let_go

UNPARK = "UPDATE messages SET parked_at = NULL WHERE parked_at = ?"
"""What a pause has held up with a place in hand, so many at most, is due as it was before."""

NOTHING = Changed(False, None)


def put_queue(
    transaction: Transaction,
    project: ProjectId,
    name: str,
    *,
    parallelism: int | None,
    is_paused: bool | None,
    max_queues: int,
    now: UnixMs,
) -> Changed:
    queues, connection = transaction.gates.queues, transaction.connection
    queue = queues.find(project, name)
    if queue is not None:
        queues.change(connection, queue, parallelism=parallelism, is_paused=is_paused, now=now)
        return _look_at(transaction, queue, now)
    if len(queues.names(project)) >= max_queues > 0:
        return NOTHING
    queues.add(
        connection,
        project,
        name,
        parallelism=parallelism or DEFAULT_PARALLELISM,
        is_paused=bool(is_paused),
        now=now,
    )
    return Changed(True, None)


def pause_queue(
    transaction: Transaction, project: ProjectId, name: str, *, is_paused: bool, now: UnixMs
) -> Changed:
    queue = transaction.gates.queues.find(project, name)
    if queue is None:
        return NOTHING
    transaction.gates.queues.change(transaction.connection, queue, is_paused=is_paused, now=now)
    return _look_at(transaction, queue, now)


def delete_queue(transaction: Transaction, project: ProjectId, name: str, *, now: UnixMs) -> bool:
    """Those that have a place are few; an attempt that is open is not to be repeated."""
    queue = transaction.gates.queues.find(project, name)
    if queue is None:
        return False
    transaction.gates.queues.delete(transaction.connection, queue)
    cancel(transaction, project, tuple(queue.places), now=now)
    return True


def steer_key(
    transaction: Transaction,
    project: ProjectId,
    key: str,
    change: Callable[[Pace], Pace],
    *,
    creates: bool,
    claim: Claim | None,
    now: UnixMs,
) -> Changed:
    gates, arrivals = transaction.gates, arrivals_of(transaction, claim)
    known = gates.keys.find(project, key)
    if known is None and not creates:
        return NOTHING
    found = known or gates.keys.find_or_make(project, key, now=now)
    let_go(transaction, found.gate, arrivals, now)
    gates.keys.change(found, change, now=now)
    gates.look_at(found.gate, now)
    return Changed(True, arrivals.next_due_at(transaction, now), arrivals.claimed)


def _look_at(transaction: Transaction, queue: OpenQueue, now: UnixMs) -> Changed:
    gates = transaction.gates
    gates.look_at(queue.gate, now)
    if not queue.is_paused:
        transaction.execute(UNPARK, (queue.in_hand_list,))
        if transaction.changes():
            return Changed(True, now)
    return Changed(True, gates.lists.next_at(now))
