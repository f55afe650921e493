"""`relaypost tokens`: what callers of a project authenticate with."""

from typing import Any, TextIO

import click

from relaypost.cli.offices import carry_out, confirm, for_operators, show
from relaypost.cli.words import credentials, table, when
from relaypost.operator.commands import (
    KINDS,
    AddToken,
    ListTokens,
    MakeNext,
    Reset,
    RevokeToken,
    Roll,
)


@click.group()
def tokens() -> None:
    """Add, list, revoke and replace the tokens of a project; each change counts at once."""


@tokens.command()
@click.argument("project")
@click.option("--kind", type=click.Choice(list(KINDS)), default="full", show_default=True)
@click.option("--to-host", "hosts", multiple=True, help="Publish to this host only; repeatable.")
@click.option("--to-group", "groups", multiple=True, help="Publish to this URL group; repeatable.")
@click.option(
    "--token-file",
    type=click.File(),
    help="Add the token in this file, - for standard input, instead of a new one.",
)
@for_operators
def add(
    project: str,
    kind: str,
    hosts: tuple[str, ...],
    groups: tuple[str, ...],
    token_file: TextIO | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Accept one more token; it is shown this one time.

    --to-host and --to-group are for publish-only tokens. A host without a port is all its ports.
    """
    given = None if token_file is None else token_file.read().strip()
    command = AddToken(project=project, kind=kind, hosts=hosts, groups=groups, token=given)
    made = carry_out(command, database_url)
    show(made, as_json=as_json, in_words=lambda made: f'QSTASH_TOKEN="{made["token"]}"')


@tokens.command("list")
@click.argument("project")
@for_operators
def list_all(project: str, database_url: str | None, as_json: bool) -> None:
    """List the tokens by their fingerprints; no token itself is kept."""
    show(carry_out(ListTokens(project=project), database_url), as_json=as_json, in_words=_listed)


@tokens.command()
@click.argument("project")
@click.argument("fingerprint")
@for_operators
def revoke(project: str, fingerprint: str, database_url: str | None, as_json: bool) -> None:
    """Refuse a token from now on."""
    done = carry_out(RevokeToken(project=project, fingerprint=fingerprint), database_url)
    show(done, as_json=as_json, in_words=lambda _: f"The token {fingerprint} is revoked.")


@tokens.command("next")
@click.argument("project")
@click.option("--replace", is_flag=True, help="Make another pair in place of a next one.")
@for_operators
def make_next(project: str, replace: bool, database_url: str | None, as_json: bool) -> None:
    """Make a next pair of tokens, accepted beside the current one until the roll."""
    made = carry_out(MakeNext(project=project, replace=replace), database_url)
    show(made, as_json=as_json, in_words=lambda made: _next(project, made))


@tokens.command()
@click.argument("project")
@click.argument("sha256")
@for_operators
def roll(project: str, sha256: str, database_url: str | None, as_json: bool) -> None:
    """Make the next pair the current one, and refuse the old pair from now on.

    SHA256 is that of the next full token, in hexadecimal digits. So a repeated or stale call can't
    retire the pair in use.
    """
    done = carry_out(Roll(project=project, sha256=sha256), database_url)
    show(done, as_json=as_json, in_words=lambda _: "The next pair of tokens is the current one.")


@tokens.command()
@click.argument("project")
@click.option("--all", "everything", is_flag=True, help="Refuse tokens that were added, too.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@for_operators
def reset(
    project: str, everything: bool, yes: bool, database_url: str | None, as_json: bool
) -> None:
    """Make a new pair of tokens, and refuse the current and the next one from now on."""
    confirm(f"Refuse the tokens that clients of {project} use now?", is_sure=yes)
    made = carry_out(Reset(project=project, everything=everything), database_url)
    show(made, as_json=as_json, in_words=lambda made: credentials(f"the project {project}", made))


def _next(project: str, made: dict[str, Any]) -> str:
    command = f"relaypost tokens roll {project} {made['sha256']}"
    return "\n".join(
        [
            credentials("the next pair", made),
            "Both pairs are accepted. When all clients have the new one:",
            "",
            command,
        ]
    )


def _listed(found: list[dict[str, Any]]) -> str:
    rows = [
        (
            one["fingerprint"],
            one["kind"],
            "setting" if one["is_given"] else one["slot"],
            when(one["created_at"]),
            " ".join((*one["hosts"], *(f"group:{name}" for name in one["groups"]))),
        )
        for one in found
    ]
    return table(("fingerprint", "kind", "from", "made", "bound to"), rows)
