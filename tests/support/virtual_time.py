"""Time that jumps: a loop that never sleeps, and the clock that goes with it.

When nothing is ready, its time is at once that of the next timer. A whole run so takes as long as
its work, and, without threads and sockets, is the same each time.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from relaypost.domain.types import UnixMs
from tests.support.messages import NOW

T = TypeVar("T")
P = ParamSpec("P")


class _JumpingSelector(selectors.SelectSelector):
    """Waits by moving the time of its loop on."""

    loop: "VirtualTimeLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everything waits, and nothing is left to happen")
        self.loop.jump(timeout)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._time = 0.0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self._time

    def jump(self, seconds: float) -> None:
        self._time += max(0.0, seconds)


class VirtualClock:
    """The time of the loop, from an instant on; `jump` moves the clock but no timer."""

    def __init__(self, start: UnixMs = NOW) -> None:
        self._start = start
        self._ahead_ms = 0

    def now(self) -> UnixMs:
        # A timer may fire a rounding error before the millisecond that it was set to.
        elapsed_ms = int(asyncio.get_running_loop().time() * 1000 + 0.001)
        return UnixMs(self._start + elapsed_ms + self._ahead_ms)

    def system_now(self) -> UnixMs:
        return self.now()

    def jump(self, ms: int) -> None:
        self._ahead_ms += ms


def run_in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test on a loop of its own whose time jumps."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_in_virtual_time(test(*args, **kwargs))

    return run
