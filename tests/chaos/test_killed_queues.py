"""SIGKILL under a load of queues and flow-control keys, again and again.

Whatever is cut off: queues keep their order, and no limit is exceeded, not for a moment.
"""

import asyncio
import random
from pathlib import Path

import pytest

from relaypost.domain.messages import State
from relaypost.domain.sequences import time_of
from relaypost.wire.ids import parse_message_id
from tests.chaos.books import integrity, opened, rows, states_by_path, wait_settled
from tests.chaos.destination import Destination, lane_of, witnessing
from tests.chaos.publishers import RETRY_DELAY, TOKEN, Line
from tests.chaos.servers import Mortal
from tests.support.gated_invariants import check_windows
from tests.support.http1 import ask, connected, request

pytestmark = pytest.mark.chaos

KILLS = 8
QUEUES = 4
KEYS = 2
PARALLELISM = 2
RATE, PERIOD_S = 15, 1
TIMES_IN_LANE = """
SELECT l.sequence FROM log_entries l JOIN envelopes e ON e.id = l.message_id
WHERE l.state = 1 AND e.url LIKE ? UNION ALL
SELECT m.id + 1 FROM messages m JOIN envelopes e ON e.id = m.id
WHERE m.claimed_on_arrival AND e.url LIKE ?
"""

Lines = tuple[tuple[str, str], ...]


class GatedPublisher:
    """Publishes one message after the other, into its own queue or with its own key."""

    def __init__(self, line: Line, *, url: str, lane: str, target: str, headers: Lines) -> None:
        self.lane = lane
        self.acknowledged: list[str] = []
        self._line = line
        self._url = url
        self._target = target
        self._headers = headers
        self._count = 0

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._line.is_up.wait()
            try:
                async with connected(self._line.port) as wire:
                    while not stop.is_set():
                        await wire.send(self._next())
                        reply = await wire.reply()
                        assert reply.status == 200, reply.body
                        self.acknowledged.append(f"{self.lane}/{self._count}")
                        await asyncio.sleep(0.01)
            except (ConnectionError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.01)  # killed; what was asked for last is in doubt

    def _next(self) -> bytes:
        self._count += 1
        path = f"{self.lane}/{self._count}"
        headers = [*self._headers]
        if self._count % 5 == 0:
            headers.append(("Upstash-Callback", f"{self._url}/callback{path}"))
        target = f"{self._target}/{self._url}{path}"
        return request("POST", target, *headers, token=TOKEN, body=b"x")


def publishers(line: Line, url: str) -> list[GatedPublisher]:
    retried = (("Upstash-Retries", "3"), ("Upstash-Retry-Delay", RETRY_DELAY))
    made = [
        GatedPublisher(
            line,
            url=url,
            lane=f"/{'flaky' if number % 2 else 'queued'}/{number}",
            target=f"/v2/enqueue/queue-{number}",
            headers=retried,
        )
        for number in range(QUEUES)
    ]
    for number in range(KEYS):
        value = f"parallelism={PARALLELISM}" if number % 2 else f"rate={RATE}, period={PERIOD_S}s"
        limits = (
            ("Upstash-Flow-Control-Key", f"key-{number}"),
            ("Upstash-Flow-Control-Value", value),
        )
        made.append(
            GatedPublisher(
                line,
                url=url,
                lane=f"/keyed/{number}",
                target="/v2/publish",
                headers=(*retried, *limits),
            )
        )
    return made


@pytest.mark.conformance("Q-7", "Q-14", "F-3", "F-13")
async def test_gates_hold_through_kills(tmp_path: Path) -> None:
    database, rng = tmp_path / "relaypost.db", random.Random()
    server = Mortal(database)
    async with witnessing(rng) as witness:
        await server.start()
        callers = publishers(server.line, witness.url)
        await publish_and_kill(server, witness, callers, rng)
        owed = {path for caller in callers for path in caller.acknowledged}
        await witness.wait_for(owed)
        await wait_settled(database)
        await check_nothing_is_left(server)
        await server.stop()

        assert len(owed) > KILLS * 20, "too little load to mean anything"
        check_order(witness)
        check_limits(witness)
        check_books(database, witness, owed)


async def publish_and_kill(
    server: Mortal, witness: Destination, callers: list[GatedPublisher], rng: random.Random
) -> None:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for caller in callers:
            tasks.create_task(caller.run(stop))
        for _ in range(KILLS):
            await asyncio.sleep(rng.uniform(0.1, 0.7))
            await server.kill()
            await witness.wait_until_left_alone()
            witness.boot += 1
            await server.start()
        stop.set()


async def check_nothing_is_left(server: Mortal) -> None:
    """What is counted is what is open: nothing (F-13)."""
    for number in range(KEYS):
        shown = await ask(server.line.port, "GET", f"/v2/flowControl/key-{number}", token=TOKEN)
        assert (shown.json["parallelismCount"], shown.json["waitListSize"]) == (0, 0)
    shown = await ask(server.line.port, "GET", "/v2/globalParallelism", token=TOKEN)
    assert shown.json["parallelismCount"] == 0
    for queue in (await ask(server.line.port, "GET", "/v2/queues", token=TOKEN)).json:
        assert (queue["lag"], queue["parallelism"], queue["paused"]) == (0, 1, False)


def check_order(witness: Destination) -> None:
    """First attempts of a queue come in the order in which its messages were accepted."""
    for number in range(QUEUES):
        lane = f"/{'flaky' if number % 2 else 'queued'}/{number}"
        ids = [
            parse_message_id(arrival.message_id)
            for arrival in witness.arrivals
            if lane_of(arrival.path) == lane
        ]
        first = list(dict.fromkeys(ids))
        assert None not in first
        assert first == sorted(first, key=lambda id: id or 0)


def check_limits(witness: Destination) -> None:
    for number in range(QUEUES):
        lane = f"/{'flaky' if number % 2 else 'queued'}/{number}"
        assert witness.most_open[lane] == 1
    assert witness.most_open["/keyed/1"] <= PARALLELISM


def check_books(database: Path, witness: Destination, owed: set[str]) -> None:
    with opened(database) as connection:
        assert integrity(connection) == "ok"
        states = states_by_path(connection, witness.url)
        like = f"'{witness.url}/keyed/0/%'"
        starts = [time_of(id) for (id,) in rows(connection, TIMES_IN_LANE.replace("?", like))]
    for path in owed:
        assert states[path] == [State.DELIVERED], path
    check_windows(sorted(starts), RATE, PERIOD_S * 1000)
