"""Where commands for operators are carried out: by the running server, else on its database."""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

import click
import msgspec

from relaypost.app import database_path, limits_of
from relaypost.cli.runs import fail, say
from relaypost.config import SettingError, read_setting, read_settings
from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.limits import Limits
from relaypost.operator.client import ask
from relaypost.operator.commands import Command, answer
from relaypost.operator.paths import socket_path
from relaypost.runtime import Ids, SystemClock
from relaypost.service.administration import Administration
from relaypost.service.credentials import new_key
from relaypost.service.directory import Directory
from relaypost.service.keys import KeyRing
from relaypost.store.sqlite.store import SqliteStore

IN_MEMORY = "a database in memory is known to its own process only: name the file of a server"


def for_operators(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that all of them have."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs."),
        click.option(
            "--database-url",
            metavar="TEXT",
            help="The database of the server.  [env: RELAYPOST_DATABASE_URL]",
        ),
    ):
        command = option(command)
    return command


def carry_out(command: Command, database_url: str | None) -> Any:
    """What the command has come to; a refusal ends this program with its words."""
    path = _path(database_url)
    line = msgspec.json.encode(command)
    try:
        reply = ask(socket_path(path), line)
        if reply is None:
            reply = asyncio.run(_carry_out_alone(path, line))
    except StoreUnavailable as error:
        fail(str(error))
    except OSError as error:
        fail(f"the server that uses {path} can't be asked: {error.strerror or error}")
    if not reply:
        fail("the server ended before it answered: look at what has come of it, then try again")
    found = msgspec.json.decode(reply)
    if "error" in found:
        fail(found["error"])
    return found["result"]


def show(found: Any, *, as_json: bool, in_words: Callable[[Any], str]) -> None:
    """Say what a command has come to."""
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    elif words := in_words(found):
        say(words)


def confirm(question: str, *, is_sure: bool) -> None:
    """Ask before something that can't be undone."""
    if is_sure:
        return
    if not sys.stdin.isatty():
        fail("this can't be undone: --yes says that it is meant")
    if not click.confirm(question):
        fail("nothing was done")


def _path(database_url: str | None) -> str:
    given = {} if database_url is None else {"database_url": database_url}
    try:
        path = database_path(read_setting("database_url", given, os.environ))
    except SettingError as error:
        fail(str(error))
    if path is None:
        fail(IN_MEMORY)
    if not os.path.exists(path):
        fail(f"there is no database {path}: the first start of a server makes it")
    return path


def _limits() -> Limits:
    """Those of the server that would start in this environment."""
    try:
        return limits_of(read_settings({}, os.environ))
    except SettingError:
        return Limits()


async def _carry_out_alone(path: str, line: bytes) -> bytes:
    """Have the database to oneself: nobody serves it."""
    store = SqliteStore(path, inline=True)
    try:
        clock, ids = SystemClock(), Ids()
        directory = Directory(development=False, limits=_limits())
        clock.raise_floor(await store.upkeep.newest_time())
        await directory.load(store.projects)
        office = Administration(
            projects=store.projects,
            upkeep=store.upkeep,
            directory=directory,
            keys=KeyRing(projects=directory, new_key=lambda: new_key(ids)),
            clock=clock,
            ids=ids,
        )
        return await answer(office, line)
    finally:
        await store.upkeep.close()
