"""`relaypost projects`: made, listed, removed."""

from typing import Any

import click

from relaypost.cli.offices import carry_out, confirm, for_operators, show
from relaypost.cli.words import credentials, table, when
from relaypost.operator.commands import AddProject, ListProjects, RemoveProject


@click.group()
def projects() -> None:
    """Make, list and remove projects, on a running server or on its database."""


@projects.command()
@click.argument("name")
@for_operators
def add(name: str, database_url: str | None, as_json: bool) -> None:
    """Make a project; its tokens are shown this one time."""
    made = carry_out(AddProject(name=name), database_url)
    show(made, as_json=as_json, in_words=lambda made: credentials(f"the project {name}", made))


@projects.command("list")
@for_operators
def list_all(database_url: str | None, as_json: bool) -> None:
    """List all projects."""
    show(carry_out(ListProjects(), database_url), as_json=as_json, in_words=_listed)


@projects.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
@for_operators
def remove(name: str, yes: bool, database_url: str | None, as_json: bool) -> None:
    """Remove a project with its messages, queues, schedules, logs and tokens.

    When the command returns, nothing of it is delivered any more.
    """
    confirm(f"Remove {name} with all that it owns?", is_sure=yes)
    found = carry_out(RemoveProject(name=name), database_url)
    show(found, as_json=as_json, in_words=lambda _: f"The project {name} is removed.")


def _listed(found: list[dict[str, Any]]) -> str:
    rows = [(one["name"], when(one["created_at"]), _limits(one)) for one in found]
    return table(("name", "made", "limits of its own"), rows)


def _limits(project: dict[str, Any]) -> str:
    return str(len(project["limits"]) or "")
