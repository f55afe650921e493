"""SIGTERM: nothing new is taken, what is open may end, what does not end is done again."""

import asyncio
import re
import signal
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.http1 import ask, connected, request
from tests.support.servers import RelaypostProcess, running
from tests.support.sinks import Answer, Sink

SETTINGS = {"token": "t", "allow_networks": "127.0.0.0/8", "log_level": "warning"}


def serving(tmp_path: Path, **settings: str) -> AbstractContextManager[RelaypostProcess]:
    return running("serve", database_url=f"sqlite:///{tmp_path}/x.db", **SETTINGS | settings)


async def publish(server: RelaypostProcess, url: str, *headers: tuple[str, str]) -> str:
    reply = await ask(server.port, "POST", f"/v2/publish/{url}", *headers, token="t", body=b"x")
    assert reply.status == 200
    id: str = reply.json["messageId"]
    return id


async def wait_refused(port: int) -> None:
    """Return when the server takes no connections any more."""
    while True:
        try:
            async with connected(port):
                await asyncio.sleep(0.01)
        except ConnectionError:
            return


async def test_an_open_delivery_may_end(tmp_path: Path, sink: Sink) -> None:
    go_on = asyncio.Event()
    url = sink.script("/open", Answer(200, after=go_on))

    with serving(tmp_path, log_deliveries="all") as server:
        await publish(server, url)
        await sink.wait_one("/open")
        server.signal(signal.SIGTERM)
        await wait_refused(server.port)
        go_on.set()
        assert await asyncio.to_thread(server.wait_end) == 0
        assert "state=DELIVERED" in server.output

    with serving(tmp_path) as server:
        await publish(server, sink.url_of("/after"))
        await sink.wait_one("/after")
        await sink.wait_one("/open")


@pytest.mark.conformance("D-28")
async def test_a_delivery_that_takes_longer_is_done_again(tmp_path: Path, sink: Sink) -> None:
    url = sink.script("/slow", Answer(500), Answer(200, after=asyncio.Event()), Answer(200))
    retry = (("Upstash-Retries", "3"), ("Upstash-Retry-Delay", "1"))

    with serving(tmp_path, shutdown_grace="300ms") as server:
        id = await publish(server, url, *retry)
        await sink.wait_for(2, "/slow")
        server.signal(signal.SIGTERM)
        assert await asyncio.to_thread(server.wait_end) == 0
        assert "stopping with open attempts open=1" in server.output

    with serving(tmp_path):
        received = await sink.wait_for(3, "/slow")
        assert [one.header("Upstash-Retried") for one in received] == ["0", "1", "1"]
        assert {one.header("Upstash-Message-Id") for one in received} == {id}


async def test_a_second_signal_does_not_wait(tmp_path: Path, sink: Sink) -> None:
    url = sink.script("/stuck", Answer(200, after=asyncio.Event()), Answer(200))

    with serving(tmp_path) as server:
        await publish(server, url)
        await sink.wait_one("/stuck")
        server.signal(signal.SIGTERM)
        await wait_refused(server.port)
        server.signal(signal.SIGTERM)
        assert await asyncio.to_thread(server.wait_end) == 130
        assert "stopped without waiting" in server.output

    with serving(tmp_path):
        await sink.wait_for(2, "/stuck")


async def test_it_is_not_ready_while_it_stops(tmp_path: Path, sink: Sink) -> None:
    go_on = asyncio.Event()
    url = sink.script("/open", Answer(200, after=go_on))

    with serving(tmp_path) as server:
        async with connected(server.port) as wire:
            await wire.send(request("POST", "/v2/batch", ("Content-Length", "2"), token="t") + b"[")
            await publish(server, url)
            await sink.wait_one("/open")
            server.signal(signal.SIGTERM)
            await wait_refused(server.port)
            await wire.send(b"]" + request("GET", "/readyz", token=None))
            batch = await wire.reply()
            assert (batch.status, batch.headers["connection"]) == (200, "close")
        go_on.set()
        assert await asyncio.to_thread(server.wait_end) == 0


async def test_a_request_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    with serving(tmp_path, shutdown_grace="200ms") as server:
        async with connected(server.port) as unfinished, connected(server.port) as idle:
            await unfinished.send(request("POST", "/v2/batch", ("Content-Length", "9"), token="t"))
            await idle.send(request("GET", "/healthz", token=None))
            await idle.reply()
            server.signal(signal.SIGTERM)
            assert await idle.wait_closed() == b""
            assert await asyncio.to_thread(server.wait_end) == 0
        assert "ERROR" not in server.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_idle_server_stops_at_once(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as server:
        assert await asyncio.to_thread(server.stop, number) == 0
        assert not re.search("WARNING|ERROR|CRITICAL", server.output)
