"""The SQLite store: each noun's protocol, spoken as units of work on one database."""

import os
from collections.abc import Callable, Mapping
from collections.abc import Sequence as Items

from relaypost.domain.dead_letters import DeadLetter
from relaypost.domain.filters import Filter, Page
from relaypost.domain.flow_control import KeyStatus, Pace
from relaypost.domain.gates import Capacity
from relaypost.domain.lifecycle import Settlement
from relaypost.domain.logs import LogEntry
from relaypost.domain.messages import Envelope, Message, NewMessage, Publication
from relaypost.domain.projects import Project, SigningKeys
from relaypost.domain.queues import Queue
from relaypost.domain.retention import Horizon
from relaypost.domain.sequences import time_of
from relaypost.domain.tokens import Token
from relaypost.domain.types import DeadLetterId, LeaseId, MessageId, ProjectId, UnixMs
from relaypost.store.base import (
    Accepted,
    Canceled,
    Changed,
    Claim,
    Claimed,
    Listing,
    Rescued,
    Settled,
)
from relaypost.store.sqlite import (
    cancellations,
    dead_letters,
    flow_control_keys,
    grouped_logs,
    leases,
    logs,
    messages,
    projects,
    queues,
    removals,
    settlements,
    steering,
    upkeep,
    url_groups,
)
from relaypost.store.sqlite.connection import lock_file, newest_sequence, open_writer
from relaypost.store.sqlite.database import Database
from relaypost.store.sqlite.schedules import SqliteSchedules
from relaypost.store.sqlite.url_groups import SqliteUrlGroups
from relaypost.store.sqlite.windows import MAX_EXAMINED


class SqliteMessages:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        publications: Items[Publication],
        *,
        claim: Claim | None,
        max_queues: int = 0,
        now: UnixMs,
        daily_limit: int = 0,
    ) -> Accepted:
        return await self._database.hand_out(
            lambda transaction: messages.add(
                transaction,
                publications,
                claim=claim,
                max_queues=max_queues,
                now=now,
                daily_limit=daily_limit,
            )
        )

    async def claim(self, claim: Claim, *, now: UnixMs) -> Claimed:
        return await self._database.hand_out(
            lambda transaction: messages.claim(transaction, claim, now=now)
        )

    async def settle(self, batch: Items[Settlement], *, claim: Claim, now: UnixMs) -> Settled:
        return await self._database.hand_out(
            lambda transaction: settlements.settle(transaction, batch, claim=claim, now=now)
        )

    async def take_lease(self, *, until: UnixMs) -> LeaseId:
        return await self._database.write(lambda transaction: leases.take(transaction, until=until))

    async def renew(self, lease: LeaseId, *, until: UnixMs) -> bool:
        return await self._database.write(
            lambda transaction: leases.renew(transaction, lease, until=until)
        )

    async def rescue(self, limit: int, *, now: UnixMs) -> Rescued:
        return await self._database.write(
            lambda transaction: leases.rescue(transaction, limit, now=now)
        )

    async def get(self, project: ProjectId, ids: Items[MessageId]) -> list[Message]:
        return await self._database.read(lambda connection: messages.get(connection, project, ids))

    async def ended_at(self, project: ProjectId, message: MessageId) -> UnixMs | None:
        return await self._database.read(
            lambda connection: messages.ended_at(connection, project, message)
        )

    async def matching(
        self, project: ProjectId, which: Filter, *, oldest: int | None
    ) -> list[MessageId]:
        return await self._database.read(
            lambda connection: cancellations.matching(connection, project, which, oldest=oldest)
        )

    async def cancel(self, project: ProjectId, ids: Items[MessageId], *, now: UnixMs) -> Canceled:
        return await self._database.write(
            lambda transaction: cancellations.cancel(transaction, project, ids, now=now)
        )


