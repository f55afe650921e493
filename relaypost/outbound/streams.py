"""A connection for one exchange whose answer is read while it comes, as fast as it is taken."""

import asyncio

from relaypost.domain.outcomes import AttemptRequest, NotReached, Outcome, Responded
from relaypost.domain.types import Headers
from relaypost.outbound.connection import Connection, Watcher
from relaypost.outbound.troubles import connection_failed

MAX_WAITING_BYTES = 262_144
"""Of an answer that nobody has taken yet; then nothing more is read."""

NO_ANSWER = connection_failed("connection closed without an answer")


class Stream(Connection):
    """`ask`, then `read` until the end; `close` at any time."""

    __slots__ = ("_arrived", "_head", "_is_held", "_outcome")

    def __init__(
        self,
        origin: str,
        loop: asyncio.AbstractEventLoop,
        *,
        max_body_bytes: int,
        buffer: memoryview,
        watcher: Watcher,
    ) -> None:
        super().__init__(
            origin, loop, max_body_bytes=max_body_bytes, buffer=buffer, watcher=watcher
        )
        self._arrived = asyncio.Event()
        self._is_held = False
        self._outcome: asyncio.Future[Outcome | None] = loop.create_future()
        self._head = Responded(status=0)

    @property
    def status(self) -> int:
        return self._head.status

    @property
    def headers(self) -> Headers:
        return self._head.headers

    async def ask(
        self, head: bytes, request: AttemptRequest, *, deadline: float
    ) -> NotReached | None:
        """Send the request; return when status and headers have come, or why they never will."""
        self._outcome = self.exchange(head, request, deadline=deadline)
        while not self._reader.has_head:
            if self._outcome.done():
                return self._trouble()
            await self._wait()
        self._head = self._reader.head()
        return None

    async def read(self) -> bytes | NotReached:
        """The next piece of the body, empty at its end; or why it broke off."""
        while not (piece := self._take()):
            if self._outcome.done():
                return self._trouble() or b""
            await self._wait()
        return piece

    def close(self) -> None:
        self.abort()

    def buffer_updated(self, nbytes: int) -> None:
        super().buffer_updated(nbytes)
        self._arrived.set()
        if self._reader.kept_bytes > MAX_WAITING_BYTES and self.is_open and not self._is_held:
            assert self._transport is not None
            self._transport.pause_reading()
            self._is_held = True

    def _take(self) -> bytes:
        piece = self._reader.take_body()
        if self._is_held:
            self._is_held = False
            if self.is_open:
                assert self._transport is not None
                self._transport.resume_reading()
        return piece

    async def _wait(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()

    def _finish(self, outcome: Outcome | None) -> None:
        super()._finish(outcome)
        self._arrived.set()

    def _trouble(self) -> NotReached | None:
        outcome = self._outcome.result()
        return None if isinstance(outcome, Responded) else outcome or NO_ANSWER
