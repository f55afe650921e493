"""What callers do to a world, and what befalls it: drawn from its seed."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from collections.abc import Sequence as Items

from relaypost.domain.messages import NewMessage, Publication
from relaypost.domain.types import MessageId
from tests.support import destinations as hosts
from tests.support.messages import callback, new_message, publication
from tests.support.worlds import World

DONE_URL = "https://back.example/done"
FAILED_URL = "https://back.example/failed"
URLS = (
    *[f"https://{host}/" for host in (*hosts.HEALTHY[:2], hosts.FLAKY, hosts.FLAKY)],
    *[f"https://{host}/" for host in (hosts.DEAD, hosts.SLOW, hosts.HANGING)],
)
KEYS = (b"iorder-1", b"iorder-2", b"iorder-3")
WINDOW_MS = 10_000
DOWN_SECONDS = (0, 0.01, 3, 45)

Deed = Callable[[], Awaitable[None]]


async def live(
    world: World, *, actions: int, kills: int, stops: int = 0, seconds: float = 40
) -> None:
    """Let callers act at random times; kill the node, or stop it in good order, now and then."""
    rng = world.rng

    async def kill() -> None:
        await world.kill(down_seconds=rng.choice(DOWN_SECONDS))

    async def stop() -> None:
        await world.stop(down_seconds=rng.choice(DOWN_SECONDS))

    planned = [lambda: act(world)] * actions + [kill] * kills + [stop] * stops
    await at_random_times(rng, planned, seconds=seconds)


async def at_random_times(rng: random.Random, planned: Items[Deed], *, seconds: float) -> None:
    """Do all of it, one after the other, each not before a time of its own."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    moments = [(rng.uniform(0, seconds), deed) for deed in planned]
    for moment, deed in sorted(moments, key=lambda one: one[0]):
        await asyncio.sleep(max(0, begun + moment - loop.time()))
        await deed()


async def live_badly(world: World) -> None:
    """As `live`, with a store that fails now and then and callers that do not wait."""
    rng = world.rng
    async with asyncio.TaskGroup() as tasks:
        actions, kills, stops = rng.randint(5, 45), rng.randint(0, 3), rng.randint(0, 1)
        tasks.create_task(live(world, actions=actions, kills=kills, stops=stops))
        for _ in range(rng.randint(0, 2)):
            tasks.create_task(_break_store(world))
        for _ in range(rng.randint(0, 10)):
            tasks.create_task(_publish_impatiently(world))


async def _break_store(world: World) -> None:
    await asyncio.sleep(world.rng.uniform(0, 40))
    await world.break_store(seconds=world.rng.uniform(0.01, 5))


async def _publish_impatiently(world: World) -> None:
    await asyncio.sleep(world.rng.uniform(0, 40))
    asked = [random_message(world.rng) for _ in range(world.rng.randint(1, 4))]
    await world.publish_impatiently(*asked, seconds=world.rng.uniform(0, 0.01))


async def act(world: World) -> None:
    rng = world.rng
    kind = rng.choice(("one", "one", "batch", "batch", "deduplicated", "cancel"))
    if kind == "cancel":
        await world.cancel(some_ids(world))
    elif kind == "deduplicated":
        await world.publish(
            publication(random_message(rng), key=rng.choice(KEYS), window_ms=WINDOW_MS)
        )
    elif kind == "batch":
        await world.publish(*[_publication(rng) for _ in range(rng.randint(2, 12))])
    else:
        await world.publish(random_message(rng))


def random_message(rng: random.Random) -> NewMessage:
    retries = rng.randint(0, 3)
    pauses = ("1000", "0", "200 * (1 + retried)")
    return new_message(
        rng.choice(URLS),
        delay_ms=rng.choice((0, 0, 0, 1, 750, 5_000, 20_000)),
        max_retries=retries,
        # The default backoff is long from the second on: many idle seconds to simulate.
        retry_delay=rng.choice(pauses if retries > 1 else (*pauses, None)),
        timeout_ms=rng.choice((1_000, 3_000)),
        callback=callback(DONE_URL) if rng.random() < 0.4 else None,
        failure_callback=callback(FAILED_URL) if rng.random() < 0.4 else None,
    )


def _publication(rng: random.Random) -> Publication:
    return publication(*[random_message(rng) for _ in range(rng.choice((1, 1, 1, 3)))])


def some_ids(world: World) -> list[MessageId]:
    known = list(world.answers.accepted)
    return world.rng.sample(known, min(len(known), world.rng.randint(1, 8)))
