"""SIGKILL while thousands of schedules run: each tick makes its messages once."""

import asyncio
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from relaypost.domain.types import UnixMs
from relaypost.store.sqlite import schedules
from relaypost.store.sqlite.database import Transaction
from relaypost.store.sqlite.store import SqliteStore
from tests.chaos.books import integrity, opened, rows, wait_settled
from tests.chaos.destination import Destination, witnessing
from tests.chaos.servers import Mortal
from tests.support.schedules import new_schedule, template

pytestmark = pytest.mark.chaos

SCHEDULES = 3_000
MAX_KILLS = 12
YEARLY = "0 0 1 1 *"
RAN = "SELECT count(*) FROM schedules WHERE last_run_at IS NOT NULL"
MADE = "SELECT schedule_id FROM envelopes WHERE schedule_id IS NOT NULL"
UNMET = "SELECT count(*) FROM schedules WHERE next_tick_at IS NULL OR next_tick_at <= ?"


async def fill(database: Path, url: str) -> None:
    """Schedules whose tick has just come, while no server runs."""
    store = SqliteStore(str(database), inline=True)
    now = UnixMs(int(time.time() * 1000) - 60_000)
    await store.messages._database.write(lambda transaction: plan(transaction, url, now))
    await store.upkeep.close()


def plan(transaction: Transaction, url: str, now: UnixMs) -> None:
    for number in range(SCHEDULES):
        id = f"s{number}"
        sealed = template(url=f"{url}/{id}", schedule_id=id, body=id.encode())
        asked = new_schedule(
            id, cron=YEARLY, template=sealed, accepted_at=now, next_tick_at=UnixMs(now + 1)
        )
        schedules.put(transaction, asked, max_schedules=0, now=now)


def count(database: Path, query: str) -> int:
    with opened(database) as connection:
        found: int = rows(connection, query)[0][0]
        return found


@pytest.mark.conformance("S-10")
async def test_each_tick_makes_its_messages_once(tmp_path: Path) -> None:
    database, rng = tmp_path / "relaypost.db", random.Random()
    server = Mortal(database)
    await server.start()
    await server.stop()
    async with witnessing(rng) as witness:
        await fill(database, witness.url)
        cut_short = await kill_again_and_again(server, witness, database, rng)
        await server.start()
        await witness.wait_for({f"/s{number}" for number in range(SCHEDULES)})
        await wait_settled(database)
        await server.stop()

    assert cut_short >= 3, "too few kills in the midst of it to mean anything"
    with opened(database) as connection:
        assert integrity(connection) == "ok"
        made = Counter(id for (id,) in rows(connection, MADE))
    assert made == dict.fromkeys((f"s{number}" for number in range(SCHEDULES)), 1)
    assert count(database, UNMET.replace("?", str(int(time.time() * 1000)))) == 0
    for arrivals in witness.by_path.values():
        assert len({arrival.message_id for arrival in arrivals}) == 1


async def kill_again_and_again(
    server: Mortal, witness: Destination, database: Path, rng: random.Random
) -> int:
    """Kill the server until all have run; answers how often some had and some had not."""
    cut_short = 0
    for _ in range(MAX_KILLS):
        await server.start()
        await asyncio.sleep(rng.uniform(0, 0.3))
        await server.kill()
        await witness.wait_until_left_alone()
        witness.boot += 1
        ran = count(database, RAN)
        if ran == SCHEDULES:
            break
        cut_short += ran > 0
    return cut_short
