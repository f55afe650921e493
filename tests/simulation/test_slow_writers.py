"""The same worlds over a writer that takes its time, where more can come between two steps.

Here commits fail for a while, callers go away while theirs is under way, and nodes are killed
between a commit and its answer. After each commit the gates are compared with the rows.
"""

import random
from pathlib import Path

import pytest

from tests.support.invariants import check
from tests.support.virtual_time import run
from tests.support.workloads import live_badly
from tests.support.worlds import CAPACITIES, World, seeds


async def simulate(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    capacity = rng.choice(CAPACITIES)
    world = World(str(path), rng.getrandbits(32), capacity=capacity, is_slow=True)
    await world.node.start()
    await live_badly(world)
    await world.settle_down()
    await check(world)
    await world.node.stop()


@pytest.mark.conformance("D-28", "D-29")
@pytest.mark.parametrize("seed", seeds(60))
def test_what_was_promised_holds(seed: int, disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    try:
        run(simulate(disk / "relaypost.db", seed))
        defects = [record.getMessage() for record in caplog.records if record.exc_info]
        assert not defects
    except BaseException as error:
        error.add_note(f"simulated with seed {seed}")
        raise
