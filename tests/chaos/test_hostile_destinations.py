"""Destinations that hang, refuse to be reached or answer nonsense, beside healthy ones."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.chaos.books import wait_settled
from tests.chaos.publishers import TOKEN
from tests.chaos.rude import rude
from tests.chaos.servers import Mortal
from tests.support.http1 import Reply, Wire, connected, request
from tests.support.sinks import Answer, Sink, listening_sink

pytestmark = pytest.mark.chaos

HANGING = 300


async def publish(wire: Wire, url: str, *headers: tuple[str, str]) -> Reply:
    await wire.send(request("POST", f"/v2/publish/{url}", *headers, token=TOKEN, body=b"x"))
    return await wire.reply()


@pytest.fixture
async def hanging() -> AsyncIterator[Sink]:
    """Takes every request at `/hang` and answers none; it has many addresses."""
    sink = Sink()
    server = await asyncio.start_server(sink.serve, "0.0.0.0", 0)
    sink.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    sink.script("/hang", Answer(after=asyncio.Event()))
    yield sink
    server.close()
    sink.hang_up()


@pytest.fixture
async def healthy() -> AsyncIterator[Sink]:
    async with listening_sink() as sink:
        yield sink


@pytest.fixture
def dead_url() -> Iterator[str]:
    """An address whose queue of connections is full: further ones get no answer at all."""
    with socket.socket() as listener, socket.socket() as filler:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        filler.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/dead"


async def test_healthy_destinations_are_served_beside_hanging_and_dead_ones(
    tmp_path: Path, hanging: Sink, healthy: Sink, dead_url: str
) -> None:
    server = Mortal(tmp_path / "relaypost.db")
    await server.start()
    async with connected(server.line.port) as wire:
        for number in range(HANGING):
            url = dead_url if number % 3 == 0 else hanging.url_of("/hang")
            assert (await publish(wire, url)).status == 200
        await hanging.wait_for(HANGING * 2 // 3, "/hang")
        for number in range(100):
            assert (await publish(wire, healthy.url_of(f"/{number}"))).status == 200
            await healthy.wait_one(f"/{number}")
    await server.kill()


@pytest.mark.conformance("P-39")
async def test_publishing_goes_on_while_every_slot_is_taken(
    tmp_path: Path, hanging: Sink, healthy: Sink
) -> None:
    """One host never gets all slots, so it takes several."""
    server = Mortal(tmp_path / "relaypost.db", max_open_attempts="20")
    await server.start()
    async with connected(server.line.port) as wire:
        for number in range(1, 21):
            url = hanging.url_of("/hang").replace("127.0.0.1", f"127.0.0.{number}")
            await publish(wire, url, ("Upstash-Retries", "0"))
        await hanging.wait_for(20, "/hang")
        for number in range(200):
            assert (await publish(wire, healthy.url_of(f"/{number}"))).status == 200
        assert healthy.received == []
        hanging.hang_up()
        for number in range(200):
            await healthy.wait_one(f"/{number}")
    await server.stop()


async def test_answers_that_are_no_answers(tmp_path: Path, healthy: Sink) -> None:
    """Whatever comes back, the server lives and the next message is delivered."""
    server = Mortal(tmp_path / "relaypost.db")
    await server.start()
    async with rude() as rude_url, connected(server.line.port) as wire:
        for number in range(100):
            await publish(wire, f"{rude_url}/{number}", ("Upstash-Retries", "0"))
        await publish(wire, healthy.url_of("/after"))
        await healthy.wait_one("/after")
    await wait_settled(tmp_path / "relaypost.db")
    assert len(await server.list_dead_letters()) == 100
    await server.stop()
