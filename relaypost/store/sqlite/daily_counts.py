"""How many messages a project has made since midnight (section 1.8), kept beside its row.

Only projects that have a daily limit are counted: from the first time that it is asked for on a
day, and then exactly, by every message that a commit makes.
"""

from dataclasses import dataclass

import apsw

from relaypost.domain.rate_limits import RateLimit, daily_limit, day_begins_at, day_of
from relaypost.domain.sequences import sequence
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.store.sqlite.connection import select

COUNTS = "SELECT project_id, day, count FROM daily_messages"

MADE_SINCE = "SELECT count(*) FROM messages WHERE project_id = ? AND id >= ?"

WRITE = "INSERT OR REPLACE INTO daily_messages (project_id, day, count) VALUES (?, ?, ?)"


@dataclass(slots=True)
class Count:
    day: int
    messages: int


class DailyCounts:
    """Derived from rows at every start; written with each commit that changes it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._counts: dict[ProjectId, Count] = {}
        self._changed: set[ProjectId] = set()

    def reload(self) -> None:
        self._changed.clear()
        self._counts = {
            project: Count(day, messages)
            for project, day, messages in select(self._connection, COUNTS)
        }

    def note(self, project: ProjectId, now: UnixMs) -> None:
        """Count a new message. A count of yesterday is left alone: nobody has asked today."""
        count = self._counts.get(project)
        if count is None or count.day < day_of(now):
            return
        count.messages += 1
        self._changed.add(project)

    def exceeded(
        self, project: ProjectId, wanted: int, *, limit: int, now: UnixMs
    ) -> RateLimit | None:
        """The limit as it stands if `wanted` more messages are too many; zero is no limit."""
        if not limit:
            return None
        used = self._used(project, now)
        return daily_limit(limit, used=used, now=now) if used + wanted > limit else None

    def write(self) -> None:
        for project in self._changed:
            count = self._counts[project]
            self._connection.execute(WRITE, (project, count.day, count.messages))
        self._changed.clear()

    def _used(self, project: ProjectId, now: UnixMs) -> int:
        count = self._counts.get(project)
        if count is None or count.day < day_of(now):
            since = sequence(day_begins_at(day_of(now)))
            made = select(self._connection, MADE_SINCE, (project, since))[0][0]
            count = self._counts[project] = Count(day_of(now), made)
            self._changed.add(project)
        return count.messages
