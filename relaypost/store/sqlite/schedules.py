"""Schedules: create, read and steer them. Rows are in `schedule_rows`, runs in `schedule_runs`."""

import apsw

from relaypost.domain.schedules import MakeRun, NewSchedule, NextTick, Schedule
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.store.base import Claim, Fired, Planned, Retimed
from relaypost.store.sqlite import schedule_runs
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.database import Database, Transaction
from relaypost.store.sqlite.schedule_rows import (
    COLUMNS,
    TABLES,
    created_at_and_number,
    read_schedule,
    template_row,
)

LIST = f"SELECT {COLUMNS} FROM {TABLES} WHERE s.project_id = ?"

GET = f"SELECT {COLUMNS} FROM {TABLES} WHERE s.project_id = ? AND s.id = ?"

FIND = "SELECT number, is_paused FROM schedules WHERE project_id = ? AND id = ?"

COUNT = "SELECT count(*) FROM schedules WHERE project_id = ?"

ADD = """
INSERT INTO schedules (project_id, id, created_at, accepted_at, cron, next_tick_at, ticked_until)
VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING number
"""

REPLACE = """
UPDATE schedules SET accepted_at = ?, cron = ?, next_tick_at = ?, ticked_until = ? WHERE number = ?
"""

SET_TEMPLATE = """
INSERT OR REPLACE INTO schedule_templates (number, delay_ms, timeout_ms, envelope, lookup)
VALUES (?, ?, ?, ?, ?)
"""

PAUSE = """
UPDATE schedules SET is_paused = 1, next_tick_at = NULL WHERE project_id = ? AND id = ?
RETURNING number
"""

RESUME = "UPDATE schedules SET is_paused = 0, next_tick_at = ?, ticked_until = ? WHERE number = ?"

DELETE = "DELETE FROM schedules WHERE number = ?"

FIND_DUPLICATE = """
SELECT published FROM deduplications WHERE project_id = ? AND key = ? AND expires_at > ?
"""

REMEMBER = """
INSERT OR REPLACE INTO deduplications (project_id, key, expires_at, published) VALUES (?, ?, ?, ?)
"""


class SqliteSchedules:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, project: ProjectId) -> list[Schedule]:
        return await self._database.read(lambda connection: list_schedules(connection, project))

    async def get(self, project: ProjectId, id: str) -> Schedule | None:
        return await self._database.read(lambda connection: get(connection, project, id))

    async def put(self, asked: NewSchedule, *, max_schedules: int, now: UnixMs) -> Planned:
        return await self._database.write(
            lambda transaction: put(transaction, asked, max_schedules=max_schedules, now=now)
        )

    async def pause(self, project: ProjectId, id: str) -> bool:
        return await self._database.write(lambda transaction: pause(transaction, project, id))

    async def resume(
        self, project: ProjectId, id: str, *, next_tick: NextTick, now: UnixMs
    ) -> Planned:
        return await self._database.write(
            lambda transaction: resume(transaction, project, id, next_tick=next_tick, now=now)
        )

    async def delete(self, project: ProjectId, id: str) -> bool:
        return await self._database.write(lambda transaction: delete(transaction, project, id))

    async def fire(
        self,
        limit: int,
        *,
        make_run: MakeRun,
        due_by: UnixMs,
        claim: Claim | None,
        now: UnixMs,
    ) -> Fired:
        return await self._database.hand_out(
            lambda transaction: schedule_runs.fire(
                transaction,
                limit,
                make_run=make_run,
                due_by=due_by,
                claim=claim,
                now=now,
            )
        )

    async def retime(self, limit: int, *, after: int, next_tick: NextTick, now: UnixMs) -> Retimed:
        return await self._database.write(
            lambda transaction: schedule_runs.retime(
                transaction, limit, after=after, next_tick=next_tick, now=now
            )
        )


def list_schedules(connection: apsw.Connection, project: ProjectId) -> list[Schedule]:
    rows = select(connection, LIST, (project,))
    rows.sort(key=created_at_and_number)  # here: there, SQLite would move all bodies about
    return [read_schedule(connection, row) for row in rows]


def get(connection: apsw.Connection, project: ProjectId, id: str) -> Schedule | None:
    rows = select(connection, GET, (project, id))
    return read_schedule(connection, rows[0]) if rows else None


def put(
    transaction: Transaction, asked: NewSchedule, *, max_schedules: int, now: UnixMs
) -> Planned:
    first = _find_duplicate(transaction, asked, now)
    if first is not None:
        return Planned(first, is_duplicate=True)
    known = transaction.rows(FIND, (asked.project_id, asked.id))
    if known:
        next_tick_at = _replace(transaction, asked, *known[0])
    elif _is_full(transaction, asked.project_id, max_schedules):
        return Planned(None)
    else:
        next_tick_at = _add(transaction, asked, now)
    _remember(transaction, asked, now)
    return Planned(asked.id, next_tick_at=next_tick_at)


def _is_full(transaction: Transaction, project: ProjectId, max_schedules: int) -> bool:
    if not max_schedules:
        return False
    ((count,),) = transaction.rows(COUNT, (project,))
    return bool(count >= max_schedules)


def _add(transaction: Transaction, asked: NewSchedule, now: UnixMs) -> UnixMs:
    ticks = (asked.accepted_at, asked.cron, asked.next_tick_at, asked.accepted_at)
    ((number,),) = transaction.rows(ADD, (asked.project_id, asked.id, now, *ticks))
    transaction.execute(SET_TEMPLATE, template_row(number, asked.template))
    return asked.next_tick_at


def _replace(
    transaction: Transaction, asked: NewSchedule, number: int, is_paused: int
) -> UnixMs | None:
    next_tick_at = None if is_paused else asked.next_tick_at
    ticks = (asked.accepted_at, asked.cron, next_tick_at, asked.accepted_at)
    transaction.execute(REPLACE, (*ticks, number))
    transaction.execute(SET_TEMPLATE, template_row(number, asked.template))
    return next_tick_at


def pause(transaction: Transaction, project: ProjectId, id: str) -> bool:
    return bool(transaction.rows(PAUSE, (project, id)))


def resume(
    transaction: Transaction, project: ProjectId, id: str, *, next_tick: NextTick, now: UnixMs
) -> Planned:
    rows = transaction.rows(GET, (project, id))
    if not rows:
        return Planned(None)
    number, schedule = rows[0][0], read_schedule(transaction.connection, rows[0])
    if not schedule.is_paused:
        return Planned(id)
    next_tick_at = next_tick(schedule)
    transaction.execute(RESUME, (next_tick_at, max(now, schedule.ticked_until), number))
    return Planned(id, next_tick_at=next_tick_at)


def delete(transaction: Transaction, project: ProjectId, id: str) -> bool:
    rows = transaction.rows(FIND, (project, id))
    for number, _ in rows:
        transaction.execute(DELETE, (number,))
    return bool(rows)


def _find_duplicate(transaction: Transaction, asked: NewSchedule, now: UnixMs) -> str | None:
    if asked.deduplication is None:
        return None
    rows = transaction.rows(FIND_DUPLICATE, (asked.project_id, asked.deduplication.key, now))
    return rows[0][0].decode() if rows else None


def _remember(transaction: Transaction, asked: NewSchedule, now: UnixMs) -> None:
    deduplication = asked.deduplication
    if deduplication is not None:
        expires_at = now + deduplication.window_ms
        values = (asked.project_id, deduplication.key, expires_at, asked.id.encode())
        transaction.execute(REMEMBER, values)
