"""The loop that all simulations run on."""

import asyncio
import itertools

import pytest

from tests.support.virtual_time import START, DeadlockError, VirtualClock, run


def test_a_sleep_takes_no_time_but_moves_the_clock() -> None:
    async def sleep() -> list[int]:
        clock = VirtualClock()
        times = []
        for seconds in (0.001, 60, 86_400 * 3):
            await asyncio.sleep(seconds)
            times.append(clock.now() - START)
        return times

    passed = itertools.accumulate((1, 60_000, 86_400_000 * 3))
    assert run(sleep()) == list(passed)


def test_timers_run_in_the_order_of_their_deadlines() -> None:
    async def wait() -> list[str]:
        ran: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_later(2, ran.append, "late")
        loop.call_later(1, ran.append, "early")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await asyncio.Event().wait()
        return ran

    assert run(wait()) == ["early", "late"]


def test_a_run_that_would_wait_for_ever_says_so() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError, match="nothing is scheduled"):
        run(wait())