class SqliteLogs:
    def __init__(self, database: Database, max_examined: int) -> None:
        self._database = database
        self._max_examined = max_examined

    async def entries(
        self, project: ProjectId, which: Filter, page: Page, *, since: UnixMs
    ) -> Listing[LogEntry]:
        return await self._database.read(
            lambda connection: logs.list_entries(
                connection, project, which, page, since=since, max_examined=self._max_examined
            )
        )

    async def histories(
        self, project: ProjectId, which: Filter, page: Page, *, since: UnixMs
    ) -> Listing[list[LogEntry]]:
        return await self._database.read(
            lambda connection: grouped_logs.list_messages(
                connection, project, which, page, since=since, max_examined=self._max_examined
            )
        )


class SqliteDeadLetters:
    def __init__(self, database: Database, max_examined: int) -> None:
        self._database = database
        self._max_examined = max_examined

    async def select(
        self, project: ProjectId, which: Filter, page: Page, *, since: UnixMs
    ) -> Listing[DeadLetter]:
        return await self._database.read(
            lambda connection: dead_letters.list_dead_letters(
                connection, project, which, page, since=since, max_examined=self._max_examined
            )
        )

    async def matching(
        self, project: ProjectId, which: Filter, page: Page, *, since: UnixMs
    ) -> Listing[DeadLetterId]:
        return await self._database.read(
            lambda connection: dead_letters.matching(
                connection, project, which, page, since=since, max_examined=self._max_examined
            )
        )

    async def delete(
        self, project: ProjectId, ids: Items[DeadLetterId], *, since: UnixMs
    ) -> list[bool]:
        return await self._database.write(
            lambda transaction: dead_letters.delete(transaction, project, ids, since=since)
        )

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
        return await self._database.hand_out(
            lambda transaction: dead_letters.replace(
                transaction,
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
        )


class SqliteQueues:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, project: ProjectId) -> list[Queue]:
        return await self._database.read(lambda connection: queues.list_queues(connection, project))

    async def get(self, project: ProjectId, name: str) -> Queue | None:
        return await self._database.read(
            lambda connection: queues.get_queue(connection, project, name)
        )

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
        return await self._database.write(
            lambda transaction: steering.put_queue(
                transaction,
                project,
                name,
                parallelism=parallelism,
                is_paused=is_paused,
                max_queues=max_queues,
                now=now,
            )
        )

    async def set_paused(
        self, project: ProjectId, name: str, is_paused: bool, *, now: UnixMs
    ) -> Changed:
        return await self._database.write(
            lambda transaction: steering.pause_queue(
                transaction, project, name, is_paused=is_paused, now=now
            )
        )

    async def delete(self, project: ProjectId, name: str) -> bool:
        return await self._database.write(
            lambda transaction: steering.delete_queue(transaction, project, name)
        )

    async def cancel_deleted(
        self, limit: int, *, named: tuple[ProjectId, str] | None = None, now: UnixMs
    ) -> Changed:
        return await self._database.write(
            lambda transaction: cancellations.cancel_deleted(
                transaction, limit, named=named, now=now
            )
        )


class SqliteFlowControlKeys:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def select(
        self, project: ProjectId, *, containing: str, limit: int, now: UnixMs
    ) -> list[KeyStatus]:
        return await self._database.read(
            lambda connection: flow_control_keys.list_keys(
                connection, project, containing=containing, limit=limit, now=now
            )
        )

    async def get(self, project: ProjectId, key: str, *, now: UnixMs) -> KeyStatus | None:
        return await self._database.read(
            lambda connection: flow_control_keys.get_key(connection, project, key, now=now)
        )

    async def keyless(self, project: ProjectId) -> KeyStatus:
        lists = await self._database.write(
            lambda transaction: transaction.gates.lists.keyless(project)
        )
        return await self._database.read(
            lambda connection: flow_control_keys.keyless(connection, project, lists)
        )

    async def open_attempts(self, project: ProjectId) -> int:
        return await self._database.read(
            lambda connection: flow_control_keys.open_in_project(connection, project)
        )

    async def steer(
        self,
        project: ProjectId,
        key: str,
        change: Callable[[Pace], Pace],
        *,
        creates: bool,
        now: UnixMs,
    ) -> Changed:
        return await self._database.write(
            lambda transaction: steering.steer_key(
                transaction, project, key, change, creates=creates, now=now
            )
        )


