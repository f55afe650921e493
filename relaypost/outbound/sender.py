"""Sends attempts over HTTP/1.1: reuses connections, holds deadlines, never follows redirects."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.errors import Invalid
from relaypost.domain.outcomes import AttemptRequest, NotReached, Outcome
from relaypost.domain.urls import Destination, split_url
from relaypost.outbound.connection import Connection
from relaypost.outbound.dialer import Dialer
from relaypost.outbound.pool import Pool
from relaypost.outbound.resolver import Lookup, Resolver, SystemLookup
from relaypost.outbound.serialize import request_head
from relaypost.outbound.streams import Stream
from relaypost.outbound.troubles import connection_failed, timed_out

READ_BYTES = 65_536

C = TypeVar("C", bound=Connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderLimits:
    max_body_bytes: int = 10_485_760
    """A longer body of an answer is cut here; zero means unlimited."""
    connect_timeout_ms: int = 30_000
    idle_timeout_ms: int = 30_000
    max_idle: int = 1024
    max_idle_per_origin: int = 128
    max_connection_age_ms: int = 300_000
    """A connection is not reused after this, so that a name's new address is noticed."""
    dns_answers_for_ms: int = 30_000
    """The system does not tell how long an answer is good; 60 seconds is the most."""
    dns_failures_for_ms: int = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderStatistics:
    open_connections: int
    idle_connections: int


class HttpSender:
    """The only way out to the network. Made where an event loop runs, used in that loop."""

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        ssl_context: ssl.SSLContext,
        limits: SenderLimits | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        limits = limits or SenderLimits()
        self._loop = loop = asyncio.get_running_loop()
        self._max_body_bytes = limits.max_body_bytes
        # All connections read into one buffer, for what arrives is parsed before anything else is
        # read. Else TLS and plain asyncio take 256 KiB of fresh memory for each read.
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._connect_timeout = limits.connect_timeout_ms / 1000
        self._pool = Pool(
            loop,
            max_idle=limits.max_idle,
            max_idle_per_origin=limits.max_idle_per_origin,
            idle_timeout=limits.idle_timeout_ms / 1000,
            max_age=limits.max_connection_age_ms / 1000,
        )
        resolver = Resolver(
            loop,
            lookup or SystemLookup(loop),
            answers_for=limits.dns_answers_for_ms / 1000,
            failures_for=limits.dns_failures_for_ms / 1000,
        )
        self._dialer = Dialer(
            loop,
            resolver,
            policy=policy,
            ssl_context=ssl_context,
        )

    async def send(self, request: AttemptRequest) -> Outcome:
        """Make one attempt; whatever goes wrong with the delivery is an outcome, no exception."""
        try:
            destination = split_url(request.url)
            head = request_head(request, destination)
        except Invalid as error:
            return connection_failed(str(error))
        deadline = self._loop.time() + request.timeout_ms / 1000
        connection = self._pool.take(destination.origin)
        if connection is not None:
            outcome = await self._exchange(connection, head, request, deadline)
            if outcome is not None:
                return outcome
        return await self._send_anew(destination, head, request, deadline)

    async def open(self, request: AttemptRequest) -> Stream | NotReached:
        """Make a request on a connection of its own, and hand it over once the head of the answer
        has come. Whoever gets it must close it.
        """
        try:
            destination = split_url(request.url)
            head = request_head(request, destination)
        except Invalid as error:
            return connection_failed(str(error))
        deadline = self._loop.time() + request.timeout_ms / 1000
        stream = await self._dial(destination, self._new_stream, request, deadline=deadline)
        if isinstance(stream, NotReached):
            return stream
        try:
            trouble = await stream.ask(head, request, deadline=deadline)
        except asyncio.CancelledError:
            stream.close()
            raise
        return stream if trouble is None else trouble

    async def close(self) -> None:
        """End all connections and wait until they are gone."""
        await self._pool.close()

    def statistics(self) -> SenderStatistics:
        return SenderStatistics(
            open_connections=self._pool.open_count, idle_connections=self._pool.idle_count
        )

    async def _send_anew(
        self, destination: Destination, head: bytes, request: AttemptRequest, deadline: float
    ) -> Outcome:
        dialled = await self._dial(destination, self._new_connection, request, deadline=deadline)
        if isinstance(dialled, NotReached):
            return dialled
        outcome = await self._exchange(dialled, head, request, deadline)
        return outcome or connection_failed("connection closed without an answer")

    async def _dial(
        self,
        destination: Destination,
        new: Callable[[str], C],
        request: AttemptRequest,
        *,
        deadline: float,
    ) -> C | NotReached:
        limit = min(deadline, self._loop.time() + self._connect_timeout)
        dialled = await self._dialer.dial(destination, new, deadline=limit)
        if dialled is None:
            if limit == deadline:
                return timed_out(request.timeout_ms)
            return connection_failed("connect timeout")
        return dialled

    async def _exchange(
        self, connection: Connection, head: bytes, request: AttemptRequest, deadline: float
    ) -> Outcome | None:
        try:
            outcome = await connection.exchange(head, request, deadline=deadline)
        except asyncio.CancelledError:
            connection.abort()
            raise
        if connection.is_reusable:
            self._pool.put(connection)
        return outcome

    def _new_connection(self, origin: str) -> Connection:
        return Connection(
            origin,
            self._loop,
            max_body_bytes=self._max_body_bytes,
            buffer=self._buffer,
            watcher=self._pool,
        )

    def _new_stream(self, origin: str) -> Stream:
        return Stream(origin, self._loop, max_body_bytes=0, buffer=self._buffer, watcher=self._pool)
