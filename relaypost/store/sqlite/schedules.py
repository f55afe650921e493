"""Schedules: create, read, steer, and their runs. How a row is read is in `schedule_rows`."""

from collections.abc import Mapping
from dataclasses import replace

import apsw

from relaypost.domain.messages import Published
from relaypost.domain.schedules import MakeRun, NewSchedule, NextTick, Run, Schedule
from relaypost.domain.sequences import time_of
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.domain.url_groups import UrlGroup
from relaypost.store.base import Claim, Fired, Planned, Retimed
from relaypost.store.sqlite import messages, url_groups
from relaypost.store.sqlite.arrivals import Arrivals, arrivals_of
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.schedule_rows import (
    COLUMNS,
    TABLES,
    created_at_and_number,
    pack_messages,
    read_schedule,
    template_row,
)

MAX_BYTES = 16_777_216
"""Of bodies, after which a firing ends: its transaction must not hold up others for long."""

NO_GROUPS: Mapping[str, UrlGroup] = {}

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

DUE = "SELECT number FROM schedules WHERE next_tick_at <= ? ORDER BY next_tick_at LIMIT ?"

GET_BY_NUMBER = f"SELECT {COLUMNS} FROM {TABLES} WHERE s.number = ?"

NOTE_RUN = """
UPDATE schedules
SET next_tick_at = ?, ticked_until = ?, last_run_at = ?, last_messages = ?, error = ?
WHERE number = ?
"""

PASS_TICK = "UPDATE schedules SET next_tick_at = ?, ticked_until = ? WHERE number = ?"

NEXT_TICK = "SELECT min(next_tick_at) FROM schedules WHERE next_tick_at IS NOT NULL"

AHEAD = "SELECT number, next_tick_at FROM schedules WHERE number > ? ORDER BY number LIMIT ?"

RETIME = "UPDATE schedules SET next_tick_at = ? WHERE number = ?"

FIND_DUPLICATE = """
SELECT published FROM deduplications WHERE project_id = ? AND key = ? AND expires_at > ?
"""

REMEMBER = """
INSERT OR REPLACE INTO deduplications (project_id, key, expires_at, published) VALUES (?, ?, ?, ?)
"""


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


def fire(
    transaction: Transaction,
    limit: int,
    *,
    make_run: MakeRun,
    due_by: UnixMs,
    claim: Claim | None,
    now: UnixMs,
) -> Fired:
    arrivals = arrivals_of(transaction, claim)
    published: list[Published] = []
    size = made = failed = 0
    for (number,) in transaction.rows(DUE, (due_by, limit)):
        if size > MAX_BYTES or made >= limit:
            break
        (row,) = transaction.rows(GET_BY_NUMBER, (number,))
        schedule = read_schedule(transaction.connection, row, with_states=False)
        run = make_run(schedule, _find_groups(transaction, schedule))
        run = _check_quotas(transaction, run, schedule.project_id, now)
        published.append(_note_run(transaction, number, run, arrivals, due_by=due_by, now=now))
        size += sum(len(message.envelope.body) for message in run.messages)
        made += len(run.messages)
        failed += run.error is not None
    return Fired(
        published,
        arrivals.claimed,
        arrivals.next_due_at(transaction, now),
        next_tick_at=next_tick(transaction.connection),
        failed=failed,
    )


def _find_groups(transaction: Transaction, schedule: Schedule) -> Mapping[str, UrlGroup]:
    lookup = schedule.template.lookup
    if lookup is None:
        return NO_GROUPS
    found = url_groups.get(transaction.connection, schedule.project_id, (lookup.group,))
    return {group.name: group for group in found}


def _check_quotas(transaction: Transaction, run: Run, project: ProjectId, now: UnixMs) -> Run:
    limits, wanted = run.limits, len(run.messages)
    if limits is None or not wanted:
        return run
    made = messages.new_queues(transaction, run.messages)
    names = transaction.gates.queues.names(project) | made if made else ()
    if len(names) > limits.max_queues > 0:
        return replace(run, messages=(), error=run.error_without_queue)
    daily_limit = limits.max_daily_messages
    if transaction.daily.exceeded(project, wanted, limit=daily_limit, now=now):
        return replace(run, messages=(), error=run.error_after_daily_limit)
    return run


def _note_run(
    transaction: Transaction,
    number: int,
    run: Run,
    arrivals: Arrivals,
    *,
    due_by: UnixMs,
    now: UnixMs,
) -> Published:
    if run.is_too_late:
        transaction.execute(PASS_TICK, (run.next_tick_at, due_by, number))
        return Published(messages=())
    made = tuple(
        (messages.insert(transaction, new, arrivals, now=now), new.envelope.url)
        for new in run.messages
    )
    ids = [id for id, _ in made]
    ran_at = time_of(ids[0]) if ids else now
    noted = (ran_at, pack_messages(ids), run.error)
    transaction.execute(NOTE_RUN, (run.next_tick_at, due_by, *noted, number))
    return Published(messages=made)


def next_tick(connection: apsw.Connection) -> UnixMs | None:
    found: UnixMs | None = select(connection, NEXT_TICK)[0][0]
    return found


def retime(
    transaction: Transaction, limit: int, *, after: int, next_tick: NextTick, now: UnixMs
) -> Retimed:
    rows = transaction.rows(AHEAD, (after, limit))
    changed: list[UnixMs] = []
    for number, tick in rows:
        if tick is None or tick <= now:
            continue
        (row,) = transaction.rows(GET_BY_NUMBER, (number,))
        schedule = read_schedule(transaction.connection, row, with_states=False)
        expected = next_tick(schedule)
        if expected is not None and expected != tick:
            transaction.execute(RETIME, (expected, number))
            changed.append(expected)
    last = rows[-1][0] if len(rows) == limit else None
    return Retimed(last, min(changed, default=None))


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
