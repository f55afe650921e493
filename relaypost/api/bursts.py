"""How many requests of each project the running second has seen (section 1.8)."""

from relaypost.domain.rate_limits import SECOND_MS, RateLimit, burst_limit
from relaypost.domain.types import ProjectId, UnixMs


class Bursts:
    """Counts in memory: a second is not worth remembering."""

    def __init__(self) -> None:
        self._second = 0
        self._counts: dict[ProjectId, int] = {}

    def take(self, project: ProjectId, limit: int, *, now: UnixMs) -> tuple[bool, RateLimit]:
        """Count a request unless the limit is reached; also answers the limit as it stands then."""
        if now // SECOND_MS != self._second:
            self._second = now // SECOND_MS
            self._counts.clear()
        used = self._counts.get(project, 0)
        has_room = used < limit
        if has_room:
            self._counts[project] = used = used + 1
        return has_room, burst_limit(limit, used=used, now=now)
