"""Flow-control keys: their rows, and beside the writer those that are in use.

What changes of a key while units of work run is written once, before their commit.
"""

from collections.abc import Callable

import apsw

from relaypost.domain.flow_control import (
    KEYLESS,
    FlowControl,
    KeyStatus,
    Pace,
    configure,
    opens_at,
    room,
    started,
)
from relaypost.domain.gates import key_gate
from relaypost.domain.types import GateId, ProjectId, UnixMs
from relaypost.store.sqlite.connection import select

PACE = """parallelism, rate, period_s, is_parallelism_pinned, is_rate_pinned, is_paused,
window_started_at, window_count"""

LOAD = f"SELECT project_id, key, used_at, {PACE} FROM flow_control_keys WHERE gate = ?"

SAVE = f"""
INSERT OR REPLACE INTO flow_control_keys (project_id, key, gate, used_at, {PACE})
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

LIST = f"""
SELECT key, gate, {PACE} FROM flow_control_keys
WHERE project_id = ? AND instr(folded(key), ?) ORDER BY key LIMIT ?
"""

GET = f"SELECT key, gate, {PACE} FROM flow_control_keys WHERE project_id = ? AND key = ?"

WAIT_LIST = """
SELECT count(*) FROM messages
WHERE key_gate = ? AND key_gate IS NOT NULL AND state <= 1 AND state = 0 AND due_at <= ?
  AND (queue_id IS NULL OR place_id IS NOT NULL)
