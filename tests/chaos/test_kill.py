"""SIGKILL under load, again and again: nothing acknowledged is lost, nothing stuck or made up."""

import asyncio
import itertools
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import httpx
import pytest

from tests.support.rest import poll
from tests.support.servers import RelaypostProcess
from tests.support.sinks import Answer, Received, Sink, listening_sink

KILLS = 10
PUBLISHERS = 6
BATCH = 5
PATIENCE_SECONDS = 60.0


@dataclass
class Ledger:
    """What was acknowledged, by kind. The test survives the kills, so memory is enough."""

    plain: list[str] = field(default_factory=list)
    delayed: dict[str, float] = field(default_factory=dict)
    """The loop's time before which it must not arrive."""
    failing: list[str] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    batches: list[list[str]] = field(default_factory=list)
    unknown: int = 0
    """Publishes that got no answer: each may exist or not."""

    @property
    def ids(self) -> list[str]:
        batched = itertools.chain.from_iterable(self.batches)
        return [*self.plain, *self.delayed, *self.failing, *self.reported, *batched]


class Servers:
    """One database and one server after the other on it."""

    def __init__(self, path: Path) -> None:
        self._settings = {
            "database_url": f"sqlite:///{path}",
            "token": "secret",
            "allow_networks": "127.0.0.0/8",
            "log_deliveries": "none",
        }
        self.server = self._start()

    def restart(self) -> None:
        self.server.kill()
        self.server = self._start()

    def _start(self) -> RelaypostProcess:
        return RelaypostProcess("serve", self._settings)


class Publisher:
    """Publishes one thing after the other; a broken connection is no answer, and no failure."""

    def __init__(self, servers: Servers, sink: Sink, ledger: Ledger, rng: random.Random) -> None:
        self._servers = servers
        self._sink = sink
        self._ledger = ledger
        self._rng = rng
        self._kinds = (self._plain, self._delayed, self._failing, self._reported, self._batch)

    async def run(self, stop: asyncio.Event) -> None:
        headers = {"Authorization": "Bearer secret"}
        async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=5) as http:
            while not stop.is_set():
                try:
                    await self._rng.choice(self._kinds)(http)
                except httpx.TransportError:
                    self._ledger.unknown += 1
                    await asyncio.sleep(0.02)

    async def _publish(self, http: httpx.AsyncClient, path: str, **options: str) -> str:
        headers = {f"Upstash-{name.replace('_', '-')}": text for name, text in options.items()}
        url = f"{self._servers.server.url}/v2/publish/{self._sink.url_of(path)}"
        answer = await http.post(url, content=b"x" * 200, headers=headers)
        assert answer.status_code == httpx.codes.OK, answer.text
        id: str = answer.json()["messageId"]
        return id

    async def _plain(self, http: httpx.AsyncClient) -> None:
        self._ledger.plain.append(await self._publish(http, "/plain"))

    async def _delayed(self, http: httpx.AsyncClient) -> None:
        not_before = asyncio.get_running_loop().time() + 0.7
        self._ledger.delayed[await self._publish(http, "/delayed", Delay="700ms")] = not_before

    async def _failing(self, http: httpx.AsyncClient) -> None:
        options = {"Retries": "1", "Retry_Delay": "100"}
        options["Failure_Callback"] = self._sink.url_of("/failure")
        self._ledger.failing.append(await self._publish(http, "/failing", **options))

    async def _reported(self, http: httpx.AsyncClient) -> None:
        callback = self._sink.url_of("/callback")
        self._ledger.reported.append(await self._publish(http, "/reported", Callback=callback))

    async def _batch(self, http: httpx.AsyncClient) -> None:
        items = [{"destination": self._sink.url_of("/batch"), "body": "x"}] * BATCH
        answer = await http.post(f"{self._servers.server.url}/v2/batch", json=items)
        assert answer.status_code == httpx.codes.OK, answer.text
        self._ledger.batches.append([item["messageId"] for item in answer.json()])


@pytest.mark.chaos
@pytest.mark.conformance("P-38", "D-28", "D-29")
async def test_killed_under_load(tmp_path: Path) -> None:
    path = tmp_path / "relaypost.db"
    seed = random.SystemRandom().randrange(1 << 32)
    rng = random.Random(seed)
    ledger = Ledger()
    arrivals: dict[str, float] = {}
    async with listening_sink() as sink:
        sink.script("/failing", Answer(500))
        servers = Servers(path)
        try:
            await _load_and_kill(servers, sink, ledger, rng)
            await _wait_all_terminal(path)
            for received in sink.received:
                id = received.header("Upstash-Message-Id")
                assert id is not None
                arrivals.setdefault(id, received.at)
        finally:
            servers.server.stop()
        _check(ledger, sink.received, path, seed)
        early = [id for id, time in ledger.delayed.items() if arrivals[id] < time - 0.01]
        assert early == [], f"seed {seed}"


async def _load_and_kill(servers: Servers, sink: Sink, ledger: Ledger, rng: random.Random) -> None:
    stop = asyncio.Event()
    publishers = [Publisher(servers, sink, ledger, rng) for _ in range(PUBLISHERS)]
    async with asyncio.TaskGroup() as tasks:
        for publisher in publishers:
            tasks.create_task(publisher.run(stop))
        for _ in range(KILLS):
            await asyncio.sleep(rng.uniform(0.2, 1.0))
            await asyncio.to_thread(servers.restart)
        stop.set()


async def _wait_all_terminal(path: Path) -> None:
    """Read the database from outside until no message waits or is open."""

    async def done() -> bool | None:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(1000)
        query = "SELECT count(*) FROM messages WHERE state < 2"
        left = connection.execute(query).fetchall()[0][0]
        connection.close()
        return True if left == 0 else None

    await poll(done, seconds=PATIENCE_SECONDS)


def _check(ledger: Ledger, received: list[Received], path: Path, seed: int) -> None:
    connection = apsw.Connection(str(path))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    by_id = defaultdict(list)
    for request in received:
        by_id[request.header("Upstash-Message-Id")].append(request)
    lost = [id for id in ledger.ids if not by_id[id]]
    assert lost == [], f"seed {seed}: acknowledged and never delivered"
    assert len(set(ledger.ids)) == len(ledger.ids), f"seed {seed}: an id was given twice"
    for id in ledger.failing:
        counted = {request.header("Upstash-Retried") for request in by_id[id]}
        assert counted == {"0", "1"}, f"seed {seed}: {id} had attempts {counted}"
    states = Counter(
        state for (state,) in connection.execute("SELECT state FROM messages").fetchall()
    )
    dead = _count(connection, "SELECT count(*) FROM dead_letters")
    batched = _count(connection, "SELECT count(*) FROM envelopes WHERE url LIKE '%/batch'")
    assert batched % BATCH == 0, f"seed {seed}: a part of a batch"
    failures = [request for request in received if request.path == "/failure"]
    assert states[3] == dead >= len(ledger.failing), f"seed {seed}: {states}, {dead}"
    assert len({request.header("Upstash-Message-Id") for request in failures}) == dead
    total = sum(states.values())
    made = len(ledger.ids) + len(ledger.reported) + len(ledger.failing)
    assert total - made <= ledger.unknown * 10, f"seed {seed}: {total - made} messages too many"
    connection.close()


def _count(connection: apsw.Connection, query: str) -> int:
    found = connection.execute(query).fetchall()[0][0]
    assert isinstance(found, int)
    return found
