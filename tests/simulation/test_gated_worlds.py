"""Queues and flow-control keys of two projects, through kills, stops and lost leases.

With a quick writer each transaction is held against the model of the gates, and whatever may start
has to; with a slow one commits fail and callers go away, and the traces tell what happened.
"""

import random
from pathlib import Path

import pytest

from tests.support.gated_invariants import check_gated
from tests.support.gated_workloads import calm, live_gated
from tests.support.gated_worlds import GatedWorld
from tests.support.tasks import start
from tests.support.virtual_time import run
from tests.support.worlds import CAPACITIES, seeds


async def simulate(path: Path, seed: int, *, is_slow: bool) -> None:
    rng = random.Random(seed)
    world = GatedWorld(
        str(path), rng.getrandbits(32), capacity=rng.choice(CAPACITIES), is_slow=is_slow
    )
    await world.node.start()
    watching = start(world.watch_over())
    lost_leases = rng.choice((0, 0, 1))
    try:
        await live_gated(
            world, kills=rng.randint(0, 4), stops=rng.randint(0, 2), lost_leases=lost_leases
        )
        await calm(world)
        await world.settle_down()
        await check_gated(world, kept_leases=not lost_leases)
    finally:
        watching.cancel()
    if watching.done():
        watching.result()
    await world.node.stop()


@pytest.mark.conformance("Q-7", "Q-9", "Q-12", "Q-14", "F-13")
@pytest.mark.parametrize("is_slow", [False, True], ids=["quick", "slow"])
@pytest.mark.parametrize("seed", seeds(40))
def test_gates_hold(seed: int, is_slow: bool, disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    try:
        run(simulate(disk / "relaypost.db", seed, is_slow=is_slow))
        defects = [record.getMessage() for record in caplog.records if record.exc_info]
        assert not defects
    except BaseException as error:
        error.add_note(f"simulated with seed {seed}")
        raise
