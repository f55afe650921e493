"""Drives a watched store as an engine does: attempts, claims when it is told to, and time."""

from collections.abc import Sequence as Items
from dataclasses import dataclass
from typing import Any

from relaypost.domain.gates import Capacity
from relaypost.domain.lifecycle import Settlement
from relaypost.domain.messages import Envelope, Message, NewMessage, Publication
from relaypost.domain.outcomes import Outcome
from relaypost.domain.types import DeadLetterId, LeaseId, MessageId, ProjectId, UnixMs
from relaypost.store.base import Claim
from tests.support.books import LEASE_MS, MANY_BYTES, PLENTY
from tests.support.clocks import FakeClock
from tests.support.coroutines import at_once
from tests.support.gate_checks import check_readings, check_states
from tests.support.gate_model import GateModel
from tests.support.gate_watch import GateWatch, Steering
from tests.support.messages import OTHER_PROJECT, PROJECT, project, settlement
from tests.support.watched_stores import WatchedStore

PROJECTS = (PROJECT, OTHER_PROJECT)
EVER = UnixMs(0)
MAX_CLAIMS = 50


@dataclass(frozen=True, slots=True)
class Ending:
    """How an open attempt is to end."""

    message: Message
    outcome: Outcome
    callbacks: tuple[NewMessage, ...] = ()


