"""Connections that keep the server waiting, seen second by second without waiting for them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from relaypost.api.bodies import read_body
from relaypost.api.protocol import (
    BODY_SECONDS,
    HEAD_SECONDS,
    KEEP_ALIVE_SECONDS,
    LINGER_SECONDS,
    WRITE_SECONDS,
)
from tests.support.http1 import connected, request
from tests.support.listening import Listening, listening

POST = request("POST", "/echo", ("Content-Length", "10"), token=None)
LARGE = 64 * 1024 * 1024


class Application:
    """Answers with the length of the body; `/slow` waits to be let go, `/large` is hard to read."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.entered = asyncio.Event()
        self.failures: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.entered.set()
        try:
            body = await read_body(receive, 0)
        except Exception as error:
            self.failures.append(type(error).__name__)
            return
        if scope["raw_path"] == b"/slow":
            await self.go_on.wait()
        answer = b"x" * LARGE if scope["raw_path"] == b"/large" else b"%d" % len(body)
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
async def server(application: Application) -> AsyncIterator[Listening]:
    async with listening(application) as server:
        yield server


async def test_a_connection_without_a_word(server: Listening) -> None:
    async with connected(server.port) as wire:
        await server.wait_connections(1)
        server.pass_seconds(HEAD_SECONDS)
        assert server.is_patient
        server.pass_seconds(1)
        assert await wire.wait_closed() == b""


async def test_a_head_that_never_ends(server: Listening) -> None:
    """Bytes that trickle in don't count: only the whole head does."""
    async with connected(server.port) as wire:
        await wire.send(b"GET / HTTP/1.1\r\n")
        await server.wait_connections(1)
        for number in range(HEAD_SECONDS + 2):
            await wire.send(b"X-%d: y\r\n" % number)
            await asyncio.sleep(0)
            server.pass_seconds(1)
        reply = await wire.reply()
        assert (reply.status, reply.error) == (408, "the request did not come in time")
        assert await wire.wait_closed() == b""


async def test_a_body_that_stops(server: Listening, application: Application) -> None:
    async with connected(server.port) as wire:
        await wire.send(POST + b"12345")
        await application.entered.wait()
        server.pass_seconds(BODY_SECONDS + 1)
        assert (await wire.reply()).status == 408
        assert await wire.wait_closed() == b""

    assert application.failures == ["Disconnected"]


async def test_a_body_that_goes_on_slowly(server: Listening, application: Application) -> None:
    async with connected(server.port) as wire:
        await wire.send(POST)
        await application.entered.wait()
        for _ in range(10):
            server.pass_seconds(BODY_SECONDS - 1)
            await wire.send(b"x")
            await server.wait_progress()
        assert (await wire.reply()).body == b"10"


async def test_an_answer_that_takes_long_is_waited_for(
    server: Listening, application: Application
) -> None:
    async with connected(server.port) as wire:
        await wire.send(request("GET", "/slow", token=None))
        await application.entered.wait()
        server.pass_seconds(10_000)
        application.go_on.set()
        assert (await wire.reply()).status == 200


async def test_an_idle_connection(server: Listening) -> None:
    async with connected(server.port) as wire:
        await wire.send(request("GET", "/", token=None))
        await wire.reply()
        server.pass_seconds(KEEP_ALIVE_SECONDS)
        await wire.send(request("GET", "/", token=None))
        await wire.reply()
        server.pass_seconds(KEEP_ALIVE_SECONDS + 1)
        assert await wire.wait_closed() == b""


async def test_blank_lines_keep_no_connection_alive(server: Listening) -> None:
    """uvicorn's own timer ends with any byte."""
    async with connected(server.port) as wire:
        await wire.send(request("GET", "/", token=None))
        await wire.reply()
        await wire.send(b"\r\n")
        server.pass_seconds(KEEP_ALIVE_SECONDS + 1)
        await server.wait_connections(0)


async def test_an_answer_that_nobody_reads(server: Listening) -> None:
    async with connected(server.port, read_limit=1) as wire:
        await wire.send(request("GET", "/large", ("Connection", "close"), token=None))
        assert await wire.first_byte() == b"H"
        server.pass_seconds(WRITE_SECONDS + 1)
        await server.wait_connections(0)


async def test_pipelined_answers_that_nobody_reads(server: Listening) -> None:
    async with connected(server.port, read_limit=1) as wire:
        await wire.send(request("GET", "/large", token=None) * 3)
        assert await wire.first_byte() == b"H"
        server.pass_seconds(WRITE_SECONDS + 1)
        await server.wait_connections(0)


async def test_a_refused_client_may_not_talk_for_ever(server: Listening) -> None:
    async with connected(server.port) as wire:
        await wire.send(b"rubbish\r\n\r\n")
        assert (await wire.reply()).status == 400
        await wire.send(b"more rubbish")
        assert server.open_connections == 1
        server.pass_seconds(LINGER_SECONDS + 1)
        await server.wait_connections(0)


async def test_the_end_of_the_server_cuts_off_what_does_not_end(application: Application) -> None:
    async with listening(application, grace_seconds=0.05) as server:
        await stop_amid_a_body(server, application)

    assert application.failures == ["Disconnected"]


async def stop_amid_a_body(server: Listening, application: Application) -> None:
    async with connected(server.port) as wire:
        await wire.send(POST + b"12345")
        await application.entered.wait()
        server.stop()
        assert await wire.wait_closed() == b""
