"""One connection to an origin: sends a request, reads its answer, and then maybe serves another."""

import asyncio
import contextlib
import socket
from typing import Protocol, cast

from relaypost.domain.outcomes import AttemptRequest, Outcome
from relaypost.outbound.answers import AnswerReader, Malformed
from relaypost.outbound.troubles import (
    connection_failed,
    invalid_response,
    network_failed,
    timed_out,
)

# Up to here head and body go out as one piece; a larger body goes in slices as the peer takes them.
MAX_JOINED_BYTES = 65_536
SLICE_BYTES = 262_144

_TIMER_GRAIN = 0.001

# A peer that vanished without a word is noticed after three minutes, however long the timeout.
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))


class Watcher(Protocol):
    """Who is told of each connection that comes and goes."""

    def opened(self, connection: "Connection") -> None: ...
    def lost(self, connection: "Connection") -> None: ...


class Connection(asyncio.BufferedProtocol):
    """
         dialled              exchange              answer complete, kept alive
    new ---------> ready ----------------> busy ------------------------------> ready
                     |                       |
                     +--> closed <-----------+  any trouble, timeout, abort, or not kept alive
    """

    __slots__ = (
        "_buffer",
        "_deadline",
        "_future",
        "_is_paused",
        "_loop",
        "_reader",
        "_served",
        "_timeout_ms",
        "_timer",
        "_timer_at",
        "_transport",
        "_unsent",
        "_watcher",
        "born_at",
        "is_reusable",
        "origin",
    )

    def __init__(
        self,
        origin: str,
        loop: asyncio.AbstractEventLoop,
        *,
        max_body_bytes: int,
        buffer: memoryview,
        watcher: Watcher,
    ) -> None:
        self.origin = origin
        self.born_at = loop.time()
        self.is_reusable = False
        self._buffer = buffer
        self._loop = loop
        self._watcher = watcher
        self._reader = AnswerReader(max_body_bytes=max_body_bytes)
        self._transport: asyncio.Transport | None = None
        self._future: asyncio.Future[Outcome | None] | None = None
        self._deadline = 0.0
        self._timeout_ms = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._unsent: memoryview | None = None
        self._is_paused = False
        self._served = 0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def exchange(
        self, head: bytes, request: AttemptRequest, *, deadline: float
    ) -> asyncio.Future[Outcome | None]:
        """Send a request and say what came of it.

        `None` says that a connection which had served before broke ahead of the first byte of the
        answer: the request should go out again on a new one. Whoever stops waiting must `abort`.
        """
        self._future = future = self._loop.create_future()
        self._deadline = deadline
        self._timeout_ms = request.timeout_ms
        self._reader.expect(keep_success_body=request.keep_body)
        self.is_reusable = False
        transport = self._transport
        if transport is None or transport.is_closing():
            self._end(None)
            return future
        if self._timer is None or deadline < self._timer_at:
            self._set_timer(deadline)
        self._send(transport, head, request.body)
        return future

    def close(self) -> None:
        """End an idle connection politely."""
        if self._transport is not None:
            self._transport.close()

    def abort(self, outcome: Outcome | None = None) -> None:
        """End at once; whoever waits for an answer gets the given outcome."""
        self._unsent = None
        if self._transport is not None:
            self._transport.abort()
        self._finish(outcome)

    def forsake(self) -> None:
        """End a connection on which dialling failed: uvloop then never says that it is lost."""
        self.abort()
        self.connection_lost(None)

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        _keep_alive(transport.get_extra_info("socket"))
        self._watcher.opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._future is None:  # nobody asked: it must not become the next request's answer
            self.abort()
            return
        try:
            is_complete = self._reader.feed(self._buffer[:nbytes])
        except Malformed as error:
            self.abort(invalid_response(str(error)))
            return
        if is_complete:
            self._complete()

    def eof_received(self) -> None:
        if self._future is not None:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is None:
            return
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._unsent = None
        if self._future is not None:
            self._end(exc)
        self._reader.release()
        self._watcher.lost(self)

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._send_slices()

    def _send(self, transport: asyncio.Transport, head: bytes, body: bytes) -> None:
        if len(body) <= MAX_JOINED_BYTES:
            transport.write(head + body)
            return
        transport.write(head)
        self._unsent = memoryview(body)
        self._send_slices()

    def _send_slices(self) -> None:
        while self._unsent is not None and not self._is_paused and self.is_open:
            part, rest = self._unsent[:SLICE_BYTES], self._unsent[SLICE_BYTES:]
            self._unsent = rest if len(rest) else None
            cast("asyncio.Transport", self._transport).write(part)

    # The timer stays as it is from one exchange to the next: as a rule the next deadline is later,
    # and to look again when it fires is cheaper than to cancel and set it for each exchange.

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._check_deadline)

    def _check_deadline(self) -> None:
        self._timer = None
        if self._future is None:
            return
        if self._deadline - self._loop.time() > _TIMER_GRAIN:
            self._set_timer(self._deadline)
        else:
            self.abort(timed_out(self._timeout_ms))

    # How an exchange ends.

    def _complete(self) -> None:
        answer = self._reader.answer()
        self._served += 1
        # An answer to half a request leaves a connection on which the other half is still expected.
        self.is_reusable = self._reader.keeps_alive and self._unsent is None and self.is_open
        if self.is_reusable:
            self._finish(answer)
        else:
            self.abort(answer)

    def _end(self, error: Exception | None) -> None:
        """The peer has ended or broken the connection, or it was broken before the exchange."""
        if self._served and not self._reader.has_begun:
            self.abort(None)
        elif error is not None:
            self.abort(network_failed(error))
        elif not self._reader.has_begun:
            self.abort(connection_failed("connection closed without an answer"))
        else:
            self._end_answer()

    def _end_answer(self) -> None:
        try:
            self._reader.end()
        except Malformed as error:
            self.abort(invalid_response(str(error)))
        else:
            self.abort(self._reader.answer())

    def _finish(self, outcome: Outcome | None) -> None:
        future, self._future = self._future, None
        if future is not None and not future.done():
            future.set_result(outcome)


def _keep_alive(peer: socket.socket | None) -> None:
    if peer is None:
        return
    with contextlib.suppress(OSError):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):
                peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