class SqliteProjects:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Project]:
        return await self._database.read(projects.list_projects)

    async def tokens(self) -> list[Token]:
        return await self._database.read(projects.list_tokens)

    async def limits(self) -> dict[ProjectId, Mapping[str, int]]:
        return await self._database.read(projects.list_limits)

    async def next_id(self) -> ProjectId:
        return await self._database.read(projects.next_id)

    async def add(self, project: Project, tokens: Items[Token]) -> bool:
        return await self._database.write(
            lambda transaction: projects.add(transaction, project, tokens)
        )

    async def remove(self, project: ProjectId, *, now: UnixMs) -> bool:
        return await self._database.write(
            lambda transaction: projects.remove(transaction, project, now=now)
        )

    async def set_keys(
        self, project: ProjectId, keys: SigningKeys, *, was: SigningKeys, now: UnixMs | None
    ) -> bool:
        return await self._database.write(
            lambda transaction: projects.set_keys(transaction, project, keys, was=was, now=now)
        )

    async def set_tokens(
        self, project: ProjectId, tokens: Items[Token], *, was: Items[Token]
    ) -> bool:
        return await self._database.write(
            lambda transaction: projects.set_tokens(transaction, project, tokens, was=was)
        )

    async def set_limit(self, project: ProjectId, name: str, value: int | None) -> bool:
        return await self._database.write(
            lambda transaction: projects.set_limit(transaction, project, name, value)
        )


class SqliteUpkeep:
    def __init__(self, database: Database, lock: int | None) -> None:
        self._database = database
        self._lock = lock

    async def prune(self, limit: int, *, horizon: Horizon) -> int:
        return await self._database.write(
            lambda transaction: upkeep.prune(transaction, limit, horizon=horizon)
        )

    async def forget_removed(self, limit: int, *, now: UnixMs) -> int:
        return await self._database.write(
            lambda transaction: removals.forget_removed(transaction, limit, now=now)
        )

    async def newest_time(self) -> UnixMs:
        newest = await self._database.read(newest_sequence)
        return max(time_of(newest), await self._database.read(url_groups.newest_time))

    async def ping(self) -> None:
        await self._database.write(upkeep.ping)

    async def close(self) -> None:
        await self._database.close()
        lock, self._lock = self._lock, None
        _unlock(lock)


class SqliteStore:
    """All nouns over one file, or over a database in memory when `path` is `None`.

    `max_examined` bounds the rows that one page of a list looks at before it ends.
    """

    def __init__(
        self,
        path: str | None,
        *,
        capacity: Capacity | None = None,
        inline: bool = False,
        max_examined: int = MAX_EXAMINED,
    ) -> None:
        lock = None if path is None else lock_file(path)
        try:
            connection = open_writer(path)
        except BaseException:
            _unlock(lock)
            raise
        database = Database(connection, path=path, capacity=capacity or Capacity(), inline=inline)
        self._speak_to(database, lock, max_examined=max_examined)

    def _speak_to(
        self, database: Database, lock: int | None, *, max_examined: int = MAX_EXAMINED
    ) -> None:
        self.messages = SqliteMessages(database)
        self.logs = SqliteLogs(database, max_examined)
        self.dead_letters = SqliteDeadLetters(database, max_examined)
        self.queues = SqliteQueues(database)
        self.flow_control_keys = SqliteFlowControlKeys(database)
        self.url_groups = SqliteUrlGroups(database)
        self.schedules = SqliteSchedules(database)
        self.projects = SqliteProjects(database)
        self.upkeep = SqliteUpkeep(database, lock)


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)