class GateDrive:
    def __init__(self, path: str, *, capacity: Capacity) -> None:
        self.clock = FakeClock()
        self.model = GateModel(
            global_parallelism=capacity.project,
            host_bound=capacity.host,
            is_strict=True,
            now=self.now,
        )
        self.watch = GateWatch(self.model, PROJECTS)
        self.active: dict[MessageId, Message] = {}
        self.dead: list[DeadLetterId] = []
        self.lost: list[tuple[LeaseId, Message]] = []
        """Attempts that go on under a lease that was lost."""
        self._path = path
        self._capacity = capacity
        self._has_deleted = False
        """Whether messages of deleted queues may still have to be canceled."""
        self._open_store()
        for id in PROJECTS:
            at_once(self.store.projects.add(project(id), []))

    @property
    def now(self) -> UnixMs:
        return self.clock.now()

    def close(self) -> None:
        at_once(self.store.stop())

    # What callers do.

    def add(self, *publications: Publication, limit: int | None) -> None:
        claim = None if limit is None else self._offer(limit)
        adding = self.store.messages.add(publications, claim=claim, now=self.now)
        self._begin(at_once(adding).claimed)

    def replace(self, *ids: DeadLetterId, limit: int) -> None:
        """Retry dead letters."""

        def bring_back(envelope: Envelope) -> NewMessage:
            return NewMessage(project_id=PROJECT, envelope=envelope)

        replaced = self.store.dead_letters.replace(
            PROJECT,
            ids,
            bring_back=bring_back,
            all_or_none=False,
            since=EVER,
            claim=self._offer(limit),
            now=self.now,
        )
        self._begin(at_once(replaced).claimed)

    def cancel(self, id: MessageId) -> None:
        owner = self.model.find(id).project
        at_once(self.store.messages.cancel(owner, [id], now=self.now))

    def put_queue(
        self, owner: ProjectId, name: str, *, parallelism: int | None, is_paused: bool | None
    ) -> None:
        values: dict[str, Any] = {"parallelism": parallelism, "is_paused": is_paused}
        at_once(self.store.queues.put(owner, name, **values, max_queues=0, now=self.now))

    def set_paused(self, owner: ProjectId, name: str, is_paused: bool) -> None:
        at_once(self.store.queues.set_paused(owner, name, is_paused, now=self.now))

    def delete_queue(self, owner: ProjectId, name: str) -> None:
        at_once(self.store.queues.delete(owner, name, now=self.now))
        self._has_deleted = True

    def cancel_deleted(self, limit: int) -> bool:
        """Answers whether there may be more."""
        changed = at_once(self.store.queues.cancel_deleted(limit, now=self.now))
        self._has_deleted = changed.applied
        return changed.applied

    def steer(self, owner: ProjectId, key: str, steering: Steering) -> None:
        at_once(self.store.steer(owner, key, steering, now=self.now))

    # What the engine does.

    def claim(self, limit: int = PLENTY) -> None:
        claimed = at_once(self.store.messages.claim(self._offer(limit), now=self.now))
        self._begin(claimed.messages)

    def catch_up(self) -> None:
        """Claim until the store says that nothing is due."""
        for _ in range(MAX_CLAIMS):
            if self.watch.is_idle:
                return
            self.claim()
        raise AssertionError("each claim leaves more")

    def settle(self, *endings: Ending, limit: int = PLENTY) -> None:
        settlements = [
            settlement(one.message, one.outcome, now=self.now, callbacks=one.callbacks)
            for one in endings
        ]
        settled = at_once(
            self.store.messages.settle(settlements, claim=self._offer(limit), now=self.now)
        )
        for one in settlements:
            self._end(one)
        self._begin(settled.claimed)

    def settle_lost(self) -> None:
        """The outcome of an attempt whose lease was lost changes nothing."""
        lease, message = self.lost.pop()
        claim = Claim(lease=lease, limit=PLENTY, bytes=MANY_BYTES)
        late = settlement(message, now=self.now)
        settled = at_once(self.store.messages.settle([late], claim=claim, now=self.now))
        assert (settled.applied, settled.claimed) == ([False], [])

    def rescue(self) -> None:
        at_once(self.store.messages.rescue(PLENTY, now=self.now))

    def lose_lease(self) -> None:
        """All open attempts are cut off, as when the process was suspended."""
        at_once(self.store.messages.renew(self._lease, until=self.now))
        self._cut(dict(self.active), self._lease)
        self._take_lease()

    def restart(self, *, claims_first: bool) -> None:
        lost, lease = dict(self.active), self._lease
        self.close()
        self._open_store()
        if claims_first:
            self.claim()
        self._cut(lost, lease)

    def reload(self) -> None:
        """What the store keeps beside its rows is derived anew, as after a rollback."""
        self.store.messages._database._roll_back()

    def jump(self, ms: int) -> None:
        """Time goes on while the engine does nothing."""
        self.clock.advance(ms)
        self.watch.at(self.now)

    def wait(self, ms: int) -> None:
        """Time goes on, and the engine claims at each moment that the store has named."""
        end = self.now + ms
        self.catch_up()
        while self.watch.due_at <= end:
            self.jump(self.watch.due_at - self.now)
            self.catch_up()
            self.check()
        self.jump(end - self.now)

    def check(self) -> None:
        self.watch.check()
        if self.watch.is_idle and not self._has_deleted:
            check_readings(self.store, self.model, PROJECTS)

    def check_states(self) -> None:
        check_states(self.store, self.model)

    # How.

    def _open_store(self) -> None:
        self.store = WatchedStore(self._path, watch=self.watch, capacity=self._capacity)
        self._take_lease()

    def _take_lease(self) -> None:
        until = UnixMs(self.now + 1000 * LEASE_MS)
        self._lease = at_once(self.store.messages.take_lease(until=until))

    def _offer(self, limit: int) -> Claim:
        return Claim(lease=self._lease, limit=limit, bytes=MANY_BYTES)

    def _begin(self, claimed: Items[Message]) -> None:
        self.active |= {message.id: message for message in claimed}

    def _end(self, settlement: Settlement) -> None:
        del self.active[settlement.message.id]
        dead_letter, owner = settlement.dead_letter_id, settlement.message.project_id
        if dead_letter is not None and owner == PROJECT:
            self.dead.append(dead_letter)

    def _cut(self, lost: dict[MessageId, Message], lease: LeaseId) -> None:
        self.rescue()
        for id, message in lost.items():
            del self.active[id]
            self.lost.append((lease, message))
