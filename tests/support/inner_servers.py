"""Whole servers in development mode in the loop of a test, which may put in parts of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from relaypost.api.server import Server
from relaypost.app import Application, Started
from relaypost.cli.main import DEVELOPMENT_DEFAULTS
from relaypost.config import read_settings
from relaypost.domain.types import UnixMs
from relaypost.runtime import SystemClock

MINUTE_MS = 60_000
HELD_MS = 200


class InnerApplication(Application):
    """Stopped by a call, not by signals: they belong to the tests."""

    def __init__(self) -> None:
        super().__init__(read_settings({}, {}, port="0", **DEVELOPMENT_DEFAULTS), development=True)

    def _handle_signals(self, server: Server) -> None:
        self._server = server

    def stop(self) -> None:
        self._server.should_exit = True
        self._stop.set()


@asynccontextmanager
async def serving(application: InnerApplication) -> AsyncIterator[str]:
    """The URL of a server while it runs."""
    async with asyncio.TaskGroup() as tasks:
        started: asyncio.Future[Started] = asyncio.get_running_loop().create_future()
        tasks.create_task(application.run(started.set_result))
        host, port = (await started).addresses[0]
        try:
            yield f"http://{host}:{port}"
        finally:
            application.stop()


class HeldClock(SystemClock):
    """Stands just before a full minute that is long over, until it is let go.

    So a tick of a schedule is there when a test wants it.
    """

    def __init__(self) -> None:
        super().__init__()
        now = super().system_now()
        self._held_at = UnixMs(now - now % MINUTE_MS - HELD_MS)
        self._behind_ms: int | None = None

    def let_go(self) -> None:
        self._behind_ms = super().system_now() - self._held_at

    def system_now(self) -> UnixMs:
        if self._behind_ms is None:
            return self._held_at
        return UnixMs(super().system_now() - self._behind_ms)


class HeldApplication(InnerApplication):
    def __init__(self, clock: HeldClock) -> None:
        super().__init__()
        self._clock = clock
