"""What the program may not do by itself: tell the time and time zones, make ids and secrets."""

import functools
import random
import secrets
import string
import time
from importlib import resources
from typing import Protocol
from zoneinfo import ZoneInfo

from relaypost.domain.types import UnixMs
from relaypost.domain.zones import Zone

_ALPHANUMERIC = string.ascii_uppercase + string.ascii_lowercase + string.digits
_TO_ALPHANUMERIC = bytes(ord(_ALPHANUMERIC[byte % len(_ALPHANUMERIC)]) for byte in range(256))
_POOL_BYTES = 4096


class Clock(Protocol):
    """Server time (section 1.5), for all that is stored and compared; it never goes back."""

    def now(self) -> UnixMs: ...

    def system_now(self) -> UnixMs:
        """The system's own clock, for signatures and the ticks of schedules."""
        ...


class SystemClock:
    """The system clock; while it is behind the last value used, time runs on at half speed."""

    def __init__(self, *, floor: UnixMs = UnixMs(0)) -> None:
        self._last = floor
        self._behind_since: tuple[float, UnixMs] | None = None

    def raise_floor(self, floor: UnixMs) -> None:
        """Never answer less than `floor`, the newest time stored."""
        self._last = max(self._last, floor)

    def system_now(self) -> UnixMs:
        return UnixMs(time.time_ns() // 1_000_000)

    def now(self) -> UnixMs:
        now = self.system_now()
        if now >= self._last:
            self._behind_since = None
        else:
            now = self._run_on()
        self._last = now
        return now

    def _run_on(self) -> UnixMs:
        if self._behind_since is None:
            self._behind_since = (time.monotonic(), self._last)
        since, start = self._behind_since
        return max(self._last, UnixMs(start + int((time.monotonic() - since) * 500)))


class Ids:
    """Random texts that nobody can guess, from a pool of random bytes: one system call for many."""

    def __init__(self) -> None:
        self._pool = b""
        self._used = 0

    def text(self, length: int) -> str:
        """`length` characters of `A-Za-z0-9`, about 5.95 bits each."""
        if self._used + length > len(self._pool):
            self._pool = secrets.token_bytes(_POOL_BYTES).translate(_TO_ALPHANUMERIC)
            self._used = 0
        start = self._used
        self._used += length
        return self._pool[start : self._used].decode("ascii")

    def new(self, prefix: str, length: int = 22) -> str:
        return prefix + self.text(length)


class SeededIds(Ids):
    """Ids that a seed determines, for simulation."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng

    def text(self, length: int) -> str:
        return "".join(self._rng.choices(_ALPHANUMERIC, k=length))


def stopwatch() -> float:
    """Seconds of a clock that only measures durations."""
    return time.monotonic()


_ZONES = resources.files("tzdata")


@functools.cache
def shipped_zone(name: str) -> Zone | None:
    """A time zone of the data that is installed with this program, never of the host's.

    `None` for a name that is not spelled exactly as in that data.
    """
    if name not in _zone_names():
        return None
    with (_ZONES / "zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return Zone(name, ZoneInfo.from_file(file, key=name))


@functools.cache
def _zone_names() -> frozenset[str]:
    return frozenset((_ZONES / "zones").read_text("ascii").split())
