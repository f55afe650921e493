"""The example of section 4.9: starts under a rate, and across restarts inside a window."""

import asyncio
from pathlib import Path

import pytest

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.messages import NewMessage
from tests.support.messages import new_message
from tests.support.virtual_time import run
from tests.support.worlds import World

LIMITS = FlowControl(key="erp", rate=2, period_s=10)
STARTS = [0, 0, 10, 10, 20, 27, 30]
"""Seconds: five messages at once, two more after 27 s."""


def limited() -> NewMessage:
    return new_message("https://healthy-1.example/", flow_control=LIMITS)


async def restart(world: World, *, at: float, by_kill: bool) -> None:
    await asyncio.sleep(at - asyncio.get_running_loop().time())
    await (world.kill if by_kill else world.stop)(down_seconds=0.5)


async def simulate(path: Path, restarts: list[float], *, by_kill: bool) -> list[float]:
    world = World(str(path), 1)
    await world.node.start()
    began_at = world.clock.now()
    await world.publish(*[limited() for _ in range(5)])
    for at in restarts:
        await restart(world, at=at, by_kill=by_kill)
    await asyncio.sleep(27 - asyncio.get_running_loop().time())
    await world.publish(limited(), limited())
    await world.settle_down()
    await world.node.stop()
    return [(send.started_at - began_at) / 1000 for send in world.destinations.sends]


@pytest.mark.conformance("F-3")
@pytest.mark.parametrize("by_kill", [False, True], ids=["stopped", "killed"])
@pytest.mark.parametrize("restarts", [[], [4], [4, 12, 23]], ids=str)
def test_two_in_ten_seconds(disk: Path, restarts: list[float], by_kill: bool) -> None:
    starts = run(simulate(disk / "relaypost.db", restarts, by_kill=by_kill))
    assert starts == pytest.approx(STARTS, abs=0.5)
