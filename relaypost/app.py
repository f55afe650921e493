"""The composition root: makes every part from the settings, runs them, stops them in order."""

import asyncio
import contextlib
import logging
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from relaypost.api.app import Api
from relaypost.api.callers import CallerAddresses
from relaypost.api.cors import Cors
from relaypost.api.readiness import Readiness
from relaypost.api.server import Server, listen
from relaypost.config import SettingError, Settings
from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.errors import Invalid
from relaypost.domain.gates import Capacity
from relaypost.domain.limits import Limits
from relaypost.domain.projects import SigningKeys
from relaypost.domain.retention import RetentionPeriods
from relaypost.domain.types import UnixMs
from relaypost.engine.attempt import Signing
from relaypost.engine.engine import Engine, EngineSettings
from relaypost.engine.scheduler import Scheduling
from relaypost.operator.paths import socket_path
from relaypost.operator.server import OperatorSocket
from relaypost.outbound.llm import LlmSender
from relaypost.outbound.sender import HttpSender, SenderLimits
from relaypost.outbound.tls import client_context
from relaypost.runtime import Ids, SystemClock
from relaypost.service.administration import Administration
from relaypost.service.context import Service
from relaypost.service.credentials import Credentials, new_key
from relaypost.service.directory import Directory
from relaypost.service.first_projects import ensure_development_projects, ensure_first_project
from relaypost.service.keys import KeyRing
from relaypost.store.sqlite.store import SqliteStore
from relaypost.wire import llm, tokens

