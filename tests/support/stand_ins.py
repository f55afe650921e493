"""A whole server in the loop of the test, for which one machine stands in for all others.

Providers have fixed names and port 443, which no setting of relaypost redirects. Only the place
that is dialled is another here: names, certificates and requests are what they would be.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

import trustme

from relaypost.domain.addresses import DEVELOPMENT_NETWORKS, AddressPolicy
from relaypost.domain.outcomes import NotReached
from relaypost.domain.urls import Destination
from relaypost.engine.engine import Engine
from relaypost.outbound.connection import Connection
from relaypost.outbound.dialer import Dialer
from relaypost.outbound.sender import HttpSender
from relaypost.outbound.tls import client_context
from relaypost.store.sqlite.store import SqliteStore
from tests.support.inner_servers import InnerApplication, serving

C = TypeVar("C", bound=Connection)


class RedirectedDialer(Dialer):
    """Dials one port of this machine, whatever it is asked to dial."""

    port: int

    async def dial(
        self, destination: Destination, new: Callable[[str], C], *, deadline: float
    ) -> C | NotReached | None:
        return await super().dial(replace(destination, port=self.port), new, deadline=deadline)


class RedirectedSender(HttpSender):
    def __init__(self, authority: trustme.CA, port: int) -> None:
        context = client_context()
        authority.configure_trust(context)
        super().__init__(
            AddressPolicy(DEVELOPMENT_NETWORKS), ssl_context=context, lookup=_this_machine
        )
        self._dialer.__class__ = RedirectedDialer
        self._dialer.port = port  # type: ignore[attr-defined]  # of the class it has now


def _this_machine(host: str) -> asyncio.Future[Sequence[str]]:
    found: asyncio.Future[Sequence[str]] = asyncio.get_running_loop().create_future()
    found.set_result(["127.0.0.1"])
    return found


class RedirectedApplication(InnerApplication):
    def __init__(self, authority: trustme.CA, port: int) -> None:
        super().__init__()
        self._authority = authority
        self._port = port

    def _engine(self, store: SqliteStore, sender: HttpSender) -> Engine:
        return super()._engine(store, RedirectedSender(self._authority, self._port))


@asynccontextmanager
async def redirected_server(authority: trustme.CA, port: int) -> AsyncIterator[str]:
    """The URL of a development server whose deliveries all end at one port of this machine."""
    async with serving(RedirectedApplication(authority, port)) as url:
        yield url


def certified(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """The side of a server that has a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context
