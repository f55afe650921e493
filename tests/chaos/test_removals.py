"""SIGKILL while a project is removed: it is there, or it goes, and nothing of it comes back."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relaypost.operator import client
from relaypost.operator.commands import AddProject, Command, ListProjects, RemoveProject
from relaypost.operator.paths import socket_path
from tests.chaos.books import integrity, opened, rows
from tests.chaos.publishers import TOKEN
from tests.chaos.servers import Mortal
from tests.support.http1 import ask
from tests.support.rest import poll
from tests.support.sinks import listening_sink

pytestmark = pytest.mark.chaos

MESSAGES = 3000
ROUNDS = 6


async def command(database: Path, command: Command) -> Any:
    path, line = socket_path(str(database)), msgspec.json.encode(command)
    reply = await asyncio.to_thread(client.ask, path, line)
    return json.loads(reply)["result"] if reply else None


async def publish(port: int, token: str, url: str, *, delay: str, count: int) -> None:
    item = {"destination": url, "headers": {"Upstash-Delay": delay}}
    body = json.dumps([item] * count).encode()
    assert (await ask(port, "POST", "/v2/batch", token=token, body=body)).status == 200


TABLES = """
SELECT m.name FROM sqlite_schema m, pragma_table_info(m.name) c
WHERE m.type = 'table' AND c.name = 'project_id'
"""

LEFT = """
SELECT count(*) FROM {table} WHERE project_id NOT IN (SELECT id FROM projects WHERE NOT is_removed)
"""

ENVELOPES_LEFT = "SELECT count(*) FROM envelopes WHERE id NOT IN (SELECT id FROM messages)"


def rows_left(database: Path) -> int:
    """What there is of projects that are not there any more."""
    with opened(database) as connection:
        queries = [LEFT.format(table=table) for (table,) in rows(connection, TABLES)]
        return sum(rows(connection, query)[0][0] for query in (*queries, ENVELOPES_LEFT))


async def wait_forgotten(database: Path) -> None:
    async def is_forgotten() -> bool | None:
        return True if await asyncio.to_thread(rows_left, database) == 0 else None

    await poll(is_forgotten)


async def test_killed_while_a_project_is_removed(tmp_path: Path) -> None:
    database, rng = tmp_path / "relaypost.db", random.Random()
    server = Mortal(database)
    await server.start()
    cut_off = 0
    async with listening_sink() as sink:
        for round in range(ROUNDS):
            name = f"shop-{round}"
            token = (await command(database, AddProject(name=name)))["token"]
            port = server.line.port
            await publish(port, token, sink.url_of("/gone"), delay="60s", count=MESSAGES)
            async with asyncio.TaskGroup() as tasks:
                removing = tasks.create_task(command(database, RemoveProject(name=name)))
                await asyncio.sleep(rng.uniform(0, 0.15))
                await server.kill()
            cut_off += removing.result() is None
            await server.start()
            names = [project["name"] for project in await command(database, ListProjects())]
            reply = await ask(server.line.port, "GET", "/v2/events", token=token)
            assert reply.status == (200 if name in names else 401)
            if name in names:
                await command(database, RemoveProject(name=name))
            await wait_forgotten(database)
        await publish(server.line.port, TOKEN, sink.url_of("/mine"), delay="0s", count=1)
        await sink.wait_one("/mine")
        assert sink.at("/gone") == []
    await server.stop()
    assert cut_off, "no kill came in time"
    with opened(database) as connection:
        assert integrity(connection) == "ok"
