"""Runs an application to its end and turns what ended it into words and an exit status."""

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import NoReturn

import click

from relaypost.app import Application, Started, fit_open_files
from relaypost.config import SettingError, Settings
from relaypost.domain.errors import StoreUnavailable

NOT_STARTED = 2
BROKEN = 1
HURRIED = 130
"""A second signal did not wait for open deliveries."""

log = logging.getLogger(__name__)


def run(settings: Settings, *, development: bool, tell: Callable[[Started], None]) -> None:
    run_to_end(Application(fit_open_files(settings), development=development), tell)


def run_to_end(application: Application, tell: Callable[[Started], None]) -> None:
    """Return when it was asked to stop, exit with a status of failure otherwise."""
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(application.run(tell))
    except (SettingError, StoreUnavailable) as error:
        fail(str(error))
    except asyncio.CancelledError:
        log.warning("stopped without waiting: open deliveries start again at the next start")
        sys.exit(HURRIED)
    except Exception:
        log.critical("relaypost failed and stops", exc_info=True)
        sys.exit(BROKEN)


def say(text: str) -> None:
    click.echo(text)
    sys.stdout.flush()


def fail(reason: str) -> NoReturn:
    click.echo(f"relaypost: {reason}", err=True)
    sys.exit(NOT_STARTED)


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop  # here, so that the other commands start faster

    return uvloop.new_event_loop()
