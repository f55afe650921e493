"""The socket for commands: who may speak to it, and what it makes of what it hears."""

import asyncio
import json
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from relaypost.operator import client
from relaypost.operator.commands import (
    RUN,
    AddProject,
    AddToken,
    AnyCommand,
    Command,
    ListProjects,
    ListTokens,
    MakeNext,
    RemoveProject,
    Reset,
    RevokeToken,
    Roll,
    RotateKeys,
    SetLimit,
    ShowKeys,
    ShowLimits,
)
from relaypost.operator.server import MAX_LINE, OperatorSocket
from relaypost.service.administration import Administration
from relaypost.service.directory import Directory
from relaypost.store.sqlite.store import SqliteStore
from tests.support.clocks import FakeClock
from tests.support.messages import NOW
from tests.support.offices import administration_of


@dataclass
class Operator:
    path: str
    office: Administration

    async def ask(self, line: bytes) -> Any:
        reply = await asyncio.to_thread(client.ask, self.path, line)
        assert reply is not None
        return json.loads(reply)

    async def do(self, command: Command) -> Any:
        found = await self.ask(msgspec.json.encode(command))
        assert "error" not in found, found
        return found["result"]

    async def refused(self, command: Command) -> str:
        found = await self.ask(msgspec.json.encode(command))
        assert set(found) == {"error"}
        error: str = found["error"]
        return error


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    store = SqliteStore(None, inline=True)
    office = administration_of(store, FakeClock(), Directory(development=False))
    path = str(tmp_path / "x.db.socket")
    opened = OperatorSocket(path)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(opened.run(office))
        yield Operator(path, office)
        running.cancel()
    opened.close()
    await store.upkeep.close()
    assert not Path(path).is_socket()  # noqa: ASYNC240 - a look, not a read


def test_every_command_is_carried_out() -> None:
    assert set(RUN) == set(get_args(AnyCommand))


async def test_all_commands(operator: Operator) -> None:
    made = await operator.do(AddProject(name="shop"))
    assert set(made) == {"token", "read_only_token", "keys"}
    assert await operator.do(ListProjects()) == [{"name": "shop", "created_at": NOW, "limits": {}}]
    assert await operator.do(ShowKeys(project="shop")) == made["keys"]
    rotated = await operator.do(RotateKeys(project="shop"))
    assert rotated["current"] == made["keys"]["next"]
    added = await operator.do(
        AddToken(project="shop", kind="publish-only", hosts=("a.example",), groups=("g",))
    )
    shown = await operator.do(ListTokens(project="shop"))
    assert shown[-1] == {
        "fingerprint": added["sha256"][:12],
        "kind": "publish-only",
        "slot": "added",
        "hosts": ["a.example"],
        "groups": ["g"],
        "is_given": False,
        "created_at": NOW,
    }
    assert await operator.do(RevokeToken(project="shop", fingerprint=added["sha256"])) == {}
    following = await operator.do(MakeNext(project="shop"))
    assert await operator.do(Roll(project="shop", sha256=following["sha256"])) == {}
    assert operator.office.directory.authenticate(following["token"])
    assert not operator.office.directory.authenticate(made["token"])
    assert set(await operator.do(Reset(project="shop"))) == {"token", "read_only_token"}
    limits = await operator.do(SetLimit(project="shop", limit="max_retries", value=3))
    assert (limits["own"], limits["all"]["max_retries"]) == ({"max_retries": 3}, 3)
    assert await operator.do(ShowLimits(project="shop")) == limits
    assert (await operator.do(SetLimit(project="shop", limit="max_retries")))["own"] == {}
    assert (await operator.do(RemoveProject(name="shop")))["forgotten"] > 0
    assert await operator.do(ListProjects()) == []


@pytest.mark.conformance("K-4")
async def test_a_command_rotates_without_a_guard(operator: Operator) -> None:
    made = await operator.do(AddProject(name="shop"))
    other = await operator.do(AddProject(name="other"))
    first = await operator.do(RotateKeys(project="shop"))
    second = await operator.do(RotateKeys(project="shop"))
    assert first["current"] == made["keys"]["next"]
    assert second["current"] == first["next"]
    assert await operator.do(ShowKeys(project="other")) == other["keys"]


async def test_what_is_refused_is_said(operator: Operator) -> None:
    assert await operator.refused(ShowKeys(project="nobody")) == "there is no project 'nobody'"
    assert "no name of a project" in await operator.refused(AddProject(name="a b"))
    await operator.do(AddProject(name="shop"))
    assert "no kind of token" in await operator.refused(AddToken(project="shop", kind="odd"))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"nonsense",
        b'{"type":"projects.explode"}',
        b'{"type":"projects.add"}',
        b'{"type":"projects.add","name":1}',
        b'{"type":"projects.list","verbose":true}',
    ],
)
async def test_what_is_no_command(operator: Operator, line: bytes) -> None:
    assert "another version" in (await operator.ask(line))["error"]


async def test_a_defect_is_logged_and_no_words_of_it_are_told(
    operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    await operator.do(AddProject(name="shop"))
    operator.office.directory.forget(next(iter(operator.office.directory.all())).id)
    del operator.office.directory._projects
    assert "the log of the server has more" in await operator.refused(ShowKeys(project="shop"))
    assert any(record.exc_info for record in caplog.records)


async def test_no_secret_is_logged(operator: Operator, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        made = await operator.do(AddProject(name="shop"))
        given = await operator.do(AddToken(project="shop", kind="full", token="CANARY"))
        await operator.refused(AddToken(project="shop", kind="full", token="CANARY"))
        await operator.refused(AddToken(project="shop", kind="full", token="CANARY and more"))
    logged = "".join(str(vars(record)) for record in caplog.records)
    assert "projects.add" in logged
    for secret in (made["token"], made["keys"]["current"], given["token"]):
        assert secret not in logged


async def test_it_is_for_the_user_of_the_server_alone(operator: Operator) -> None:
    assert stat.S_IMODE(os.stat(operator.path).st_mode) == 0o600


@pytest.mark.parametrize("line", [b"", b"x" * (MAX_LINE + 10)], ids=["nothing", "too much"])
async def test_a_caller_that_makes_no_sense_is_left_alone(operator: Operator, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(operator.path)
        await asyncio.to_thread(caller.sendall, line)
        caller.shutdown(socket.SHUT_WR)
        assert await asyncio.to_thread(caller.recv, 10) == b""
    assert await operator.do(ListProjects()) == []


async def test_callers_do_not_wait_for_each_other(operator: Operator) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(operator.path)
        assert await operator.do(ListProjects()) == []


def test_where_nobody_listens(tmp_path: Path) -> None:
    path = tmp_path / "x.db.socket"
    assert client.ask(str(path), b"{}") is None
    assert client.ask(str(path / "deeper"), b"{}") is None
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    assert client.ask(str(path), b"{}") is None


def test_a_dead_socket_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "x.db.socket"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    first = OperatorSocket(str(path))
    second = OperatorSocket(str(path))
    first.close()
    assert path.is_socket(), "it is the second one's"
    second.close()
    assert not path.exists()
    path.write_text("words")
    with pytest.raises(FileExistsError):
        OperatorSocket(str(path))
    assert path.read_text() == "words"
