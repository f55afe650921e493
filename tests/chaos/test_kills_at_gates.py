"""SIGKILL with messages at gates: order, places and slots are kept, and deleted queues gone."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.publishers import TOKEN
from tests.chaos.servers import Mortal
from tests.support.http1 import ask
from tests.support.rest import poll
from tests.support.sinks import Answer, Sink, listening_sink

pytestmark = pytest.mark.chaos

QUEUE, KEY = "orders", "erp"
WAITING = 1_000


async def call(server: Mortal, method: str, target: str, body: Any = None) -> Any:
    encoded = b"" if body is None else json.dumps(body).encode()
    reply = await ask(server.line.port, method, target, token=TOKEN, body=encoded)
    assert reply.status == 200, reply.body
    return reply.json if reply.body else None


async def publish(server: Mortal, sink: Sink, count: int, **headers: str) -> None:
    urls = [sink.url_of(f"/{number}") for number in range(count)]
    await call(server, "POST", "/v2/batch", [{"destination": u, "headers": headers} for u in urls])


@pytest.mark.conformance("Q-14")
async def test_a_queue_goes_on_where_it_was(tmp_path: Path) -> None:
    server = Mortal(tmp_path / "relaypost.db")
    async with listening_sink() as sink:
        sink.script("/0", Answer(after=asyncio.Event()))
        await server.start()
        await publish(server, sink, 10, **{"Upstash-Queue-Name": QUEUE})
        await sink.wait_one()
        await server.kill()
        sink.script("/0", Answer())
        await server.start()
        received = await sink.wait_for(11)
        await server.stop()
    assert [one.path for one in received] == ["/0", *(f"/{number}" for number in range(10))]
    assert {one.header("Upstash-Retried") for one in received} == {"0"}


@pytest.mark.conformance("F-13")
async def test_a_key_counts_what_is_really_open(tmp_path: Path) -> None:
    server = Mortal(tmp_path / "relaypost.db")
    limits = {"Upstash-Flow-Control-Key": KEY, "Upstash-Flow-Control-Value": "parallelism=2"}

    async def shown(waiting: int, open_now: int) -> bool | None:
        key = await call(server, "GET", f"/v2/flowControl/{KEY}")
        everything = await call(server, "GET", "/v2/globalParallelism")
        counts = (key["parallelismCount"], everything["parallelismCount"])
        return (key["waitListSize"], *counts) == (waiting, open_now, open_now) or None

    async with listening_sink() as sink:
        is_over = asyncio.Event()
        for number in range(5):
            sink.script(f"/{number}", Answer(after=is_over))
        await server.start()
        await publish(server, sink, 5, **limits)
        for sent in (2, 4, 6):
            await sink.wait_for(sent)
            assert await poll(lambda: shown(3, 2))
            if sent < 6:
                await server.kill()
                await server.start()
        is_over.set()
        await sink.wait_for(9)
        assert await poll(lambda: shown(0, 0))
        await server.stop()
    assert sorted(one.path for one in sink.received[:6]) == ["/0"] * 3 + ["/1"] * 3


@pytest.mark.conformance("F-17")
@pytest.mark.parametrize("seconds", [0, 0.02])
async def test_killed_right_after_a_queue_was_deleted(tmp_path: Path, seconds: float) -> None:
    server = Mortal(tmp_path / "relaypost.db")
    async with listening_sink() as sink:
        sink.script("/0", Answer(after=asyncio.Event()))
        await server.start()
        await publish(server, sink, WAITING, **{"Upstash-Queue-Name": QUEUE})
        await sink.wait_one("/0")
        await call(server, "DELETE", f"/v2/queues/{QUEUE}")
        await asyncio.sleep(seconds)
        await server.kill()
        sink.script("/0", Answer())
        await server.start()

        async def canceled() -> bool | None:
            target = f"/v2/events?state=CANCELED&queueName={QUEUE}&count={WAITING}"
            return len((await call(server, "GET", target))["events"]) == WAITING or None

        assert await poll(canceled, seconds=30)
        assert await call(server, "GET", "/v2/queues") == []
        await server.stop()
    assert {one.path for one in sink.received} == {"/0"}
