"""The load generator, in a process of its own: reads one job from standard input, answers a report.

It knows HTTP, not relaypost. Runs as `python -m benchmarks.load`.
"""

import asyncio
import gc
import sys
import threading
import time
from array import array
from collections import Counter, deque
from typing import Protocol, cast

import httptools
import msgspec
import uvloop

from benchmarks.figures import summarize
from benchmarks.protocol import LoadJob, LoadReport


class Connection(asyncio.Protocol):
    """A keep-alive connection with at most one open request. Reads no headers: see the sink."""

    def __init__(self, driver: "Driver") -> None:
        self._driver = driver
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._data = b""
        self.since_ns = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, since_ns: int) -> None:
        self.since_ns = since_ns
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._data = data
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        since_ns, self.since_ns = self.since_ns, 0
        status = self._parser.get_status_code()
        if status < 200 or status > 299:
            self._driver.record.refused(str(status), self._data)
        self._driver.record.latencies.append(time.monotonic_ns() - since_ns)
        self._driver.answered(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._driver.lost(self, str(exc or "closed by the server"))

    def close(self) -> None:
        self._transport.close()


class Driver(Protocol):
    """Decides when a connection sends."""

    record: "Record"

    def start(self, connections: list[Connection]) -> None: ...
    def answered(self, connection: Connection) -> None: ...
    def lost(self, connection: Connection, reason: str) -> None: ...


class Record:
    """What has happened so far; `done` is set once nothing more is to come."""

    def __init__(self, job: LoadJob) -> None:
        self.job = job
        self.sent = 0
        self.latencies = array("q")
        self.lateness = array("q")
        self.errors: Counter[str] = Counter()
        self.first_error = ""
        self.done = asyncio.Event()
        self.started_ns = 0
        self._cpu_at_start = 0.0
        self.deadline_ns = 0
        self._render = job.template.renderer(job.tag)

    def begin(self) -> None:
        self._cpu_at_start = time.process_time()
        self.started_ns = time.monotonic_ns()
        self.deadline_ns = self.started_ns + int(self.job.pace.seconds * 1e9)

    def send(self, connection: Connection, stamp_ns: int) -> None:
        sequence = self.sent * self.job.template.items
        self.sent += 1
        connection.send(self._render(stamp_ns, sequence), stamp_ns)

    def refused(self, what: str, data: bytes) -> None:
        self.errors[what] += 1
        self.first_error = self.first_error or data[-400:].decode(errors="replace")

    def report(self) -> LoadReport:
        answered = len(self.latencies)
        refused = sum(count for what, count in self.errors.items() if what.isdigit())
        if self.sent > answered:
            self.errors["unanswered"] = self.sent - answered
        return LoadReport(
            sent=self.sent,
            accepted=answered - refused,
            errors=dict(self.errors),
            first_error=self.first_error,
            started_ns=self.started_ns,
            ended_ns=time.monotonic_ns(),
            latency=summarize(self.latencies),
            lateness=summarize(self.lateness),
            cpu_seconds=time.process_time() - self._cpu_at_start,
        )


class ClosedLoop:
    """Each connection sends again as soon as it has its answer."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._open = 0

    def start(self, connections: list[Connection]) -> None:
        self._open = len(connections)
        for connection in connections:
            self.answered(connection)

    def answered(self, connection: Connection) -> None:
        record = self.record
        now_ns = time.monotonic_ns()
        if record.sent < record.job.pace.requests and now_ns < record.deadline_ns:
            record.send(connection, now_ns)
        else:
            self._stop_one()

    def lost(self, connection: Connection, reason: str) -> None:
        if connection.since_ns:
            self.record.refused(f"connection lost: {reason}", b"")
            self._stop_one()

    def _stop_one(self) -> None:
        self._open -= 1
        if self._open == 0:
            self.record.done.set()


class OpenLoop:
    """Requests are due at a fixed rate whatever the server does; those without a free connection
    queue here, and their latency goes on counting. So a stall shows in every request it delayed.
    """

    def __init__(self, record: Record) -> None:
        assert record.job.pace.rate is not None
        self.record = record
        self._idle: deque[Connection] = deque()
        self._overdue: deque[int] = deque()
        self._interval_ns = int(1e9 / record.job.pace.rate)
        by_time = int(record.job.pace.seconds * record.job.pace.rate)
        self._to_come = self._total = min(record.job.pace.requests, by_time)
        self._connections = 0

    def start(self, connections: list[Connection]) -> None:
        self.add(connections)
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._pace, args=(loop,), daemon=True).start()

    def add(self, connections: list[Connection]) -> None:
        self._idle.extend(connections)
        self._connections = len(connections)

    def answered(self, connection: Connection) -> None:
        self._idle.append(connection)
        self._send_overdue()
        if not self._to_come and len(self._idle) == self._connections:
            self.record.done.set()

    def lost(self, connection: Connection, reason: str) -> None:
        self._connections -= 1
        if connection in self._idle:
            self._idle.remove(connection)
        else:
            self.record.refused(f"connection lost: {reason}", b"")
        if not self._connections:
            self.record.done.set()

    def _pace(self, loop: asyncio.AbstractEventLoop) -> None:
        """Sleep on a thread: the loop's own timers are only good to a millisecond."""
        for i in range(self._total):
            due_ns = self.record.started_ns + i * self._interval_ns
            early_ns = due_ns - time.monotonic_ns()
            if early_ns > 0:
                time.sleep(early_ns / 1e9)
            if loop.is_closed():
                return
            loop.call_soon_threadsafe(self.due, due_ns)

    def due(self, due_ns: int) -> None:
        self._to_come -= 1
        self.record.lateness.append(time.monotonic_ns() - due_ns)
        self._overdue.append(due_ns)
        self._send_overdue()

    def _send_overdue(self) -> None:
        while self._overdue and self._idle:
            self.record.send(self._idle.popleft(), self._overdue.popleft())


async def run(job: LoadJob) -> LoadReport:
    loop = asyncio.get_running_loop()
    record = Record(job)
    driver: Driver = ClosedLoop(record) if job.pace.rate is None else OpenLoop(record)
    connections = []
    for _ in range(job.pace.connections):
        address = job.address
        _, connection = await loop.create_connection(
            lambda: Connection(driver), address.host, address.port
        )
        connections.append(connection)
    record.begin()
    driver.start(connections)
    try:
        async with asyncio.timeout(job.pace.seconds + job.grace_seconds):
            await record.done.wait()
    except TimeoutError:
        record.refused("not done in time", b"")
    report = record.report()
    for connection in connections:
        connection.close()
    return report


def main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=LoadJob)
    gc.disable()
    report = uvloop.run(run(job))
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")


if __name__ == "__main__":
    main()
