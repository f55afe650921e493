"""The witness of the chaos tests: a destination that outlives every server and writes all down.

What it answers follows from the path and from `Upstash-Retried`, never from what it saw before, so
an attempt that is repeated is answered the same.
"""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

WAIT_SECONDS = 30.0
FAILURES_BEFORE_SUCCESS = 2
SLOWEST_SECONDS = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request, and the boot of the server that sent it."""

    path: str
    message_id: str
    retried: int
    body: bytes
    at_ms: int
    boot: int


class Destination:
    """`/flaky` fails twice, `/dead` always, everything else is fine; some answers take a moment."""

    def __init__(self, rng: random.Random) -> None:
        self.url = ""
        self.boot = 0
        self.arrivals: list[Arrival] = []
        self.by_path: defaultdict[str, list[Arrival]] = defaultdict(list)
        self.succeeded: set[str] = set()
        """Paths that were answered with a success, as far as the witness can tell."""
        self.most_open: Counter[str] = Counter()
        """By the first two segments of paths: how many requests were open at once."""
        self._open_lanes: Counter[str] = Counter()
        self._rng = rng
        self._changed = asyncio.Condition()
        self._closed = asyncio.Event()
        self._open = 0

    async def wait_until_left_alone(self) -> None:
        """Return when the server that was killed has no connection here any more."""
        while self._open:
            self._closed.clear()
            await self._closed.wait()

    async def wait_for(self, paths: set[str]) -> None:
        """Return when all have been answered with a success."""
        try:
            async with asyncio.timeout(WAIT_SECONDS), self._changed:
                await self._changed.wait_for(lambda: paths <= self.succeeded)
        except TimeoutError:
            missing = sorted(paths - self.succeeded)
            raise AssertionError(f"{len(missing)} never arrived: {missing[:20]}") from None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            while True:
                await self._answer(await self._read(reader), writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return  # the server was killed, or the test is over
        finally:
            writer.transport.abort()
            self._open -= 1
            self._closed.set()

    async def _read(self, reader: asyncio.StreamReader) -> Arrival:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        ids = [line.split(": ", 1)[1] for line in head if line.startswith("Upstash-Message-Id: ")]
        arrival = Arrival(
            path=head[0].split(" ")[1],
            message_id=ids[0],
            retried=int(headers["upstash-retried"]),
            body=await reader.readexactly(int(headers.get("content-length", "0"))),
            at_ms=time.time_ns() // 1_000_000,
            boot=self.boot,
        )
        self.arrivals.append(arrival)
        self.by_path[arrival.path].append(arrival)
        return arrival

    async def _answer(self, arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        await self._take_time(lane_of(arrival.path))
        if self._is_failure(arrival):
            hint = "Retry-After: 0\r\n" if arrival.retried == 0 else ""
            writer.write(f"HTTP/1.1 503 Busy\r\n{hint}Content-Length: 4\r\n\r\nbusy".encode())
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        if not self._is_failure(arrival):
            async with self._changed:
                self.succeeded.add(arrival.path)
                self._changed.notify_all()

    async def _take_time(self, lane: str) -> None:
        """Nothing comes between this and the answer."""
        self._open_lanes[lane] += 1
        self.most_open[lane] = max(self.most_open[lane], self._open_lanes[lane])
        try:
            if self._rng.random() < 0.3:
                await asyncio.sleep(self._rng.random() * SLOWEST_SECONDS)
        finally:
            self._open_lanes[lane] -= 1

    def _is_failure(self, arrival: Arrival) -> bool:
        if arrival.path.startswith("/flaky"):
            return arrival.retried < FAILURES_BEFORE_SUCCESS
        return arrival.path.startswith("/dead")


def lane_of(path: str) -> str:
    return "/".join(path.split("/")[:3])


@asynccontextmanager
async def witnessing(rng: random.Random) -> AsyncIterator[Destination]:
    destination = Destination(rng)
    server = await asyncio.start_server(destination.serve, "127.0.0.1", 0, backlog=1024)
    destination.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield destination
    finally:
        server.close()
