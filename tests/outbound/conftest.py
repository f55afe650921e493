"""Real sockets on loopback; each test runs on both event loops."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

import pytest
import trustme
import uvloop

from relaypost.domain.addresses import AddressPolicy, parse_networks
from relaypost.outbound.resolver import Lookup
from relaypost.outbound.sender import HttpSender, SenderLimits
from relaypost.outbound.tls import client_context

LOOPBACK = "127.0.0.0/8, ::1"


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class MakeSender(Protocol):
    def __call__(
        self,
        *,
        allow: str = LOOPBACK,
        limits: SenderLimits | None = None,
        names: Callable[[str], Sequence[str]] | None = None,
        lookup: Lookup | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> HttpSender: ...


@pytest.fixture(scope="session")
def system_context() -> ssl.SSLContext:
    return client_context()


@pytest.fixture
async def make_sender(system_context: ssl.SSLContext) -> AsyncIterator[MakeSender]:
    senders: list[HttpSender] = []
    before = asyncio.all_tasks()

    def make(
        *,
        allow: str = LOOPBACK,
        limits: SenderLimits | None = None,
        names: Callable[[str], Sequence[str]] | None = None,
        lookup: Lookup | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> HttpSender:
        sender = HttpSender(
            AddressPolicy(parse_networks(allow)),
            ssl_context=ssl_context or system_context,
            limits=limits,
            lookup=looked_up(names) if names else lookup,
        )
        senders.append(sender)
        return sender

    yield make
    for sender in senders:
        await sender.close()
        assert sender.statistics().open_connections == 0
    assert not asyncio.all_tasks() - before - {asyncio.current_task()}


@pytest.fixture
async def sender(make_sender: MakeSender) -> HttpSender:
    return make_sender()


def looked_up(names: Callable[[str], Sequence[str]]) -> Lookup:
    """A look-up that answers at once."""

    def lookup(host: str) -> asyncio.Future[Sequence[str]]:
        future: asyncio.Future[Sequence[str]] = asyncio.get_running_loop().create_future()
        future.set_result(names(host))
        return future

    return lookup


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def trusting_context(authority: trustme.CA) -> ssl.SSLContext:
    context = client_context()
    authority.configure_trust(context)
    return context
