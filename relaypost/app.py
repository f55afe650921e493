"""The composition root: makes every part from the settings, runs them, stops them in order."""

import asyncio
import logging
import resource
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

from relaypost.api.app import Api
from relaypost.api.callers import CallerAddresses
from relaypost.api.cors import Cors
from relaypost.api.server import Server, listen
from relaypost.config import SettingError, Settings
from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.gates import Capacity
from relaypost.domain.limits import Limits
from relaypost.domain.projects import SigningKeys
from relaypost.domain.retention import RetentionPeriods
from relaypost.engine.attempt import Signing
from relaypost.engine.engine import Engine, EngineSettings
from relaypost.outbound.sender import HttpSender, SenderLimits
from relaypost.outbound.tls import client_context
from relaypost.runtime import Ids, SystemClock
from relaypost.service.context import Service
from relaypost.service.directory import Directory
from relaypost.service.projects import (
    Credentials,
    ensure_development_projects,
    ensure_first_project,
)
from relaypost.store.sqlite.store import SqliteStore
from relaypost.wire import tokens

READY_SECONDS = 2.0
SPARE_FILES = 1024
"""Open files kept for callers, beside one for each delivery."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """What a running server can tell about itself."""

    addresses: list[tuple[str, int]]
    credentials: Credentials | None
    """Made just now; they are shown once."""


class Application:
    def __init__(self, settings: Settings, *, development: bool) -> None:
        self._settings = settings
        self._development = development
        self._clock = SystemClock()
        self._ids = Ids()
        self._directory = Directory(development=development)
        self._stop = asyncio.Event()

    async def run(self, tell: Callable[[Started], None]) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises:
            SettingError: a setting turned out not to be usable here.
            StoreUnavailable: the database can't be opened.
        """
        listeners = self._listen()
        store = open_store(self._settings)
        try:
            self._clock.raise_floor(await store.upkeep.newest_time())
            credentials = await self._prepare(store)
            await self._serve(store, listeners, tell, credentials)
        finally:
            await store.upkeep.close()

    async def _serve(
        self,
        store: SqliteStore,
        listeners: list[socket.socket],
        tell: Callable[[Started], None],
        credentials: Credentials | None,
    ) -> None:
        engine = self._engine(store)
        server = Server(
            self._api(store, engine), grace_seconds=self._settings.shutdown_grace / 1000
        )
        self._handle_signals(server)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(engine.run(self._stop))
            serving = tasks.create_task(server.serve(listeners))
            await server.wait_started()
            tell(Started([listener.getsockname()[:2] for listener in listeners], credentials))
            await serving
            self._stop.set()

    def _listen(self) -> list[socket.socket]:
        settings = self._settings
        try:
            listeners = [listen(settings.host, settings.port)]
            if self._development and settings.host == "127.0.0.1":
                listeners += _listen_v6(listeners[0].getsockname()[1])
        except OSError as error:
            raise SettingError(
                f"can't listen on {settings.host} port {settings.port}: {error.strerror or error}"
            ) from None
        return listeners

    async def _prepare(self, store: SqliteStore) -> Credentials | None:
        """Make what projects are missing; answers credentials made now."""
        made = None
        if self._development:
            await ensure_development_projects(store.projects)
        else:
            made = await ensure_first_project(store.projects, _given(self._settings), ids=self._ids)
        await self._directory.load(store.projects)
        return made

    def _engine(self, store: SqliteStore) -> Engine:
        settings = self._settings
        return Engine(
            store,
            _sender(settings),
            clock=self._clock,
            ids=self._ids,
            signing=Signing(
                keys_of=self._directory.keys_of,
                region=settings.region,
                backdate_seconds=settings.signature_backdate // 1000,
            ),
            settings=EngineSettings(
                max_open_attempts=settings.max_open_attempts,
                grace_seconds=settings.shutdown_grace / 1000,
                retention=_retention(settings),
            ),
        )

    def _api(self, store: SqliteStore, engine: Engine) -> Api:
        settings = self._settings
        service = Service(
            store=store,
            intake=engine.intake,
            clock=self._clock,
            policy=AddressPolicy(settings.allow_networks),
            limits=_limits(settings),
            retention=_retention(settings),
        )

        async def is_ready() -> bool:
            try:
                async with asyncio.timeout(READY_SECONDS):
                    await store.upkeep.ping()
            except (StoreUnavailable, TimeoutError):
                return False
            return engine.is_running

        return Api(
            service,
            self._directory,
            is_ready=is_ready,
            base_path=settings.base_path,
            cors=Cors(settings.cors_origins),
            addresses=CallerAddresses(settings.trusted_proxies),
        )

    def _handle_signals(self, server: Server) -> None:
        loop = asyncio.get_running_loop()

        def stop() -> None:
            server.should_exit = True

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)


def open_store(settings: Settings) -> SqliteStore:
    path = settings.database_url.removeprefix("sqlite://").removeprefix("/")
    capacity = Capacity(
        node=settings.max_open_attempts,
        project=settings.max_global_parallelism,
        host=settings.max_host_attempts,
    )
    return SqliteStore(path or None, capacity=capacity)


def raise_file_limit(open_attempts: int) -> None:
    """Ask for as many open files as deliveries and callers may need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = open_attempts + SPARE_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _sender(settings: Settings) -> HttpSender:
    try:
        context = client_context(ca_file=settings.ssl_cert_file, verify=settings.tls_verify)
    except OSError as error:
        raise SettingError(
            f"SSL_CERT_FILE {settings.ssl_cert_file!r} can't be read: {error.strerror or error}"
        ) from None
    return HttpSender(
        AddressPolicy(settings.allow_networks),
        ssl_context=context,
        limits=SenderLimits(max_body_bytes=settings.max_message_size),
    )


def _listen_v6(port: int) -> list[socket.socket]:
    """The other loopback address: clients say `localhost`. Not every machine has it."""
    try:
        return [listen("::1", port)]
    except OSError as error:
        log.warning("not listening on ::1: %s", error.strerror or error)
        return []


def _given(settings: Settings) -> Credentials:
    for token in (settings.token, settings.read_only_token):
        if token is not None and tokens.digest(token) in tokens.PUBLIC_DIGESTS:
            raise SettingError("RELAYPOST_TOKEN is a public token of development: choose another")
    keys = None
    if settings.current_signing_key is not None and settings.next_signing_key is not None:
        keys = SigningKeys(current=settings.current_signing_key, next=settings.next_signing_key)
    return Credentials(token=settings.token, read_only_token=settings.read_only_token, keys=keys)


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_message_bytes=settings.max_message_size,
        max_batch_bytes=settings.max_batch_size,
        max_batch_messages=settings.max_batch_messages,
        max_delay_ms=settings.max_delay,
        max_retries=settings.max_retries,
        max_timeout_ms=settings.max_timeout,
        dedup_window_ms=settings.dedup_window,
    )


def _retention(settings: Settings) -> RetentionPeriods:
    return RetentionPeriods(
        logs_ms=settings.log_retention,
        dead_letters_ms=settings.dlq_retention,
        finished_messages_ms=settings.message_retention,
    )
