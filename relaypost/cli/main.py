"""`relaypost serve`, `dev` and `openapi`; what operators do has modules of its own."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import click
import msgspec

from relaypost import __version__
from relaypost.api.openapi.document import document_bytes
from relaypost.cli import keys, limits, projects, tokens
from relaypost.cli.greetings import development_greeting, first_greeting
from relaypost.cli.logs import set_up_development_logging, set_up_logging
from relaypost.cli.runs import fail, run, say
from relaypost.config import TABLE, SettingError, Settings, read_settings

DEVELOPMENT_DEFAULTS = {
    "database_url": "sqlite://",
    "allow_networks": "0.0.0.0/0, ::/0",
    "log_deliveries": "all",
    "log_level": "warning",
    "shutdown_grace": "1s",
}
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="relaypost")
def main() -> None:
    """An HTTP message queue that speaks the protocol of QStash."""


for group in (projects.projects, tokens.tokens, keys.keys, limits.limits):
    main.add_command(group)


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one flag for each setting that is no secret."""
    for setting in reversed(TABLE):
        if not setting.secret:
            command = click.option(
                setting.flag,
                setting.name,
                metavar="TEXT",
                help=f"{setting.help}  [env: {setting.environment}]",
            )(command)
    return command


@main.command()
@with_settings
def serve(**flags: Any) -> None:
    """Run the server for production: durable, with credentials of its own."""
    settings = _settings(flags)
    set_up_logging(settings)
    run(settings, development=False, tell=lambda started: say(first_greeting(started)))


@main.command()
@click.option("--expose", is_flag=True, help="Allow an address other than loopback (containers).")
@with_settings
def dev(*, expose: bool, **flags: Any) -> None:
    """Run the server for development: public credentials, private destinations allowed."""
    settings = _settings(flags, **DEVELOPMENT_DEFAULTS, **development_port(os.environ))
    is_exposed = settings.host not in LOOPBACK
    if is_exposed and not expose:
        fail(
            f"relaypost dev has public credentials and will not listen on {settings.host}; "
            "--expose forces it"
        )
    set_up_development_logging(settings)
    run(
        settings,
        development=True,
        tell=lambda started: say(development_greeting(started, exposed=is_exposed)),
    )


@main.command()
def openapi() -> None:
    """Print the API as an OpenAPI document, the one that the server has at /openapi.json."""
    say(msgspec.json.format(document_bytes("")).decode())


def development_port(environment: Mapping[str, str]) -> dict[str, str]:
    """The port that the JS SDK looks for; what is no port counts as none, for the SDK too."""
    port = environment.get("QSTASH_DEV_PORT", "")
    return {"port": port} if port.isascii() and port.isdigit() and 0 < int(port) < 65536 else {}


def _settings(flags: dict[str, Any], **defaults: str) -> Settings:
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return read_settings(given, os.environ, **defaults)
    except SettingError as error:
        fail(str(error))
