"""`relaypost keys`: the signing keys of a project."""

from typing import Any

import click

from relaypost.cli.offices import carry_out, for_operators, show
from relaypost.cli.words import key_lines
from relaypost.operator.commands import RotateKeys, ShowKeys


@click.group()
def keys() -> None:
    """Show and rotate the signing keys of a project."""


@keys.command("show")
@click.argument("project")
@for_operators
def show_pair(project: str, database_url: str | None, as_json: bool) -> None:
    """Show both signing keys."""
    found = carry_out(ShowKeys(project=project), database_url)
    show(found, as_json=as_json, in_words=_in_words)


@keys.command()
@click.argument("project")
@for_operators
def rotate(project: str, database_url: str | None, as_json: bool) -> None:
    """Make the next key the current one, and a new next key.

    There is no guard here: twice is two rotations, and receivers that hold the pair of before then
    accept nothing any more.
    """
    found = carry_out(RotateKeys(project=project), database_url)
    show(found, as_json=as_json, in_words=_in_words)


def _in_words(pair: dict[str, Any]) -> str:
    return "\n".join(key_lines(pair))
