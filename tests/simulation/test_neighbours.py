"""Destinations that never answer, or refuse, must not hold up those that do."""

import asyncio
from pathlib import Path

import pytest

from relaypost.domain.gates import Capacity
from relaypost.domain.sequences import time_of
from tests.support.destinations import DEAD, HANGING, HEALTHY
from tests.support.messages import new_message
from tests.support.virtual_time import run
from tests.support.worlds import World

CROWD = 2_000
BOUND_MS = 20
CAPACITY = Capacity(node=128, project=0, host=64)


async def delays_beside(path: Path, host: str) -> list[int]:
    """How long messages to a healthy host wait for their first attempt beside a crowd."""
    world = World(str(path), 1, capacity=CAPACITY)
    await world.node.start()
    bad = new_message(f"https://{host}/", max_retries=1, retry_delay="1000", timeout_ms=2_000)
    healthy = new_message(f"https://{HEALTHY[0]}/", max_retries=0)
    for _ in range(CROWD // 100):
        await world.publish(*[bad] * 100)
        await asyncio.sleep(0.005)
    for _ in range(200):
        await world.publish(healthy)
        await asyncio.sleep(0.02)
    await asyncio.sleep(1)
    await world.node.kill()  # the crowd is there for hours
    created = world.answers.accepted
    starts = [
        (send.message, send.started_at) for send in world.destinations.sends if send.host != host
    ]
    assert len(starts) == 200
    assert {message for message, _ in starts} <= created.keys()
    return [started_at - time_of(message) for message, started_at in starts]


@pytest.mark.parametrize("host", [HANGING, DEAD])
def test_a_crowd_at_a_bad_host_delays_no_other(host: str, disk: Path) -> None:
    assert max(run(delays_beside(disk / "relaypost.db", host))) <= BOUND_MS