"""

OPEN = """
SELECT count(*) FROM messages
WHERE key_gate = ? AND key_gate IS NOT NULL AND state <= 1 AND state = 1
"""

OPEN_IN_PROJECT = """
SELECT count(*) FROM messages INDEXED BY messages_active WHERE state = 1 AND project_id = ?
"""

OPEN_KEYLESS = f"{OPEN_IN_PROJECT} AND key_gate IS NULL"

PARKED = "SELECT count(*) FROM messages WHERE parked_at = ? AND parked_at IS NOT NULL"

UNUSED = """
SELECT gate, used_at FROM flow_control_keys WHERE used_at <= ? ORDER BY used_at LIMIT ?
"""

IS_NEEDED = """
SELECT 1 FROM messages WHERE key_gate = ? AND key_gate IS NOT NULL AND state <= 1 LIMIT 1
"""

FORGET = "DELETE FROM flow_control_keys WHERE gate = ?"

USE_STEP_MS = 300_000
"""How exact the time of the last use is."""

MAX_KNOWN = 100_000
"""Above so many, keys at which nothing happens are read again when they are needed."""


class OpenKey:
    """A key as the writer knows it."""

    __slots__ = ("gate", "key", "open", "pace", "project", "used_at")

    def __init__(
        self, gate: GateId, project: ProjectId, key: str, *, pace: Pace, used_at: UnixMs
    ) -> None:
        self.gate = gate
        self.project = project
        self.key = key
        self.pace = pace
        self.used_at = used_at
        self.open = 0
        """Open attempts."""


class OpenKeys:
    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._known: dict[GateId, OpenKey] = {}
        self._changed: dict[GateId, None] = {}
        self._most = MAX_KNOWN
        """How many may be known before it is worth the time to look for idle ones."""

    def clear(self) -> None:
        self._known.clear()
        self._changed.clear()

    def at(self, gate: GateId) -> OpenKey:
        """The key of a gate that a message has named."""
        found = self._known.get(gate) or self._load(gate)
        assert found is not None, "a key outlives its messages"
        return found

    def find(self, project: ProjectId, key: str) -> OpenKey | None:
        gate = key_gate(project, key)
        return self._known.get(gate) or self._load(gate)

    def find_or_make(self, project: ProjectId, key: str, *, now: UnixMs) -> OpenKey:
        found = self.find(project, key)
        if found is None:
            gate = key_gate(project, key)
            found = OpenKey(gate, project, key, pace=Pace(), used_at=now)
            self._known[gate] = found
            self._changed[gate] = None
        return found

    def configure(self, project: ProjectId, by: FlowControl, *, now: UnixMs) -> OpenKey:
        """Note that a message with this key was accepted."""
        key = self.find_or_make(project, by.key, now=now)
        self._set(key, configure(key.pace, by), now)
        return key

    def change(self, key: OpenKey, change: Callable[[Pace], Pace], *, now: UnixMs) -> None:
        self._set(key, change(key.pace), now)

    def start(self, gate: GateId, *, now: UnixMs) -> None:
        key = self.at(gate)
        key.open += 1
        self._set(key, started(key.pace, now=now), now)

    def room(self, gate: GateId, *, now: UnixMs) -> int:
        key = self.at(gate)
        return room(key.pace, key.open, now=now)

    def opens_at(self, gate: GateId, *, now: UnixMs) -> UnixMs | None:
        key = self.at(gate)
        return opens_at(key.pace, key.open, now=now)

    def save(self) -> None:
        """Write what has changed; part of the transaction that changed it."""
        for gate in self._changed:
            key = self._known[gate]
            values = (key.project, key.key, gate, key.used_at, *_values(key.pace))
            select(self._connection, SAVE, values)
        self._changed.clear()

    def shrink(self, is_idle: Callable[[GateId], bool]) -> None:
        """Drop what is known of keys at which nothing happens, when they are many."""
        if len(self._known) > self._most:
            idle = [gate for gate, key in self._known.items() if not key.open and is_idle(gate)]
            for gate in idle:
                del self._known[gate]
            self._most = max(MAX_KNOWN, 2 * len(self._known))

    def prune(self, limit: int, *, before: UnixMs, now: UnixMs) -> int:
        """Forget keys that were not used since `before` and are not needed (section 4.11)."""
        forgotten = 0
        for gate, _ in select(self._connection, UNUSED, (before, limit)):
            if gate in self._changed:
                continue  # its row does not know yet
            if self._is_needed(gate, before):
                key = self.at(gate)
                key.used_at = now  # looked at again when as much time has passed
                self._changed[gate] = None
            else:
                self._known.pop(gate, None)
                select(self._connection, FORGET, (gate,))
                forgotten += 1
        return forgotten

    def _is_needed(self, gate: GateId, before: UnixMs) -> bool:
        pace = self.at(gate).pace
        is_held = pace.is_paused or pace.is_parallelism_pinned or pace.is_rate_pinned
        is_recent = is_held or pace.window_ends_at > before
        return is_recent or bool(select(self._connection, IS_NEEDED, (gate,)))

    def _set(self, key: OpenKey, pace: Pace, now: UnixMs) -> None:
        if pace is not key.pace or now - key.used_at >= USE_STEP_MS:
            key.pace, key.used_at = pace, now
            self._changed[key.gate] = None

    def _load(self, gate: GateId) -> OpenKey | None:
        rows = select(self._connection, LOAD, (gate,))
        if not rows:
            return None
        project, key, used_at, *values = rows[0]
        found = OpenKey(gate, project, key, pace=_pace(values), used_at=used_at)
        self._known[gate] = found
        return found


def _values(pace: Pace) -> tuple[int | None, ...]:
    """The values of the columns `PACE`."""
    return (
        pace.parallelism,
        pace.rate,
        pace.period_s,
        pace.is_parallelism_pinned,
        pace.is_rate_pinned,
        pace.is_paused,
        pace.window_started_at,
        pace.window_count,
    )


def _pace(values: list[int]) -> Pace:
    parallelism, rate, period_s, pinned_parallelism, pinned_rate, is_paused, started_at, count = (
        values
    )
    return Pace(
        parallelism=parallelism,
        rate=rate,
        period_s=period_s,
        is_parallelism_pinned=bool(pinned_parallelism),
        is_rate_pinned=bool(pinned_rate),
        is_paused=bool(is_paused),
        window_started_at=UnixMs(started_at),
        window_count=count,
    )


def list_keys(
    connection: apsw.Connection, project: ProjectId, *, containing: str, limit: int, now: UnixMs
) -> list[KeyStatus]:
    rows = select(connection, LIST, (project, containing.casefold(), limit))
    return [_status(connection, row, now) for row in rows]


def get_key(
    connection: apsw.Connection, project: ProjectId, key: str, *, now: UnixMs
) -> KeyStatus | None:
    rows = select(connection, GET, (project, key))
    return _status(connection, rows[0], now) if rows else None


def keyless(connection: apsw.Connection, project: ProjectId, lists: list[GateId]) -> KeyStatus:
    """The messages without a key; `lists` are those in which they wait for a slot."""
    return KeyStatus(
        key=KEYLESS,
        pace=Pace(),
        wait_list=sum(_count(connection, PARKED, id) for id in lists),
        open_attempts=_count(connection, OPEN_KEYLESS, project),
    )


def open_in_project(connection: apsw.Connection, project: ProjectId) -> int:
    return _count(connection, OPEN_IN_PROJECT, project)


def _status(connection: apsw.Connection, row: tuple[str, GateId, int], now: UnixMs) -> KeyStatus:
    key, gate, *values = row
    return KeyStatus(
        key=key,
        pace=_pace(values),
        wait_list=_count(connection, WAIT_LIST, gate, now),
        open_attempts=_count(connection, OPEN, gate),
    )


def _count(connection: apsw.Connection, query: str, *values: int) -> int:
    found: int = select(connection, query, values)[0][0]
    return found
