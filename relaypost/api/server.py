"""The HTTP server: uvicorn, without its own signal handling, and with connections that grow old."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from relaypost.api.app import Api
from relaypost.api.protocol import KEEP_ALIVE_SECONDS, ClientConnection

BACKLOG = 2048
TICKS_A_SECOND = 10
"""Of uvicorn's main loop."""
SPARE_SECONDS = 5
"""For uvicorn to see the end of connections that have been cut off."""

log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Serves until `should_exit` is set; signals are handled by whoever runs it."""

    def __init__(self, api: Api, *, grace_seconds: float) -> None:
        self._has_started = asyncio.Event()
        self._grace_seconds = grace_seconds
        self.servers = []
        application: Any = api
        super().__init__(
            uvicorn.Config(
                application,
                loop="none",
                http=ClientConnection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=round(grace_seconds) + SPARE_SECONDS,
                backlog=BACKLOG,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve; when cancelled, take no more connections."""
        try:
            await super().serve(sockets)
        finally:
            for server in self.servers:
                server.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._has_started.set()

    async def wait_started(self) -> None:
        await self._has_started.wait()

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_A_SECOND == 0:
            self.age_connections()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let requests end within the grace period, then cut off what is left."""
        loop = asyncio.get_running_loop()
        cutting = loop.call_later(self._grace_seconds, self._cut_off)
        try:
            await super().shutdown(sockets)
        finally:
            cutting.cancel()

    def age_connections(self) -> None:
        for connection in self._connections():
            connection.grow_older()

    def _cut_off(self) -> None:
        for connection in self._connections():
            connection.transport.abort()

    def _connections(self) -> list[ClientConnection]:
        connections: list[Any] = list(self.server_state.connections)
        return connections


def listen(host: str, port: int, *, other_loopback: bool = False) -> list[socket.socket]:
    """Listening sockets; `::` takes connections of both kinds.

    With `other_loopback`, a server for `localhost` has `::1` beside 127.0.0.1, where there is one.

    Raises:
        OSError: the address can't be used.
    """
    listeners = [_listen(host, port)]
    if other_loopback and host in ("127.0.0.1", "localhost"):
        try:
            listeners.append(_listen("::1", listeners[0].getsockname()[1]))
        except OSError as error:
            log.warning("not listening on ::1: %s", error.strerror or error)
    return listeners


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        listener.bind((host, port))
        # Now, not when the server starts: only this tells for sure that nobody else listens.
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
