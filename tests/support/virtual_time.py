"""An event loop whose time is virtual: when nothing is ready, it jumps to the next deadline."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from relaypost.domain.types import UnixMs

START = UnixMs(1_767_225_600_000)
"""2026-01-01 UTC."""

T = TypeVar("T")


class DeadlockError(RuntimeError):
    """Nothing is ready and nothing is scheduled: the run would wait for ever."""


class JumpingSelector(selectors.DefaultSelector):
    """Never waits: what would be a wait moves the virtual time on."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if timeout is None and not events:
            raise DeadlockError(f"at {self.time:.3f} s: nothing is ready, nothing is scheduled")
        if timeout and not events:
            self.time += timeout
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.time


class VirtualClock:
    """Reads the virtual time of the running loop."""

    def now(self) -> UnixMs:
        # Deadlines are sums of floats: a microsecond below a millisecond is that millisecond.
        return UnixMs(START + int(asyncio.get_running_loop().time() * 1000 + 0.001))

    def system_now(self) -> UnixMs:
        return self.now()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time, on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)
