"""Servers on loopback that say exactly which bytes, and when, to an HTTP client."""

import asyncio
import contextlib
import itertools
import socket
import ssl as tls
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

WAIT_SECONDS = 10.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    line: str
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass(slots=True)
class RawServer:
    host: str
    port: int = 0
    scheme: str = "http"
    connections: int = 0
    requests: list[ReceivedRequest] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    arrived: asyncio.Queue[ReceivedRequest] = field(default_factory=asyncio.Queue)

    def url(self, rest: str = "/", *, host: str | None = None) -> str:
        place = host or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"{self.scheme}://{place}:{self.port}{rest}"

    async def wait_request(self) -> ReceivedRequest:
        """The next request that nobody has waited for yet."""
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.arrived.get()


@dataclass(slots=True)
class Peer:
    """The server's end of one connection."""

    number: int
    server: RawServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> ReceivedRequest:
        received = await self.head()
        size = int((received.values("Content-Length") or ["0"])[0])
        body = await self.reader.readexactly(size)
        received = ReceivedRequest(received.line, received.headers, body)
        self.server.requests.append(received)
        self.server.arrived.put_nowait(received)
        return received

    async def head(self) -> ReceivedRequest:
        raw = await self.reader.readuntil(b"\r\n\r\n")
        line, *fields = raw.decode("utf-8", "surrogateescape")[:-4].split("\r\n")
        headers = [(name, value) for name, _, value in (text.partition(": ") for text in fields)]
        return ReceivedRequest(line, headers, b"")

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send_endlessly(self, data: bytes) -> None:
        """Until the client goes away, which ends the script."""
        while True:
            await self.send(data)

    def reset(self) -> None:
        peer = self.writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def stay_silent(self) -> None:
        """Neither read nor write until the test is over."""
        await asyncio.Event().wait()

    async def wait_gone(self) -> None:
        """Wait until the client has closed or reset the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65_536):
                pass


Script = Callable[[Peer], Awaitable[None]]


@contextlib.asynccontextmanager
async def raw_server(
    script: Script,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ssl: tls.SSLContext | None = None,
) -> AsyncIterator[RawServer]:
    """Run the script for each connection, and close the connection when it ends."""
    server = RawServer(host, scheme="https" if ssl else "http")
    tasks: set[asyncio.Task[object]] = set()
    all_done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        server.connections += 1
        try:
            await script(Peer(server.connections, server, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        except Exception as error:
            server.errors.append(error)
        finally:
            writer.close()
            tasks.discard(task)
            if not tasks:
                all_done.set()

    listener = await asyncio.start_server(serve, host, port, ssl=ssl)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        if tasks:
            all_done.clear()
            for task in tuple(tasks):
                task.cancel()
            await all_done.wait()
    if server.errors:
        raise server.errors[0]


def answering(*answers: bytes) -> Script:
    """Answer one request after another, on any connection; the last answer repeats."""
    left = itertools.chain(answers, itertools.repeat(answers[-1]))

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(next(left))

    return script


def answering_and_closing(answer: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    return script