SPARE_FILES = 2048
"""Open files for callers and for idle connections to destinations, beside one each delivery."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """What a running server can tell about itself."""

    addresses: list[tuple[str, int]]
    base_path: str
    credentials: Credentials | None
    """Made just now; they are shown once."""


class Application:
    def __init__(self, settings: Settings, *, development: bool) -> None:
        self._settings = settings
        self._development = development
        self._clock = SystemClock()
        self._ids = Ids()
        self._directory = Directory(development=development, limits=limits_of(settings))
        self._llm: LlmSender | None = None
        self._stop = asyncio.Event()

    async def run(self, tell: Callable[[Started], None]) -> None:
        """Serve until SIGTERM or SIGINT; a second one cancels this at once.

        Raises:
            SettingError: a setting turned out not to be usable here.
            StoreUnavailable: the database can't be opened.
        """
        with contextlib.ExitStack() as opened:
            listeners = self._listen(opened)
            sender = _sender(self._settings, AddressPolicy(self._settings.allow_networks))
            self._llm = _llm_sender(self._settings)
            store = open_store(self._settings)
            try:
                self._clock.raise_floor(UnixMs(await store.upkeep.newest_time() + 1))
                credentials = await self._prepare(store)
                started = Started(
                    [listener.getsockname()[:2] for listener in listeners],
                    self._settings.base_path,
                    credentials,
                )
                _warn(self._settings, development=self._development)
                await self._serve(store, sender, listeners, lambda: tell(started))
            finally:
                await store.upkeep.close()
                if self._llm is not None:
                    await self._llm.close()

    async def _serve(
        self,
        store: SqliteStore,
        sender: HttpSender,
        listeners: list[socket.socket],
        tell: Callable[[], None],
    ) -> None:
        engine = self._engine(store, sender)
        server = Server(
            self._api(store, engine), grace_seconds=self._settings.shutdown_grace / 1000
        )
        self._handle_signals(server)
        try:
            async with self._taking_commands(store, engine), asyncio.TaskGroup() as tasks:
                tasks.create_task(engine.run(self._stop))
                tasks.create_task(server.serve(listeners))
                await server.wait_started()
                tell()
        except BaseExceptionGroup as group:
            raise _first(group) from group

    def _listen(self, opened: contextlib.ExitStack) -> list[socket.socket]:
        """Listen before anything else is made; `opened` closes what was opened here."""
        host, port = self._settings.host, self._settings.port
        try:
            listeners = listen(host, port, other_loopback=self._development)
        except (OSError, TypeError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "not an address"
            raise SettingError(f"can't listen on {host} port {port}: {reason}") from None
        return [opened.enter_context(listener) for listener in listeners]

    async def _prepare(self, store: SqliteStore) -> Credentials | None:
        """Make what projects are missing; answers what was made now, without what was given."""
        made, now = None, self._clock.now()
        if self._development:
            await ensure_development_projects(store.projects, now=now)
        else:
            given = _given(self._settings)
            try:
                made = await ensure_first_project(store.projects, given, ids=self._ids, now=now)
            except Invalid as error:
                raise SettingError(str(error)) from None
            made = made and _without(made, given)
        await self._directory.load(store.projects)
        return made

    def _engine(self, store: SqliteStore, sender: HttpSender) -> Engine:
        settings = self._settings
        return Engine(
            store,
            sender,
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
                scheduling=Scheduling(
                    limits_of=self._directory.limits_of,
                    policy=AddressPolicy(settings.allow_networks),
                    llm_url=None if self._llm is None else self._llm.url,
                    max_lateness_ms=settings.max_schedule_lateness,
                ),
            ),
            apis={} if self._llm is None else {llm.API: self._llm},
        )

    @contextlib.asynccontextmanager
    async def _taking_commands(self, store: SqliteStore, engine: Engine) -> AsyncIterator[None]:
        """Answer operators meanwhile; for a database in memory there is no place for the socket."""
        operator = self._operator()
        if operator is None:
            yield
            return
        with contextlib.closing(operator):
            async with asyncio.TaskGroup() as tasks:
                answering = tasks.create_task(operator.run(self._administration(store, engine)))
                yield
                answering.cancel()

    def _operator(self) -> OperatorSocket | None:
        path = database_path(self._settings.database_url)
        try:
            return None if path is None else OperatorSocket(socket_path(path))
        except OSError as error:
            log.warning("commands need this server to be stopped: no socket for them: %s", error)
            return None

    def _administration(self, store: SqliteStore, engine: Engine) -> Administration:
        return Administration(
            projects=store.projects,
            upkeep=store.upkeep,
            directory=self._directory,
            keys=self._key_ring(),
            clock=self._clock,
            ids=self._ids,
            abandon=engine.abandon,
        )

    def _api(self, store: SqliteStore, engine: Engine) -> Api:
        settings = self._settings
        service = Service(
            store=store,
            intake=engine.intake,
            clock=self._clock,
            policy=AddressPolicy(settings.allow_networks),
            keys=self._key_ring(),
            llm=self._llm,
            limits=limits_of(settings),
            own_limits=self._directory.own_limits,
            retention=_retention(settings),
            ids=self._ids,
            note_tick=engine.scheduler.note,
        )

        return Api(
            service,
            self._directory,
            is_ready=Readiness(is_running=lambda: engine.is_running, ping=store.upkeep.ping),
            base_path=settings.base_path,
            cors=Cors(settings.cors_origins),
            addresses=CallerAddresses(settings.trusted_proxies),
        )

    def _key_ring(self) -> KeyRing:
        names = frozenset({tokens.DEVELOPMENT_USERS[0].name}) if self._development else frozenset()
        return KeyRing(
            projects=self._directory,
            new_key=lambda: new_key(self._ids),
            guard_ms=self._settings.rotate_guard,
            fixed=names,
        )

    def _handle_signals(self, server: Server) -> None:
        loop = asyncio.get_running_loop()
        running = asyncio.current_task()
        assert running is not None

        def stop() -> None:
            if self._stop.is_set():
                running.cancel()
            server.should_exit = True
            self._stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)


def database_path(url: str) -> str | None:
    """The file of a database; `None` when it is in memory."""
    return url.removeprefix("sqlite://").removeprefix("/") or None


def open_store(settings: Settings) -> SqliteStore:
    capacity = Capacity(
        node=settings.max_open_attempts,
        project=settings.max_global_parallelism,
        host=settings.max_host_attempts,
    )
    return SqliteStore(database_path(settings.database_url), capacity=capacity)


def fit_open_files(settings: Settings) -> Settings:
    """Ask for as many open files as deliveries and callers may need; have fewer deliveries open
    where the system grants fewer: one that finds no file left would fail, and count as a failure.
    """
    wanted = settings.max_open_attempts + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        granted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):  # some systems grant less than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    fitting = max(
        1, wanted if soft == resource.RLIM_INFINITY else soft - min(SPARE_FILES, soft // 2)
    )
    if fitting >= settings.max_open_attempts:
        return settings
    log.warning("only %d files may be open: at most %d deliveries at once", soft, fitting)
    return replace(settings, max_open_attempts=fitting)


def _llm_sender(settings: Settings) -> LlmSender | None:
    if settings.llm_base_url is None:
        return None
    return LlmSender(
        _sender(settings, AddressPolicy(opens_all=True)),
        url=settings.llm_base_url + llm.PATH,
        token=settings.llm_token,
        timeout_ms=settings.max_timeout or Limits().max_timeout_ms,
    )


def _sender(settings: Settings, policy: AddressPolicy) -> HttpSender:
    try:
        context = client_context(ca_file=settings.ssl_cert_file, verify=settings.tls_verify)
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror
        raise SettingError(
            f"SSL_CERT_FILE {settings.ssl_cert_file!r} can't be used: {reason}"
        ) from None
    return HttpSender(
        policy,
        ssl_context=context,
        limits=SenderLimits(max_body_bytes=settings.max_message_size),
    )


def _given(settings: Settings) -> Credentials:
    keys = None
    if settings.current_signing_key is not None and settings.next_signing_key is not None:
        keys = SigningKeys(current=settings.current_signing_key, next=settings.next_signing_key)
    given = Credentials(token=settings.token, read_only_token=settings.read_only_token, keys=keys)
    _refuse_public(given)
    return given


def _refuse_public(given: Credentials) -> None:
    """Everybody knows the tokens and keys of development mode."""
    secrets = [
        ("RELAYPOST_TOKEN", given.token),
        ("RELAYPOST_READ_ONLY_TOKEN", given.read_only_token),
    ]
    if given.keys is not None:
        secrets.append(("RELAYPOST_CURRENT_SIGNING_KEY", given.keys.current))
        secrets.append(("RELAYPOST_NEXT_SIGNING_KEY", given.keys.next))
    public = {user.token for user in tokens.DEVELOPMENT_USERS}
    for user in tokens.DEVELOPMENT_USERS:
        public |= {user.keys.current, user.keys.next}
    for name, secret in secrets:
        if secret in public:
            raise SettingError(f"{name} is a public value of development mode: choose another")


def _without(made: Credentials, given: Credentials) -> Credentials | None:
    """What whoever started the server does not know yet."""
    unknown = Credentials(
        token=None if given.token else made.token,
        read_only_token=None if given.read_only_token else made.read_only_token,
        keys=None if given.keys else made.keys,
    )
    return None if unknown == Credentials() else unknown


def _warn(settings: Settings, *, development: bool) -> None:
    """Say what is allowed in production but rarely meant."""
    if development:
        return
    if any(network.prefixlen == 0 for network in settings.allow_networks):
        log.warning(
            "RELAYPOST_ALLOW_NETWORKS opens every address: whoever may publish can reach this "
            "machine and its networks"
        )
    if not settings.tls_verify:
        log.warning("RELAYPOST_TLS_VERIFY is off: certificates of destinations are not checked")
    if settings.database_url == "sqlite://":
        log.warning("the database is in memory: everything is gone when this process ends")


def _first(group: BaseExceptionGroup) -> BaseException:
    """The error that ended a task group; what it did to other tasks says nothing more."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def limits_of(settings: Settings) -> Limits:
    """The limits of projects that have none of their own."""
    return Limits(
        max_message_bytes=settings.max_message_size,
        max_batch_bytes=settings.max_batch_size,
        max_batch_messages=settings.max_batch_messages,
        max_delay_ms=settings.max_delay,
        max_retries=settings.max_retries,
        max_timeout_ms=settings.max_timeout,
        dedup_window_ms=settings.dedup_window,
        max_period_ms=settings.max_period,
        max_global_parallelism=settings.max_global_parallelism,
        max_listed_keys=settings.max_listed_keys,
        max_queues=settings.max_queues,
        max_parallelism=settings.max_parallelism,
        max_url_groups=settings.max_url_groups,
        max_endpoints=settings.max_endpoints,
        max_schedules=settings.max_schedules,
        max_daily_messages=settings.max_daily_messages,
        max_requests_per_second=settings.max_requests_per_second,
    )


def _retention(settings: Settings) -> RetentionPeriods:
    return RetentionPeriods(
        logs_ms=settings.log_retention,
        dead_letters_ms=settings.dlq_retention,
        finished_messages_ms=settings.message_retention,
    )
