"""The destination, in a process of its own: takes POSTs, times them, answers 200 or never.

Runs as `python -m benchmarks.sink HOST ok|hang` and obeys commands on its standard input.
"""

import asyncio
import gc
import os
import sys
import time
from enum import StrEnum
from typing import cast

import httptools
import msgspec
import uvloop

from benchmarks.protocol import Begin, SinkReady, SinkReport, Wait
from benchmarks.requests import Address
from benchmarks.stamps import STAMP_BYTES
from benchmarks.tally import Tally

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

_commands = msgspec.json.Decoder(Begin | Wait)


class Mode(StrEnum):
    OK = "ok"
    HANG = "hang"


class Sink:
    """One tally at a time, and at most one command waiting for it."""

    def __init__(self, mode: Mode) -> None:
        self.answers = mode is Mode.OK
        self.open_connections = 0
        self.most_connections = 0
        self._tally = Tally(0)
        self._goal = 0
        self._timer: asyncio.TimerHandle | None = None
        self._cpu_at_begin = 0.0

    def arrived(self, body: bytes) -> None:
        tally = self._tally
        tally.arrived(body, time.monotonic_ns())
        if self._timer is not None and tally.count >= self._goal:
            self._end_wait()

    def connected(self, change: int) -> None:
        self.open_connections += change
        self.most_connections = max(self.most_connections, self.open_connections)

    def obey(self, line: bytes) -> None:
        command = _commands.decode(line)
        if isinstance(command, Begin):
            self._begin(command)
        else:
            self._wait(command)

    def _begin(self, command: Begin) -> None:
        self._tally = Tally(command.tag)
        self.most_connections = self.open_connections
        self._cpu_at_begin = time.process_time()
        self._report()

    def _wait(self, command: Wait) -> None:
        self._goal = command.count
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(command.seconds, self._end_wait)
        if self._tally.count >= self._goal:
            self._end_wait()

    def _end_wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._report()

    def _report(self) -> None:
        tally = self._tally
        report = SinkReport(
            count=tally.count,
            duplicates=tally.duplicates,
            strays=tally.strays,
            unstamped=tally.unstamped,
            last_ns=tally.last_ns,
            open_connections=self.open_connections,
            most_connections=self.most_connections,
            latency=tally.latency(),
            cpu_seconds=time.process_time() - self._cpu_at_begin,
        )
        _answer(report)


class SinkConnection(asyncio.Protocol):
    """Reads no headers: a callback for each would cost more than all the rest."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._sink.connected(1)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        if not self._body:
            self._body = body
        elif len(self._body) < STAMP_BYTES:
            self._body += body

    def on_message_complete(self) -> None:
        self._sink.arrived(self._body)
        self._body = b""
        if self._sink.answers:
            self._transport.write(ANSWER)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sink.connected(-1)


def _answer(message: SinkReady | SinkReport) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


async def serve(host: str, mode: Mode) -> None:
    """Serve until standard input ends: a sink never outlives who started it."""
    loop = asyncio.get_running_loop()
    sink = Sink(mode)
    ended = asyncio.Event()
    server = await loop.create_server(lambda: SinkConnection(sink), host, 0, backlog=4096)
    buffer = bytearray()

    def read_commands() -> None:
        data = os.read(sys.stdin.fileno(), 65_536)
        if not data:
            ended.set()
        buffer.extend(data)
        while b"\n" in buffer:
            line, _, rest = bytes(buffer).partition(b"\n")
            buffer[:] = rest
            sink.obey(line)

    loop.add_reader(sys.stdin.fileno(), read_commands)
    _answer(SinkReady(address=Address(host, server.sockets[0].getsockname()[1])))
    gc.freeze()
    await ended.wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], Mode(sys.argv[2])))
