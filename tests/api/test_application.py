"""What ends an application: asked to, or broken, told in one line and an exit status."""

import asyncio
import logging
import resource
import socket

import pytest

from relaypost.app import Application, Started, fit_open_files
from relaypost.cli.runs import BROKEN, NOT_STARTED, run_to_end
from relaypost.config import SettingError, Settings, read_settings
from relaypost.domain.errors import StoreUnavailable
from relaypost.engine.engine import Engine
from relaypost.outbound.sender import HttpSender
from relaypost.store.sqlite.store import SqliteStore


def settings(**given: str) -> Settings:
    return read_settings({}, {}, **{"database_url": "sqlite://", "port": "0"} | given)


class Dying(Engine):
    """Stops working as soon as it has started."""

    error: BaseException

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._die())
            await stop.wait()

    async def _die(self) -> None:
        raise self.error


class Doomed(Application):
    def __init__(self, error: BaseException) -> None:
        super().__init__(settings(), development=True)
        self._error = error
        self.ports: list[int] = []

    def _engine(self, store: SqliteStore, sender: HttpSender) -> Engine:
        engine = super()._engine(store, sender)
        engine.__class__ = Dying
        engine.error = self._error  # type: ignore[attr-defined]  # of the class it has now
        return engine

    def tell(self, started: Started) -> None:
        self.ports = [port for _, port in started.addresses]


@pytest.mark.parametrize("error", [RuntimeError("boom"), StoreUnavailable("gone")])
async def test_an_engine_that_dies_ends_the_server(error: Exception) -> None:
    application = Doomed(error)

    with pytest.raises(type(error)) as caught:
        await application.run(application.tell)

    assert caught.value is error
    for port in application.ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()


def test_a_defect_is_one_line_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    application = Doomed(RuntimeError("boom"))

    with pytest.raises(SystemExit) as caught:
        run_to_end(application, application.tell)

    assert caught.value.code == BROKEN
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.getMessage() == "relaypost failed and stops"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "boom"


@pytest.mark.parametrize("error", [SettingError("no such thing"), StoreUnavailable("it is gone")])
def test_what_an_operator_can_mend_is_a_sentence(
    error: Exception, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    application = Doomed(error)

    with pytest.raises(SystemExit) as caught:
        run_to_end(application, application.tell)

    assert caught.value.code == NOT_STARTED
    assert capsys.readouterr().err == f"relaypost: {error}\n"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"allow_networks": "0.0.0.0/0"}, "RELAYPOST_ALLOW_NETWORKS opens every address"),
        ({"allow_networks": "10.0.0.0/8,::/0"}, "RELAYPOST_ALLOW_NETWORKS opens every address"),
        ({"tls_verify": "false"}, "RELAYPOST_TLS_VERIFY is off"),
        ({}, "the database is in memory"),
    ],
)
async def test_what_is_rarely_meant_is_said(
    given: dict[str, str], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    application = Application(settings(**given), development=False)

    await run_until_told(application)

    assert any(record.getMessage().startswith(words) for record in caplog.records)


async def test_development_is_not_warned_of_what_it_is_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    application = Application(settings(allow_networks="0.0.0.0/0"), development=True)

    await run_until_told(application)

    assert not [record for record in caplog.records if record.name == "relaypost.app"]


async def run_until_told(application: Application) -> None:
    async with asyncio.TaskGroup() as tasks:
        started: asyncio.Future[Started] = asyncio.get_running_loop().create_future()
        running = tasks.create_task(application.run(started.set_result))
        await started
        running.cancel()


def test_fewer_deliveries_where_fewer_files_may_be_open(caplog: pytest.LogCaptureFixture) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = settings(max_open_attempts="10")

    assert fit_open_files(enough) is enough
    if hard != resource.RLIM_INFINITY:
        fitted = fit_open_files(settings(max_open_attempts=str(hard)))
        assert fitted.max_open_attempts == hard - 2048
        assert "files may be open" in caplog.text
