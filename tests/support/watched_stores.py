"""An inline store whose every transaction is held against the model of the gates."""

from collections.abc import Callable
from collections.abc import Sequence as Items

from relaypost.domain.gates import Capacity
from relaypost.domain.lifecycle import Settlement
from relaypost.domain.messages import Envelope, NewMessage, Publication
from relaypost.domain.types import DeadLetterId, LeaseId, MessageId, ProjectId, UnixMs
from relaypost.store.base import Accepted, Canceled, Changed, Claim, Claimed, Rescued, Settled
from relaypost.store.sqlite.database import Database
from relaypost.store.sqlite.store import SqliteDeadLetters, SqliteMessages, SqliteQueues
from tests.support.gate_watch import GateWatch, Steering
from tests.support.worlds import EVERYTHING, InlineStore


class WatchedMessages(SqliteMessages):
    def __init__(self, database: Database, watch: GateWatch) -> None:
        super().__init__(database)
        self._watch = watch

    async def add(
        self,
        publications: Items[Publication],
        *,
        claim: Claim | None,
        max_queues: int = 0,
        now: UnixMs,
        daily_limit: int = 0,
    ) -> Accepted:
        self._watch.at(now)
        accepted = await super().add(
            publications, claim=claim, max_queues=max_queues, now=now, daily_limit=daily_limit
        )
        self._watch.accepted(accepted, claim)
        return accepted

    async def claim(self, claim: Claim, *, now: UnixMs) -> Claimed:
        self._watch.at(now)
        claimed = await super().claim(claim, now=now)
        self._watch.claimed(claimed, claim)
        return claimed

    async def settle(self, batch: Items[Settlement], *, claim: Claim, now: UnixMs) -> Settled:
        self._watch.at(now)
        settled = await super().settle(batch, claim=claim, now=now)
        self._watch.settled(batch, settled, claim)
        return settled

    async def take_lease(self, *, until: UnixMs) -> LeaseId:
        lease = await super().take_lease(until=until)
        self._watch.took_lease(lease, until)
        return lease

    async def renew(self, lease: LeaseId, *, until: UnixMs) -> bool:
        is_kept = await super().renew(lease, until=until)
        if is_kept:
            self._watch.took_lease(lease, until)
        return is_kept

    async def rescue(self, limit: int, *, now: UnixMs) -> Rescued:
        self._watch.at(now)
        rescued = await super().rescue(limit, now=now)
        self._watch.rescued(rescued)
        return rescued

    async def cancel(self, project: ProjectId, ids: Items[MessageId], *, now: UnixMs) -> Canceled:
        self._watch.at(now)
        canceled = await super().cancel(project, ids, now=now)
        self._watch.canceled(ids, canceled)
        return canceled


class WatchedDeadLetters(SqliteDeadLetters):
    def __init__(self, database: Database, max_examined: int, watch: GateWatch) -> None:
        super().__init__(database, max_examined)
        self._watch = watch

    async def replace(
        self,
        project: ProjectId,
        ids: Items[DeadLetterId],
        *,
        bring_back: Callable[[Envelope], NewMessage],
        all_or_none: bool,
        since: UnixMs,
        claim: Claim | None,
        max_queues: int = 0,
        now: UnixMs,
        daily_limit: int = 0,
    ) -> Accepted:
        self._watch.at(now)
        accepted = await super().replace(
            project,
            ids,
            bring_back=bring_back,
            all_or_none=all_or_none,
            since=since,
            claim=claim,
            max_queues=max_queues,
            now=now,
            daily_limit=daily_limit,
        )
        self._watch.accepted(accepted, claim)
        return accepted


class WatchedQueues(SqliteQueues):
    def __init__(self, database: Database, watch: GateWatch) -> None:
        super().__init__(database)
        self._watch = watch

    async def put(
        self,
        project: ProjectId,
        name: str,
        *,
        parallelism: int | None,
        is_paused: bool | None,
        max_queues: int,
        now: UnixMs,
    ) -> Changed:
        self._watch.at(now)
        changed = await super().put(
            project,
            name,
            parallelism=parallelism,
            is_paused=is_paused,
            max_queues=max_queues,
            now=now,
        )
        if changed.applied:
            self._watch.model.put_queue(project, name, parallelism=parallelism, is_paused=is_paused)
        self._watch.changed(changed)
        return changed

    async def set_paused(
        self, project: ProjectId, name: str, is_paused: bool, *, now: UnixMs
    ) -> Changed:
        self._watch.at(now)
        model = self._watch.model
        is_there = model.queue(project, name) is not None
        changed = await super().set_paused(project, name, is_paused, now=now)
        if is_there:
            model.put_queue(project, name, parallelism=None, is_paused=is_paused)
        self._watch.changed(changed, is_applied=is_there)
        return changed

    async def delete(self, project: ProjectId, name: str) -> bool:
        is_there = self._watch.model.queue(project, name) is not None
        is_deleted = await super().delete(project, name)
        assert is_deleted == is_there
        self._watch.model.delete_queue(project, name)
        self._watch.rest()
        return is_deleted

    async def cancel_deleted(
        self, limit: int, *, named: tuple[ProjectId, str] | None = None, now: UnixMs
    ) -> Changed:
        self._watch.at(now)
        changed = await super().cancel_deleted(limit, named=named, now=now)
        self._watch.changed(changed)
        return changed


class WatchedStore(InlineStore):
    """A store on a file; `watch` outlives it."""

    def __init__(self, path: str, *, watch: GateWatch, capacity: Capacity) -> None:
        self._watch = watch
        super().__init__(path, capacity=capacity)
        watch.started(self)

    def _speak_to(
        self, database: Database, lock: int | None, *, max_examined: int = EVERYTHING
    ) -> None:
        super()._speak_to(database, lock, max_examined=max_examined)
        self.messages = WatchedMessages(database, self._watch)
        self.dead_letters = WatchedDeadLetters(database, max_examined, self._watch)
        self.queues = WatchedQueues(database, self._watch)

    async def steer(
        self, project: ProjectId, key: str, steering: Steering, *, now: UnixMs
    ) -> Changed:
        watch, model = self._watch, self._watch.model
        watch.at(now)
        is_applied = steering.creates or (project, key) in model.keys
        changed = await self.flow_control_keys.steer(
            project,
            key,
            lambda pace: steering.of_pace(pace, now),
            creates=steering.creates,
            now=now,
        )
        if is_applied:
            steering.of_model(model.make_key(project, key), now)
        watch.changed(changed, is_applied=is_applied)
        return changed
