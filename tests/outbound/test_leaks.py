"""Whatever happens to attempts, no socket and no task is left behind."""

import asyncio
import os
import random

import pytest

from relaypost.outbound.sender import HttpSender
from tests.support.attempts import attempt_request
from tests.support.raw_servers import OK, Peer, RawServer, raw_server

ATTEMPTS = 400


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def misbehave(peer: Peer) -> None:
    """Do something else for each request, as its path says."""
    while True:
        request = await peer.request()
        match request.line.split()[1]:
            case "/ok":
                await peer.send(OK)
            case "/reset":
                await peer.send(OK[:20])
                peer.reset()
            case "/end":
                await peer.send(OK[:20])
                return
            case "/noise":
                await peer.send(b"\x00noise")
            case "/extra":
                await peer.send(OK + OK)
            case _:
                await peer.wait_gone()


async def attempt(sender: HttpSender, server: RawServer, rng: random.Random) -> None:
    path = rng.choice(["/ok", "/ok", "/ok", "/reset", "/end", "/noise", "/extra", "/silent"])
    scheme = rng.choice(["http", "http", "http", "http", "https"])
    body = b"x" * rng.choice([0, 10, 100_000, 1_000_000])
    url = f"{scheme}://127.0.0.1:{server.port}{path}"
    patience = rng.choice([0, 0.001, 0.01, None, None, None])
    timeout_ms = rng.choice([1, 20, 100])
    try:
        async with asyncio.timeout(patience):
            await sender.send(attempt_request(url, body=body, timeout_ms=timeout_ms))
    except TimeoutError:
        assert patience is not None


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs a list of open files")
async def test_nothing_is_left_behind(sender: HttpSender) -> None:
    rng = random.Random(7)
    async with raw_server(misbehave):  # the loop opens a file of its own with its first socket
        before = open_files() - 1
    async with raw_server(misbehave) as server:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(ATTEMPTS):
                tasks.create_task(attempt(sender, server, rng))
        await sender.close()
        assert sender.statistics().open_connections == 0
    for _ in range(100):  # the server's own sockets close in later turns of the loop
        if open_files() <= before:
            break
        await asyncio.sleep(0.01)
    assert open_files() <= before
