"""The HTTP server: uvicorn, with a bound on request heads and without its own signal handling."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from relaypost.api.app import Api

MAX_HEAD_BYTES = 262_144
KEEP_ALIVE_SECONDS = 75
BACKLOG = 2048

TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: application/json\r\ncontent-length: 44\r\nconnection: close\r\n\r\n"
    b'{"error":"request header fields too large"}\n'
)


class BoundedProtocol(HttpToolsProtocol):
    """Refuses a request line and headers that together exceed `MAX_HEAD_BYTES`."""

    _head_bytes = 0
    _in_head = True

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self._ends_head(data):
                self.transport.write(TOO_LARGE)
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def _ends_head(self, data: bytes) -> bool:
        """Whether the head may end in this read: what follows it is body, and not bounded here."""
        return b"\r\n\r\n" in data and data.index(b"\r\n\r\n") < MAX_HEAD_BYTES


class Server(uvicorn.Server):
    """Serves until `should_exit` is set; signals are handled by whoever runs it."""

    def __init__(self, api: Api, *, grace_seconds: float) -> None:
        self._has_started = asyncio.Event()
        application: Any = api
        super().__init__(
            uvicorn.Config(
                application,
                loop="none",
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=max(1, round(grace_seconds)),
                backlog=BACKLOG,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._has_started.set()

    async def wait_started(self) -> None:
        await self._has_started.wait()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        OSError: the address can't be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
