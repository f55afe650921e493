"""A disk that takes no more: nothing is accepted that can't be kept, and nothing is lost.

The limit on the size of files stands in for the disk; it is set on the running process.
"""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from tests.chaos.books import integrity, opened, unfinished, wait_settled
from tests.chaos.publishers import TOKEN
from tests.chaos.servers import Mortal
from tests.support.http1 import Reply, Wire, ask, connected, request
from tests.support.sinks import Answer, Sink, listening_sink

if sys.platform == "linux":
    import resource

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(sys.platform != "linux", reason="limits of others need prlimit"),
]

BODY = b"x" * 4_000
LITTLE_MORE = 100_000


def fill_disk(server: Mortal, database: Path) -> None:
    """Let files grow a little beyond what they are now."""
    wal = database.with_name(database.name + "-wal")
    limit = max(database.stat().st_size, wal.stat().st_size) + LITTLE_MORE
    limit_files(server, limit)


def limit_files(server: Mortal, limit: int) -> None:
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, hard))


def free_disk(server: Mortal) -> None:
    limit_files(server, resource.RLIM_INFINITY)


async def publish(wire: Wire, url: str) -> Reply:
    await wire.send(request("POST", f"/v2/publish/{url}", token=TOKEN, body=BODY))
    return await wire.reply()


async def publish_until_full(wire: Wire, sink: Sink) -> list[str]:
    """Paths that were accepted before the first refusal."""
    accepted: list[str] = []
    for number in range(1_000):
        path = f"/{number}"
        reply = await publish(wire, sink.url_of(path))
        if reply.status != 200:
            check_refusal(reply)
            return accepted
        accepted.append(path)
    raise AssertionError("the disk is never full")


def check_refusal(reply: Reply) -> None:
    assert reply.status == 503
    assert int(reply.headers["retry-after"]) > 0
    assert reply.error.startswith("the database can't be used now: ")


async def wait_readiness(server: Mortal, status: int) -> None:
    async with asyncio.timeout(10):
        while await readiness(server) != status:  # noqa: ASYNC110  # of another process
            await asyncio.sleep(0.1)


async def readiness(server: Mortal) -> int:
    return (await ask(server.line.port, "GET", "/readyz", token=None)).status


async def test_it_goes_on_by_itself_when_there_is_room_again(tmp_path: Path) -> None:
    database = tmp_path / "relaypost.db"
    server = Mortal(database, log_level="error")
    async with listening_sink() as sink:
        go_on = asyncio.Event()
        sink.script("/open", Answer(after=go_on))
        await server.start()
        async with connected(server.line.port) as wire:
            open_ones = 20
            for _ in range(open_ones):
                assert (await publish(wire, sink.url_of("/open"))).status == 200
            await sink.wait_for(open_ones, "/open")
            fill_disk(server, database)
            accepted = await publish_until_full(wire, sink)
            refused = [await publish(wire, sink.url_of("/refused")) for _ in range(5)]
            await wait_readiness(server, 503)
            assert (await ask(server.line.port, "GET", "/healthz", token=None)).status == 200
            go_on.set()  # outcomes that can't be written now
            await asyncio.to_thread(server.process.wait_output, re.compile("outcomes wait"))
            free_disk(server)
            assert (await publish(wire, sink.url_of("/after"))).status == 200
        for reply in refused:
            check_refusal(reply)
        for path in [*accepted, "/after"]:
            await sink.wait_one(path)
        await wait_settled(database)
        await wait_readiness(server, 200)
        await server.stop()

        assert sink.at("/refused") == []
        assert len(sink.at("/open")) == open_ones
    with opened(database) as connection:
        assert integrity(connection) == "ok"


@pytest.mark.conformance("P-38")
async def test_killed_on_a_full_disk(tmp_path: Path) -> None:
    database = tmp_path / "relaypost.db"
    server = Mortal(database)
    async with listening_sink() as sink:
        await server.start()
        async with connected(server.line.port) as wire:
            await publish(wire, sink.url_of("/first"))
            await sink.wait_one("/first")
            fill_disk(server, database)
            accepted = await publish_until_full(wire, sink)
            await server.kill()
        await server.start()
        await wait_settled(database)
        await server.stop()

        for path in accepted:
            assert {one.header("Upstash-Retried") for one in sink.at(path)} == {"0"}, path
    assert unfinished(database) == 0
    with opened(database) as connection:
        assert integrity(connection) == "ok"


async def test_a_batch_that_does_not_fit_makes_nothing(tmp_path: Path) -> None:
    database = tmp_path / "relaypost.db"
    server = Mortal(database)
    async with listening_sink() as sink:
        await server.start()
        fill_disk(server, database)
        items = [
            {"destination": sink.url_of(f"/batch/{number}"), "body": BODY.decode()}
            for number in range(200)
        ]
        async with connected(server.line.port) as wire:
            batch = json.dumps(items).encode()
            await wire.send(request("POST", "/v2/batch", token=TOKEN, body=batch))
            check_refusal(await wire.reply())
            free_disk(server)
            assert (await publish(wire, sink.url_of("/after"))).status == 200
        await sink.wait_one("/after")
        await wait_settled(database)
        await server.stop()

        assert [one.path for one in sink.received] == ["/after"]


async def test_it_stops_on_a_full_disk(tmp_path: Path) -> None:
    database = tmp_path / "relaypost.db"
    server = Mortal(database, shutdown_grace="500ms")
    async with listening_sink() as sink:
        await server.start()
        async with connected(server.line.port) as wire:
            fill_disk(server, database)
            accepted = await publish_until_full(wire, sink)
        await server.stop()
        await server.start()
        await wait_settled(database)
        await server.stop()

        assert all(sink.at(path) for path in accepted)
