"""SIGKILL at moments that a loaded server rarely meets: while it starts, right after an answer."""

import asyncio
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import jwt
import pytest

from tests.chaos.books import integrity, opened
from tests.chaos.publishers import TOKEN
from tests.chaos.servers import Mortal
from tests.support.commands import ROOT
from tests.support.http1 import Reply, ask, connected, request
from tests.support.servers import running
from tests.support.sinks import Answer, listening_sink

pytestmark = pytest.mark.chaos


async def call(server: Mortal, method: str, target: str) -> Reply:
    return await ask(server.line.port, method, target, token=TOKEN, body=b"")


def test_killed_while_it_starts(tmp_path: Path) -> None:
    """The schema, the first project and the lock are made by steps; each may be the last."""
    database, rng = tmp_path / "relaypost.db", random.Random()
    command = [sys.executable, "-m", "relaypost", "serve", "--port", "0"]
    for step in range(12):
        process = subprocess.Popen(
            [*command, "--database-url", f"sqlite:///{database}"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1 + 0.03 * step + rng.uniform(0, 0.03))
        process.kill()
        process.wait()

    with running("serve", database_url=f"sqlite:///{database}") as server:
        assert server.stop() == 0
    with opened(database) as connection:
        assert integrity(connection) == "ok"


@pytest.mark.conformance("K-5")
async def test_keys_survive_a_kill_right_after_their_rotation(tmp_path: Path) -> None:
    server = Mortal(tmp_path / "relaypost.db", rotate_guard="0")
    rotated: dict[str, str] = {}
    await server.start()
    for _ in range(3):
        rotated = (await call(server, "POST", "/v2/keys/rotate")).json
        await server.kill()
        await server.start()
        assert (await call(server, "GET", "/v2/keys")).json == rotated

    async with listening_sink() as sink:
        await call(server, "POST", f"/v2/publish/{sink.url_of('/signed')}")
        received = await sink.wait_one("/signed")
    await server.stop()
    signature = received.header("Upstash-Signature")
    assert signature is not None
    assert jwt.decode(signature, rotated["current"], algorithms=["HS256"])["iss"] == "Upstash"


@pytest.mark.conformance("P-38")
async def test_killed_right_after_the_answer(tmp_path: Path) -> None:
    """Not one of the answers that came through may be lost."""
    server = Mortal(tmp_path / "relaypost.db")
    paths: list[str] = []
    async with listening_sink() as sink:
        for life in range(3):
            await server.start()
            async with connected(server.line.port) as wire:
                for number in range(20):
                    path = f"/{life}/{number}"
                    target = f"/v2/publish/{sink.url_of(path)}"
                    await wire.send(
                        request("POST", target, ("Upstash-Delay", "1s"), token=TOKEN, body=b"x")
                    )
                    assert (await wire.reply()).status == 200
                    paths.append(path)
            await server.kill()
        await server.start()
        for path in paths:
            await sink.wait_one(path)
        await server.stop()


async def test_a_message_that_was_open_is_taken_up_at_once(tmp_path: Path) -> None:
    """Its lease belongs to a process that is gone: nobody waits for it to run out."""
    server = Mortal(tmp_path / "relaypost.db")
    async with listening_sink() as sink:
        sink.script("/open", Answer(after=asyncio.Event()))
        await server.start()
        for number in range(30):
            await call(server, "POST", f"/v2/publish/{sink.url_of('/open')}?n={number}")
        await sink.wait_for(30, "/open")
        await server.kill()
        sink.script("/open", Answer())
        await server.start()
        received = await sink.wait_for(60, "/open")
        await server.stop()

    assert {one.header("Upstash-Retried") for one in received} == {"0"}
    assert len({one.header("Upstash-Message-Id") for one in received}) == 30
