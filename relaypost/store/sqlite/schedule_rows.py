"""Schedules as rows: the schedule itself, its template, and what became of its newest run.

Of that run the ids of the messages are kept. Their states are those of the messages while these
are there; what is pruned leaves its state behind, so a message without a schedule pays nothing.
"""

from typing import Any

import apsw
import msgspec

from relaypost.domain.messages import State
from relaypost.domain.schedules import Lookup, Schedule, Template
from relaypost.domain.types import MessageId, ProjectId
from relaypost.store.sqlite import envelopes
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.database import Transaction

TABLES = "schedules s JOIN schedule_templates t ON t.number = s.number"

COLUMNS = """
s.number, s.project_id, s.id, s.cron, s.created_at, s.accepted_at, s.is_paused, s.next_tick_at,
s.ticked_until, s.last_run_at, s.last_messages, s.error,
t.delay_ms, t.timeout_ms, t.envelope, t.lookup
"""
"""For a query of `TABLES`; see `read_schedule`."""

STATE = "SELECT state FROM messages WHERE project_id = ? AND id = ?"

LAST_MESSAGES = """
SELECT number, last_messages FROM schedules
WHERE project_id = ? AND id = ? AND last_messages IS NOT NULL
"""

SET_LAST_MESSAGES = "UPDATE schedules SET last_messages = ? WHERE number = ?"

LastMessages = tuple[tuple[int, int | None], ...]
"""Ids, and the states that are left behind."""

_encode = msgspec.msgpack.Encoder().encode
_decode_last = msgspec.msgpack.Decoder(LastMessages).decode
_decode_lookup = msgspec.msgpack.Decoder(Lookup).decode


def template_row(number: int, template: Template) -> tuple[Any, ...]:
    return (
        number,
        template.delay_ms,
        template.timeout_ms,
        envelopes.pack_whole(template.envelope),
        None if template.lookup is None else _encode(template.lookup),
    )


def read_schedule(
    connection: apsw.Connection, row: tuple[Any, ...], *, with_states: bool = True
) -> Schedule:
    """Read the values of `COLUMNS`; a run has no need of the states of the one before."""
    (
        _, project_id, id, cron, created_at, accepted_at, is_paused, next_tick_at,
        ticked_until, last_run_at, last_messages, error, *template,
    ) = row  # fmt: skip
    return Schedule(
        project_id=project_id,
        id=id,
        cron=cron,
        template=_read_template(*template),
        created_at=created_at,
        accepted_at=accepted_at,
        is_paused=bool(is_paused),
        next_tick_at=next_tick_at,
        ticked_until=ticked_until,
        last_run_at=last_run_at,
        last_states=_states(connection, project_id, last_messages) if with_states else (),
        error=error,
    )


def created_at_and_number(row: tuple[Any, ...]) -> tuple[int, int]:
    """What orders the values of `COLUMNS` by age."""
    return row[4], row[0]


def _read_template(
    delay_ms: int | None, timeout_ms: int | None, envelope: bytes, lookup: bytes | None
) -> Template:
    return Template(
        envelope=envelopes.unpack_whole(envelope),
        delay_ms=delay_ms,
        timeout_ms=timeout_ms,
        lookup=None if lookup is None else _decode_lookup(lookup),
    )


def pack_messages(ids: list[MessageId]) -> bytes | None:
    return _encode([(id, None) for id in ids]) if ids else None


def _states(
    connection: apsw.Connection, project: ProjectId, packed: bytes | None
) -> tuple[tuple[MessageId, State], ...]:
    if packed is None:
        return ()
    states: list[tuple[MessageId, State]] = []
    for id, left_behind in _decode_last(packed):
        found = (
            [(left_behind,)]
            if left_behind is not None
            else select(connection, STATE, (project, id))
        )
        states += [(MessageId(id), State(state)) for (state,) in found]
    return tuple(states)


def leave_state(
    transaction: Transaction, project: ProjectId, schedule_id: str, message: MessageId, state: int
) -> None:
    """Keep what became of a message that is about to be pruned, if it is of the newest run."""
    for number, packed in transaction.rows(LAST_MESSAGES, (project, schedule_id)):
        last = _decode_last(packed)
        kept = [(id, state if id == message else known) for id, known in last]
        transaction.execute(SET_LAST_MESSAGES, (_encode(kept), number))
