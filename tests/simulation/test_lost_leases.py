"""A node that was suspended for longer than its lease: attempts repeat, but each counts once."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.support.invariants import check
from tests.support.tasks import start
from tests.support.virtual_time import run
from tests.support.workloads import live
from tests.support.worlds import World


async def simulate(path: Path, seed: int, *, is_slow: bool) -> None:
    rng = random.Random(seed)
    world = World(str(path), seed, is_slow=is_slow)
    await world.node.start()
    living = start(live(world, actions=30, kills=0))
    for _ in range(rng.randint(1, 3)):
        await asyncio.sleep(rng.uniform(0.1, 15))
        await world.lose_lease()
    await living
    await world.settle_down()
    await check(world, kept_leases=False)
    await world.node.stop()


@pytest.mark.parametrize("is_slow", [False, True], ids=["inline", "slow"])
@pytest.mark.parametrize("seed", range(8))
def test_an_attempt_under_a_lost_lease_does_not_count(seed: int, is_slow: bool, disk: Path) -> None:
    run(simulate(disk / "relaypost.db", seed, is_slow=is_slow))
