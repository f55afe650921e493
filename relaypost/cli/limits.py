"""`relaypost limits`: what a project may use; its own limits go before those of the server."""

from collections.abc import Callable
from typing import Any

import click

from relaypost.cli.offices import carry_out, for_operators, show
from relaypost.cli.runs import fail
from relaypost.cli.words import table
from relaypost.config import TABLE, values
from relaypost.domain.limits import NAMES
from relaypost.operator.commands import SetLimit, ShowLimits

SETTINGS = {
    "max_message_bytes": "max_message_size",
    "max_batch_bytes": "max_batch_size",
    "max_delay_ms": "max_delay",
    "max_timeout_ms": "max_timeout",
    "dedup_window_ms": "dedup_window",
    "max_period_ms": "max_period",
}
"""Limits whose setting is called otherwise than they are."""

LIMITS = {SETTINGS.get(name, name).replace("_", "-"): name for name in sorted(NAMES)}
"""Limits by the names that operators know from the settings."""


@click.group()
def limits() -> None:
    """Show and set the limits of a project."""


@limits.command("show")
@click.argument("project")
@for_operators
def show_all(project: str, database_url: str | None, as_json: bool) -> None:
    """Show all limits of a project, and which of them are its own."""
    found = carry_out(ShowLimits(project=project), database_url)
    show(found, as_json=as_json, in_words=_listed)


@limits.command("set")
@click.argument("project")
@click.argument("limit", type=click.Choice(list(LIMITS)), metavar="LIMIT")
@click.argument("value")
@for_operators
def set_one(project: str, limit: str, value: str, database_url: str | None, as_json: bool) -> None:
    """Give a project a limit of its own.

    LIMIT is named like the setting of the server, and VALUE is written like it; 0 is no limit.
    """
    command = SetLimit(project=project, limit=LIMITS[limit], value=parse(limit, value))
    show(carry_out(command, database_url), as_json=as_json, in_words=_listed)


@limits.command()
@click.argument("project")
@click.argument("limit", type=click.Choice(list(LIMITS)), metavar="LIMIT")
@for_operators
def unset(project: str, limit: str, database_url: str | None, as_json: bool) -> None:
    """Give a project the limit of the server again."""
    command = SetLimit(project=project, limit=LIMITS[limit])
    show(carry_out(command, database_url), as_json=as_json, in_words=_listed)


def parse(limit: str, value: str) -> int:
    """Read a value as the setting of the same name reads it."""
    try:
        found: int = _parser(limit)(value)
    except ValueError as error:
        fail(f"{limit} {value!r}: {error}")
    return found


def _parser(limit: str) -> Callable[[str], int]:
    name = limit.replace("-", "_")
    parsers: dict[str, Callable[[str], int]] = {one.name: one.parse for one in TABLE}
    return parsers.get(name, values.natural)


def _listed(found: dict[str, Any]) -> str:
    own, every = found["own"], found["all"]
    rows = [
        (limit, _written(name, every[name]), "its own" if name in own else "")
        for limit, name in LIMITS.items()
        if name in every
    ]
    return table(("limit", "value", ""), rows)


def _written(name: str, value: int) -> str:
    """A value in the form in which it can be set; zero is none."""
    if value == 0:
        return "none"
    if not name.endswith("_ms"):
        return str(value)
    return f"{value}ms" if value % 1000 else f"{value // 1000}s"
