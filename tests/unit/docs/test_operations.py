"""The manual of the operator says what the program does: settings, routes, statuses are in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from relaypost.api import app, protocol
from relaypost.api.openapi.document import document
from relaypost.api.routes import ACTIONS, PUBLIC
from relaypost.cli.main import DEVELOPMENT_DEFAULTS, main
from relaypost.cli.runs import BROKEN, HURRIED, NOT_STARTED
from relaypost.config import TABLE, Setting
from relaypost.wire.errors import STATUSES

ROOT = Path(__file__).resolve().parents[3]
MANUAL = (ROOT / "docs/operations.md").read_text("utf-8")
OPEN = {path.decode() for path in PUBLIC}
PROTOCOL = "".join(
    path.read_text("utf-8") for path in sorted((ROOT / "docs/protocol/qstash-api").glob("*.md"))
)


def row(setting: Setting) -> str:
    flag = "" if setting.secret else f"`{setting.flag}`"
    default = "unset" if setting.default is None else f"`{setting.default}`" * bool(setting.default)
    words = setting.help.replace("|", "\\|")
    return f"| `{setting.environment}` | {flag} | {default or 'empty'} | {words} |"


def test_the_table_of_settings_is_that_of_the_program() -> None:
    table = MANUAL.partition("<!-- settings -->\n")[2].partition("<!-- /settings -->")[0]

    assert table.splitlines()[2:] == [row(setting) for setting in TABLE]


@pytest.mark.parametrize(("name", "value"), DEVELOPMENT_DEFAULTS.items())
def test_other_defaults_of_development_are_told(name: str, value: str) -> None:
    (setting,) = [setting for setting in TABLE if setting.name == name]

    assert f"| `{setting.environment}` | `{value}` |" in MANUAL


def commands() -> list[str]:
    """Each command, with the arguments that it must have."""
    return sorted(
        " ".join([*path, *(one.make_metavar(context) for one in command.params if one.required)])
        for path, command in _leaves([], main)
        for context in [click.Context(command)]
    )


def _leaves(path: list[str], command: click.Command) -> Iterator[tuple[list[str], click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name, inner in command.commands.items():
        yield from _leaves([*path, name], inner)


@pytest.mark.parametrize("command", commands())
def test_each_command_is_told(command: str) -> None:
    assert f"`relaypost {command}`" in MANUAL


@pytest.mark.parametrize("option", ["--to-host", "--to-group", "--token-file", "--yes", "--json"])
def test_options_of_commands_are_told(option: str) -> None:
    assert re.search(rf"`{option}\b", MANUAL)


@pytest.mark.parametrize("path", sorted({*document()["paths"]} - OPEN))
def test_each_route_is_in_the_protocol(path: str) -> None:
    start, parameter, _ = path.partition("{")
    shown = re.escape(start)
    ending = r"\{" if parameter else r"[`?( ,]"

    assert re.search(shown + ending, PROTOCOL)


@pytest.mark.parametrize("prefix", sorted(ACTIONS))
def test_each_action_is_in_the_protocol(prefix: bytes) -> None:
    for ending in ACTIONS[prefix]:
        action = re.escape(ending.decode().removesuffix("/"))
        shown = re.escape(prefix.decode()) + r"\{\w+\}[^\n]*" + action + r"[`?( ,]"
        assert re.search(shown, PROTOCOL)


@pytest.mark.parametrize("path", sorted(OPEN))
def test_each_route_without_token_is_told(path: str) -> None:
    assert f"`GET {path}`" in MANUAL


def statuses() -> set[int]:
    refusals = [protocol.TIMED_OUT, protocol.TOO_LARGE, protocol._bad_request(b"")]
    own = {int(refusal.split(b" ")[1]) for refusal in refusals}
    return own | set(STATUSES.values()) | {app.NOT_FOUND.status, app.INTERNAL.status, 405}


@pytest.mark.parametrize("status", sorted(statuses()))
def test_each_status_of_an_error_is_told(status: int) -> None:
    assert re.search(rf"^\| {status} \|", MANUAL, re.MULTILINE)


@pytest.mark.parametrize("status", [0, BROKEN, NOT_STARTED, HURRIED])
def test_each_exit_status_is_told(status: int) -> None:
    assert re.search(rf"^\| exit status {status} \|", MANUAL, re.MULTILINE)
