"""All open connections, and among them the idle ones, kept for the next request to their origin."""

import asyncio

from relaypost.outbound.connection import Connection
from relaypost.outbound.troubles import connection_failed


class Pool:
    """Gives out the connection that was used last, and closes those that nobody needs for long."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        max_idle: int,
        max_idle_per_origin: int,
        idle_timeout: float,
        max_age: float,
    ) -> None:
        self._loop = loop
        self._is_closed = False
        self._open: set[Connection] = set()
        self._all_lost = asyncio.Event()
        self._max_idle = max_idle
        self._max_idle_per_origin = max_idle_per_origin
        self._idle_timeout = idle_timeout
        self._max_age = max_age
        # Both keep the order of arrival: the oldest is the first, the newest the last.
        self._idle_since: dict[Connection, float] = {}
        self._by_origin: dict[str, dict[Connection, None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def open_count(self) -> int:
        return len(self._open)

    @property
    def idle_count(self) -> int:
        return len(self._idle_since)

    def opened(self, connection: Connection) -> None:
        self._open.add(connection)

    def lost(self, connection: Connection) -> None:
        self._forget(connection)
        self._open.discard(connection)
        if self._is_closed and not self._open:
            self._all_lost.set()

    def take(self, origin: str) -> Connection | None:
        stack = self._by_origin.get(origin)
        while stack:
            connection, _ = stack.popitem()
            del self._idle_since[connection]
            if not stack:
                del self._by_origin[origin]
            if connection.is_open:
                return connection
        return None

    def put(self, connection: Connection) -> None:
        """Keep a connection for later; the oldest idle one may have to go instead."""
        if self._is_closed:
            connection.close()
            return
        now = self._loop.time()
        stack = self._by_origin.get(connection.origin)
        if stack is None:
            stack = self._by_origin[connection.origin] = {}
        stack[connection] = None
        self._idle_since[connection] = now
        if now - connection.born_at > self._max_age:
            self._drop(connection)
        elif len(stack) > self._max_idle_per_origin:
            self._drop(next(iter(stack)))
        elif len(self._idle_since) > self._max_idle:
            self._drop(next(iter(self._idle_since)))
        if self._timer is None:
            self._timer = self._loop.call_later(self._idle_timeout, self._expire)

    async def close(self) -> None:
        """End all connections and wait until they are gone."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for connection in tuple(self._open):
            connection.abort(connection_failed("shutting down"))
        if self._open:
            await self._all_lost.wait()

    def _forget(self, connection: Connection) -> None:
        """Strike out a connection if it was idle."""
        if self._idle_since.pop(connection, None) is None:
            return
        stack = self._by_origin[connection.origin]
        del stack[connection]
        if not stack:
            del self._by_origin[connection.origin]

    def _drop(self, connection: Connection) -> None:
        self._forget(connection)
        connection.close()

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.time()
        for connection, since in tuple(self._idle_since.items()):
            wait = since + self._idle_timeout - now
            if wait > 0:
                self._timer = self._loop.call_later(wait, self._expire)
                return
            self._drop(connection)
