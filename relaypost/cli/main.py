"""`relaypost serve` and `relaypost dev`."""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from relaypost import __version__
from relaypost.app import Application, Started, raise_file_limit
from relaypost.cli.greetings import development_greeting, first_greeting
from relaypost.cli.logs import set_up_logging
from relaypost.config import TABLE, SettingError, Settings, read_settings
from relaypost.domain.errors import StoreUnavailable

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
    _run(settings, development=False, tell=lambda started: _say(first_greeting(started)))


@main.command()
@click.option("--expose", is_flag=True, help="Allow an address other than loopback (containers).")
@with_settings
def dev(*, expose: bool, **flags: Any) -> None:
    """Run the server for development: public credentials, private destinations allowed."""
    settings = _settings(flags, **DEVELOPMENT_DEFAULTS)
    if settings.host not in LOOPBACK and not expose:
        _fail(
            f"relaypost dev has public credentials and will not listen on {settings.host}; "
            "--expose forces it"
        )
    set_up_logging(settings)
    _run(
        settings,
        development=True,
        tell=lambda started: _say(development_greeting(started, exposed=expose)),
    )


def _settings(flags: dict[str, Any], **defaults: str) -> Settings:
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return read_settings(given, os.environ, **defaults)
    except SettingError as error:
        _fail(str(error))


def _run(settings: Settings, *, development: bool, tell: Callable[[Started], None]) -> None:
    raise_file_limit(settings.max_open_attempts)
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(_serve(settings, development=development, tell=tell))
    except (SettingError, StoreUnavailable) as error:
        _fail(str(error))


async def _serve(settings: Settings, *, development: bool, tell: Callable[[Started], None]) -> None:
    await Application(settings, development=development).run(tell)


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop  # here, so that the other commands start faster

    return uvloop.new_event_loop()


def _say(text: str) -> None:
    click.echo(text)
    sys.stdout.flush()


def _fail(reason: str) -> NoReturn:
    click.echo(f"relaypost: {reason}", err=True)
    sys.exit(2)
