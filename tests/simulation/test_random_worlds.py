"""Random callers, destinations and kills: whatever happens, what was promised holds."""

import random
from pathlib import Path

import pytest

from tests.support.destinations import Send
from tests.support.invariants import Life, check
from tests.support.messages import new_message
from tests.support.virtual_time import run
from tests.support.workloads import live
from tests.support.worlds import CAPACITIES, World, seeds


async def simulate(path: Path, seed: int) -> tuple[list[Life], list[Send]]:
    rng = random.Random(seed)
    world = World(str(path), rng.getrandbits(32), capacity=rng.choice(CAPACITIES))
    await world.node.start()
    await live(world, actions=rng.randint(5, 45), kills=rng.randint(0, 5), stops=rng.randint(0, 2))
    await world.settle_down()
    lives = await check(world)
    await check_all_slots_are_free(world)
    await world.node.stop()
    return list(lives.values()), world.destinations.sends


async def check_all_slots_are_free(world: World) -> None:
    """As many messages as may be open at once start at once, and one to each host known."""
    limit = min(world.capacity.node, world.capacity.project or world.capacity.node)
    known = sorted(world.destinations.most_open)
    hosts = known + [f"new-{number}.example" for number in range(limit)]
    for first in range(0, len(hosts), limit):
        now, before = world.clock.now(), len(world.destinations.sends)
        wave = hosts[first : first + limit]
        urls = [f"https://{host}/" for host in wave]
        await world.publish(*[new_message(url, max_retries=0, timeout_ms=50) for url in urls])
        await world.settle_down()
        started = world.destinations.sends[before:]
        assert [(send.host, send.started_at) for send in started] == [(host, now) for host in wave]


@pytest.mark.parametrize("seed", seeds(60))
def test_what_was_promised_holds(seed: int, disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    try:
        run(simulate(disk / "relaypost.db", seed))
        defects = [record.getMessage() for record in caplog.records if record.exc_info]
        assert not defects
    except BaseException as error:
        error.add_note(f"simulated with seed {seed}")
        raise


@pytest.mark.parametrize("seed", [3, 17])
def test_the_same_seed_gives_the_same_trace(seed: int, disk: Path) -> None:
    first = run(simulate(disk / "first.db", seed))
    second = run(simulate(disk / "second.db", seed))
    assert first == second
