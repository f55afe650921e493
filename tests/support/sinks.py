"""A destination whose answers are scripted, and that remembers each request as it came."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

WAIT_SECONDS = 10.0
BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request: the target and the header lines byte for byte, in order."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float
    """When it had arrived, by the loop's clock."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def values(self, name: str) -> list[str]:
        """The values of all lines of this name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The value of a header that comes once, or not at all."""
        values = self.values(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered; not before `after` is set, where it is given."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    after: asyncio.Event | None = None

    def encode(self) -> bytes:
        reason = HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else "Unknown"
        lines = [f"HTTP/1.1 {self.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.status not in BODILESS:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


OK = Answer()


class Sink:
    """Paths without a script are answered 200; the last answer of a script is repeated."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        self.most_open = 0
        """The most requests that were there at once."""
        self._open = 0
        self._scripts: dict[str, list[Answer]] = {}
        self._arrived = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()

    def url_of(self, path: str) -> str:
        return f"{self.url}{path}"

    def script(self, path: str, *answers: Answer) -> str:
        """Set what requests to a path are answered, one after the other; answers its URL."""
        self._scripts[path] = list(answers)
        return self.url_of(path)

    def at(self, path: str | None) -> list[Received]:
        """The requests to one path, or to all, so far."""
        return [received for received in self.received if path in (None, received.path)]

    async def wait_for(self, count: int, path: str | None = None) -> list[Received]:
        """The requests to a path, or to all, once there are so many; more are a failure."""
        try:
            async with asyncio.timeout(WAIT_SECONDS), self._arrived:
                await self._arrived.wait_for(lambda: len(self.at(path)) >= count)
        except TimeoutError:
            seen = [received.target for received in self.received]
            raise AssertionError(f"waited for {count} at {path}; there came {seen}") from None
        found = self.at(path)
        assert len(found) == count, f"{len(found)} requests at {path} instead of {count}"
        return found

    async def wait_one(self, path: str | None = None) -> Received:
        (received,) = await self.wait_for(1, path)
        return received

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                received = await _read_request(reader)
                await self._answer(received, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return  # the peer went away, or the test is over
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _answer(self, received: Received, writer: asyncio.StreamWriter) -> None:
        answer = self._next_answer(received.path)
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        try:
            async with self._arrived:
                self.received.append(received)
                self._arrived.notify_all()
            if answer.after is not None:
                await answer.after.wait()
        finally:
            self._open -= 1
        writer.write(answer.encode())

    def hang_up(self) -> None:
        """Break all connections."""
        for writer in self._writers:
            writer.transport.abort()

    def _next_answer(self, path: str) -> Answer:
        script = self._scripts.get(path)
        if not script:
            return OK
        return script.pop(0) if len(script) > 1 else script[0]


@asynccontextmanager
async def listening_sink() -> AsyncIterator[Sink]:
    """A sink on a free port of 127.0.0.1, in the loop of the test."""
    sink = Sink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    sink.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield sink
    finally:
        server.close()
        sink.hang_up()


async def _read_request(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request_line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = request_line.split(" ")
    headers = tuple(_split(lines))
    length = next((value for name, value in headers if name.lower() == "content-length"), "0")
    body = await reader.readexactly(int(length))
    at = asyncio.get_running_loop().time()
    return Received(method=method, target=target, headers=headers, body=body, at=at)


def _split(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, _, value = line.partition(":")
        yield name, value.strip(" ")
