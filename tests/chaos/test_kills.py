"""SIGKILL under load, again and again: what was acknowledged is kept, and nothing is done twice.

The witness and the ledger of the publishers live in this process and survive every kill.
"""

import asyncio
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from relaypost.domain.messages import State
from tests.chaos.books import (
    dead_paths,
    integrity,
    opened,
    states_by_path,
    unfinished,
    wait_settled,
)
from tests.chaos.destination import FAILURES_BEFORE_SUCCESS, Arrival, Destination, witnessing
from tests.chaos.publishers import Ledger, Publisher
from tests.chaos.servers import Mortal

pytestmark = pytest.mark.chaos

KILLS = 12
PUBLISHERS = 6


@pytest.fixture
def rng() -> random.Random:
    return random.Random()


@pytest.mark.conformance("P-38", "D-28", "D-29", "D-31")
async def test_killed_again_and_again(tmp_path: Path, rng: random.Random) -> None:
    database, ledger = tmp_path / "relaypost.db", Ledger()
    server = Mortal(database)
    async with witnessing(rng) as witness:
        await server.start()
        await publish_and_kill(server, witness, ledger, rng)
        await witness.wait_for(ledger.owed)
        await wait_settled(database)
        dead_in_api = await server.list_dead_letters()
        await server.stop()

        assert ledger.refused == []
        assert len(ledger.acknowledged) > KILLS * 20, "too little load to mean anything"
        check_arrivals(witness, ledger)
        check_callbacks(witness)
        check_books(database, witness, ledger, dead_in_api)


async def publish_and_kill(
    server: Mortal, witness: Destination, ledger: Ledger, rng: random.Random
) -> None:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for name in range(PUBLISHERS):
            publisher = Publisher(
                name, server.line, ledger, url=witness.url, rng=random.Random(rng.random())
            )
            tasks.create_task(publisher.run(stop))
        for _ in range(KILLS):
            await asyncio.sleep(rng.uniform(0.1, 0.7))
            await server.kill()
            await witness.wait_until_left_alone()
            witness.boot += 1
            await server.start()
        stop.set()


def check_arrivals(witness: Destination, ledger: Ledger) -> None:
    for path, not_before_ms in ledger.not_before_ms.items():
        for arrival in witness.by_path[path]:
            assert arrival.at_ms >= not_before_ms, f"{path} came early"
    for path in ledger.canceled:
        assert not witness.by_path[path], f"{path} was canceled and came"
    for path, ids in ledger.deduplicated.items():
        assert len(ids | {arrival.message_id for arrival in witness.by_path[path]}) <= 1, path
    for path, id in ledger.acknowledged.items():
        assert {arrival.message_id for arrival in witness.by_path[path]} <= {id}, path
    check_repetitions(witness.arrivals)


def check_repetitions(arrivals: Iterable[Arrival]) -> None:
    """An attempt comes again only when a kill cut it off, and with the same count of retries."""
    boots: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    attempts: defaultdict[str, list[int]] = defaultdict(list)
    for arrival in arrivals:
        boots[arrival.message_id, arrival.retried].append(arrival.boot)
        attempts[arrival.message_id].append(arrival.retried)
    for attempt, seen in boots.items():
        assert seen == sorted(set(seen)), f"{attempt} came twice in one life of the server"
        assert seen[-1] - seen[0] == len(seen) - 1, f"{attempt} was forgotten for a while"
    for id, retried in attempts.items():
        assert retried == sorted(retried), f"{id} went back: {retried}"
        assert set(retried) == set(range(max(retried) + 1)), f"{id} left attempts out: {retried}"


def check_callbacks(witness: Destination) -> None:
    """One callback message for each counted attempt, one failure callback for each dead letter."""
    reports: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for arrival in witness.arrivals:
        if arrival.path.startswith(("/callback", "/failure")):
            body = json.loads(arrival.body)
            reports[body["sourceMessageId"], body["retried"]].add(arrival.message_id)
    assert all(len(ids) == 1 for ids in reports.values())
    flaky = {one.message_id for one in witness.arrivals if one.path.startswith("/flaky")}
    for id in flaky:
        counted = [retried for source, retried in reports if source == id]
        assert sorted(counted) == list(range(FAILURES_BEFORE_SUCCESS + 1)), id


def check_books(
    database: Path, witness: Destination, ledger: Ledger, dead_in_api: list[str]
) -> None:
    with opened(database) as connection:
        assert integrity(connection) == "ok"
        states = states_by_path(connection, witness.url)
        dead = Counter(dead_paths(connection, witness.url))
    assert unfinished(database) == 0
    for path in ledger.owed:
        assert states[path] == [State.DELIVERED], path
    for path in ledger.canceled:
        assert states[path] == [State.CANCELED], path
    for path in ledger.asked_to_cancel:
        assert states[path] == [State.DELIVERED if witness.by_path[path] else State.CANCELED], path
    for paths in ledger.batches:
        assert sum(path in states for path in paths) in (0, len(paths)), "half a batch"
    failed = {path for path, found in states.items() if State.FAILED in found}
    assert dead == dict.fromkeys(failed, 1)
    assert all(path.startswith("/dead") for path in failed)
    assert len(dead_in_api) == len(set(dead_in_api)) == len(failed)
    acknowledged = {id for path, id in ledger.acknowledged.items() if path.startswith("/dead")}
    assert acknowledged <= set(dead_in_api)
    for path in failed:
        assert path.replace("/dead", "/failure") in witness.succeeded
