"""An event loop whose time is virtual: when nothing is ready, it jumps to the next deadline."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from relaypost.domain.types import UnixMs
from tests.support.messages import NOW

START = NOW

T = TypeVar("T")
P = ParamSpec("P")


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
    """The time of the running loop, from an instant on; `jump` moves the clock but no timer."""

    def __init__(self, start: UnixMs = START) -> None:
        self._start = start
        self._ahead_ms = 0

    def now(self) -> UnixMs:
        # Deadlines are sums of floats: a microsecond below a millisecond is that millisecond.
        elapsed_ms = int(asyncio.get_running_loop().time() * 1000 + 0.001)
        return UnixMs(self._start + elapsed_ms + self._ahead_ms)

    def system_now(self) -> UnixMs:
        return self.now()

    def jump(self, ms: int) -> None:
        self._ahead_ms += ms


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time, on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test on a loop of its own whose time jumps."""

    @functools.wraps(test)
    def run_test(*args: P.args, **kwargs: P.kwargs) -> None:
        run(test(*args, **kwargs))

    return run_test
