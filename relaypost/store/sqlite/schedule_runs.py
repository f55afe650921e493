"""Runs of schedules: what meets a tick is one transaction; and ticks worked out anew."""

from collections.abc import Mapping
from dataclasses import replace

import apsw

from relaypost.domain.messages import Published
from relaypost.domain.schedules import MakeRun, NextTick, Run, Schedule
from relaypost.domain.sequences import time_of
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.domain.url_groups import UrlGroup
from relaypost.store.base import Claim, Fired, Retimed
from relaypost.store.sqlite import messages, url_groups
from relaypost.store.sqlite.arrivals import Arrivals, arrivals_of
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.schedule_rows import COLUMNS, TABLES, pack_messages, read_schedule

MAX_BYTES = 16_777_216
"""Of bodies, after which a firing ends: its transaction must not hold up others for long."""

DUE = "SELECT number FROM schedules WHERE next_tick_at <= ? ORDER BY next_tick_at LIMIT ?"

GET_BY_NUMBER = f"SELECT {COLUMNS} FROM {TABLES} WHERE s.number = ?"

NOTE_RUN = """
UPDATE schedules
SET next_tick_at = ?, ticked_until = ?, last_run_at = ?, last_messages = ?, error = ?
WHERE number = ?
"""

PASS_TICK = "UPDATE schedules SET next_tick_at = ?, ticked_until = ? WHERE number = ?"

NEXT_TICK = "SELECT min(next_tick_at) FROM schedules WHERE next_tick_at IS NOT NULL"

AHEAD = """
SELECT number, next_tick_at FROM schedules WHERE number > ? AND is_paused = 0
ORDER BY number LIMIT ?
"""

RETIME = "UPDATE schedules SET next_tick_at = ? WHERE number = ?"

NO_GROUPS: Mapping[str, UrlGroup] = {}


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
        if tick is not None and tick <= now:
            continue
        (row,) = transaction.rows(GET_BY_NUMBER, (number,))
        schedule = read_schedule(transaction.connection, row, with_states=False)
        expected = next_tick(schedule)
        if expected is not None and expected != tick:
            transaction.execute(RETIME, (expected, number))
            changed.append(expected)
    last = rows[-1][0] if len(rows) == limit else None
    return Retimed(last, min(changed, default=None))
