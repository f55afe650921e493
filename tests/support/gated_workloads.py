"""What callers do to a world with queues and flow-control keys: drawn from its seed."""

import random
from dataclasses import replace

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.messages import NewMessage
from relaypost.domain.types import ProjectId
from tests.support import steerings
from tests.support.gate_watch import Steering
from tests.support.gated_worlds import GatedWorld
from tests.support.messages import callback, publication
from tests.support.workloads import (
    DONE_URL,
    DOWN_SECONDS,
    Deed,
    at_random_times,
    random_message,
    some_ids,
)
from tests.support.worlds import PROJECTS

SERIAL, WIDE, GONE = "serial", "wide", "gone"
QUEUES = (SERIAL, WIDE, GONE)
"""One of parallelism 1, one whose parallelism changes, one that is deleted now and then."""

TWO = FlowControl(key="two", parallelism=2)
RATE = FlowControl(key="rate", rate=3, period_s=2)
BOTH = FlowControl(key="both", parallelism=1, rate=2, period_s=1)
FIXED = (TWO, RATE, BOTH)
"""Keys that every message gives the same limits."""

WILD = "wild"
KEYS = (*(one.key for one in FIXED), WILD)


async def live_gated(world: GatedWorld, *, kills: int, stops: int, lost_leases: int) -> None:
    rng = world.rng

    async def kill() -> None:
        await world.kill(down_seconds=rng.choice(DOWN_SECONDS))

    async def stop() -> None:
        await world.stop(down_seconds=rng.choice(DOWN_SECONDS))

    planned: list[Deed] = [lambda: act(world)] * rng.randint(5, 40)
    planned += [lambda: control(world)] * rng.randint(0, 25)
    planned += [kill] * kills + [stop] * stops + [world.lose_lease] * lost_leases
    await at_random_times(rng, planned, seconds=rng.choice((5, 40)))


async def act(world: GatedWorld) -> None:
    rng = world.rng
    kind = rng.choice(("one", "one", "batch", "batch", "cancel"))
    if kind == "cancel":
        await world.cancel(some_ids(world))
    elif kind == "batch":
        asked = [gated_message(rng) for _ in range(rng.randint(2, 10))]
        await world.publish(*map(publication, asked))
    else:
        await world.publish(gated_message(rng))


async def control(world: GatedWorld) -> None:
    rng = world.rng
    owner, queue, key = rng.choice(PROJECTS), rng.choice(QUEUES), rng.choice(KEYS)
    kind = rng.choice(("pause", "resume", "upsert", "delete", "key", "key", "wild", "wild"))
    if kind == "upsert":
        await world.put_queue(owner, WIDE, parallelism=rng.randint(1, 4))
    elif kind == "delete":
        await world.delete_queue(owner, GONE)
    elif kind == "key":
        await world.steer(owner, key, rng.choice((steerings.PAUSE, steerings.RESUME)))
    elif kind == "wild":
        await world.steer(owner, WILD, random_steering(rng))
    else:
        await world.set_paused(owner, queue, kind == "pause")


async def calm(world: GatedWorld) -> None:
    """Let everything go that was paused."""
    for owner in PROJECTS:
        for queue in QUEUES:
            await world.set_paused(owner, queue, False)
        for key in KEYS:
            await world.steer(owner, key, steerings.RESUME)
    await world.cancel_deleted()


def random_steering(rng: random.Random) -> Steering:
    return rng.choice(
        (
            steerings.RESET,
            steerings.pin(rng.randint(1, 3), None, 1),
            steerings.pin(None, rng.randint(1, 3), rng.randint(1, 3)),
            steerings.unpin(parallelism=True, rate=rng.random() < 0.5),
            steerings.unpin(parallelism=False, rate=True),
        )
    )


def gated_message(rng: random.Random) -> NewMessage:
    """As `random_message`, for a queue or not, with a key or not; callbacks may have a key too."""
    plain = random_message(rng)
    envelope = replace(
        plain.envelope,
        queue_name=rng.choice((None, *QUEUES)),
        flow_control=rng.choice((None, None, *FIXED, _wild(rng))),
    )
    if envelope.callback is not None and rng.random() < 0.3:
        limited = callback(DONE_URL, flow_control=rng.choice(FIXED))
        envelope = replace(envelope, callback=limited)
    return replace(plain, project_id=_owner(rng), envelope=envelope)


def _owner(rng: random.Random) -> ProjectId:
    return rng.choice((PROJECTS[0], *PROJECTS))


def _wild(rng: random.Random) -> FlowControl:
    return FlowControl(
        key=WILD,
        parallelism=rng.choice((None, 1, 3)),
        rate=rng.choice((None, 1, 5)),
        period_s=rng.randint(1, 3),
    )
