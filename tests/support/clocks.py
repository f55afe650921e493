"""A clock that stands still until a test moves it."""

from relaypost.domain.types import UnixMs
from tests.support.messages import NOW


class FakeClock:
    def __init__(self, now: UnixMs = NOW) -> None:
        self._now = now

    def now(self) -> UnixMs:
        return self._now

    def system_now(self) -> UnixMs:
        return self._now

    def advance(self, ms: int) -> UnixMs:
        self._now = UnixMs(self._now + ms)
        return self._now
