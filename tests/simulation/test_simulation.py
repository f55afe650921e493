"""The whole engine in virtual time, under random load and random faults.

A failure names its seed: `SIMULATION_SEEDS=17 pytest tests/simulation` runs it alone, and
`SIMULATION_SEEDS=1000:5000` runs others than the usual ones.
"""

import os

import pytest

from relaypost.domain.gates import Capacity
from tests.support.hosts import HEALTHY
from tests.support.truths import Truths
from tests.support.virtual_time import run_in_virtual_time
from tests.support.worlds import Weather, World

FIRST, _, END = os.environ.get("SIMULATION_SEEDS", "0:100").partition(":")
SEEDS = range(int(FIRST), int(END or int(FIRST) + 1))


def simulate(seed: int, weather: Weather | None = None) -> World:
    world = World(seed, weather)
    run_in_virtual_time(world.run())
    return world


@pytest.mark.conformance("D-20", "D-28", "D-29")
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens(seed: int) -> None:
    Truths(simulate(seed)).check()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_seed_is_the_same_world(seed: int) -> None:
    one, other = simulate(seed), simulate(seed)
    assert one.ledger.sent == other.ledger.sent
    assert one.acknowledged == other.acknowledged


@pytest.mark.parametrize("seed", range(5))
def test_hosts_that_hang_delay_no_other(seed: int) -> None:
    """A healthy host's messages start within a second, however many wait for those that hang."""
    weather = Weather(
        capacity=Capacity(node=64, project=0, host=32),
        max_open_attempts=64,
        hosts=(*HEALTHY, "hanging", "dead"),
        clients=8,
        requests=20,
        seconds=60,
    )
    world = simulate(seed, weather)
    truths = Truths(world)
    truths.check()
    delays = [
        world.ledger.of(id)[0].started_at - life.message.not_before
        for id, life in truths.lives.items()
        if world.ledger.of(id) and world.ledger.of(id)[0].host in HEALTHY
    ]
    assert len(delays) > 50
    assert max(delays) <= 1_000
