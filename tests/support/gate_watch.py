"""Watches a store at work, and holds each of its transactions against the model of the gates.

What a transaction did, and in which order, is read from the log. The store must work inline: then
nothing comes between a transaction and its answer.
"""

from collections.abc import Callable
from collections.abc import Sequence as Items
from dataclasses import dataclass

from relaypost.domain.filters import Filter, Page
from relaypost.domain.flow_control import Pace
from relaypost.domain.lifecycle import Settlement
from relaypost.domain.logs import LogEntry, LogState
from relaypost.domain.messages import Message, State
from relaypost.domain.types import LeaseId, MessageId, ProjectId, Sequence, UnixMs
from relaypost.domain.urls import host_of
from relaypost.store.base import Accepted, Canceled, Changed, Claim, Claimed, Rescued, Settled
from relaypost.store.sqlite.store import SqliteStore
from tests.support.books import PLENTY
from tests.support.coroutines import at_once
from tests.support.gate_model import GateModel
from tests.support.gate_parts import NEVER, KeyModel, Stage

CREATED_OR_ACTIVE = Filter(states=(LogState.CREATED, LogState.ACTIVE))
PLACES = "SELECT id FROM messages WHERE place_id = id AND state = 0"
OLDEST_FIRST = Page(count=PLENTY, latest_first=False)


@dataclass(frozen=True, slots=True)
class Steering:
    """The same change of a key, for the store and for the model."""

    of_pace: Callable[[Pace, UnixMs], Pace]
    of_model: Callable[[KeyModel, int], None]
    creates: bool = False


class GateWatch:
    """Tells the model what a store has done; outlives the store when its process is killed."""

    def __init__(self, model: GateModel, projects: Items[ProjectId]) -> None:
        self.model = model
        self.due_at: int = NEVER
        """The earliest moment for which the store wants a claim."""
        self.is_behind = True
        """Whether the last claim left something."""
        self._projects = projects
        self._leases: dict[LeaseId, int] = {}
        self._held: dict[MessageId, tuple[LeaseId, int]] = {}
        """By which lease each open attempt is held, and its number of retries."""
        self._last = Sequence(0)
        self._store: SqliteStore | None = None

    @property
    def is_idle(self) -> bool:
        """Whether the store has said that nothing is due."""
        return not self.is_behind and self.due_at > self.model.now

    def started(self, store: SqliteStore) -> None:
        """The store of a new process: every lease is one of a process that has ended."""
        self._store = store
        self._leases.clear()
        self.is_behind, self.due_at = True, NEVER

    def at(self, now: UnixMs) -> None:
        self.model.advance(now)

    def took_lease(self, lease: LeaseId, until: UnixMs) -> None:
        self._leases[lease] = until

    def accepted(self, accepted: Accepted, claim: Claim | None) -> None:
        self._replay(accepted.claimed, claim)
        self.note_due(accepted.next_due_at)
        self.rest()

    def claimed(self, claimed: Claimed, claim: Claim) -> None:
        if claim.lease not in self._leases:
            assert not claimed.messages
            self.is_behind = True  # until there is another lease, nothing is known
            return
        self.is_behind, self.due_at = claimed.more, NEVER
        self._replay(claimed.messages, claim)
        self.note_due(claimed.next_due_at)
        if claim.limit and not claimed.messages and not claimed.more:
            assert self.due_at > self.model.now, "due, but nothing starts: the engine would spin"
        self.rest()

    def settled(self, batch: Items[Settlement], settled: Settled, claim: Claim) -> None:
        reported: list[MessageId] = []
        for settlement, is_applied in zip(batch, settled.applied, strict=True):
            held = self._held.get(settlement.message.id)
            assert is_applied == (held == (claim.lease, settlement.message.retried))
            if is_applied:
                reported += self._end(settlement)
        self._replay(settled.claimed, claim, reported)
        self.note_due(settled.next_due_at)
        self.rest()

    def rescued(self, rescued: Rescued) -> None:
        now = self.model.now
        self._leases = {lease: until for lease, until in self._leases.items() if until > now}
        lost = [id for id, (lease, _) in self._held.items() if lease not in self._leases]
        assert rescued.count == len(lost)
        for id in lost:
            del self._held[id]
            self.model.cut(id)
        self.note_due(rescued.next_due_at)
        self.rest()

    def canceled(self, ids: Items[MessageId], canceled: Canceled) -> None:
        assert canceled.applied == [self.model.cancel(id) for id in ids]
        self.note_due(canceled.next_due_at)
        self.rest()

    def changed(self, changed: Changed, *, is_applied: bool | None = None) -> None:
        assert is_applied is None or changed.applied == is_applied
        self.note_due(changed.next_due_at)
        self.rest()

    def note_due(self, due_at: UnixMs | None) -> None:
        if due_at is not None:
            self.due_at = min(self.due_at, due_at)

    def check(self) -> None:
        """What may start has started, or the store has said when to look for it."""
        active = {id for id, one in self.model.items.items() if one.stage is Stage.ACTIVE}
        assert active == self._held.keys()
        if not self.is_behind:
            due_at = self.model.next_start()
            assert self.due_at <= due_at, f"nobody looks at what may start at {due_at}"

    def rest(self) -> None:
        assert self._store is not None
        places = self._store.messages._database._transaction.rows(PLACES)
        self.model.rest(placed={id for (id,) in places}, is_idle=self.is_idle)

    def _end(self, settlement: Settlement) -> list[MessageId]:
        """Tell the model of an end; answers the message once for each callback that is made."""
        id, transition = settlement.message.id, settlement.transition
        del self._held[id]
        if self.model.items[id].is_cancel_asked and settlement.if_canceled is not None:
            self.model.end(id)
            return []
        retry_at = transition.due_at if transition.state is State.WAITING else None
        self.model.end(id, retry_at=retry_at, callbacks=len(settlement.callbacks))
        return [id] * len(settlement.callbacks)

    def _replay(
        self, claimed: Items[Message], claim: Claim | None, reported: Items[MessageId] | None = None
    ) -> None:
        """Tell the model what the transaction accepted and started, in its order."""
        parents = list(reversed(reported or ()))
        started = {message.id: message for message in claimed}
        assert len(started) == len(claimed) <= (0 if claim is None else claim.limit)
        for entry in self._new_entries():
            if entry.entry.state is LogState.CREATED:
                assert parents or reported is None, "a callback that nobody asked for"
                self._accept(entry, of=parents.pop() if parents else None)
            else:
                self._start(entry.message.id, started, claim)
        assert not started, "handed out, but not in the log"
        assert not parents, "a callback was not made"

    def _start(self, id: MessageId, started: dict[MessageId, Message], claim: Claim | None) -> None:
        assert claim is not None
        self.model.start(id)
        self._held[id] = claim.lease, started.pop(id).retried

    def _accept(self, entry: LogEntry, *, of: MessageId | None) -> None:
        message, envelope = entry.message, entry.message.envelope
        self.model.accept(
            message.id,
            message.project_id,
            host=host_of(envelope.url),
            not_before=message.not_before,
            queue_name=envelope.queue_name,
            flow_control=envelope.flow_control,
            of=of,
        )

    def _new_entries(self) -> list[LogEntry]:
        assert self._store is not None
        found: list[LogEntry] = []
        for owner in self._projects:
            entries = self._store.logs.entries(
                owner, CREATED_OR_ACTIVE, OLDEST_FIRST, since=UnixMs(self.model.now)
            )
            found += at_once(entries).items
        new = [one for one in found if one.sequence > self._last]
        new.sort(key=lambda one: one.sequence)
        self._last = new[-1].sequence if new else self._last
        return new
