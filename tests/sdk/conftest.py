"""One server in development mode for each run of tests; each SDK uses one of its four users."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.inner_servers import HeldClock
from tests.support.rest import RestApi, rest_api
from tests.support.servers import Account, RelaypostProcess, running
from tests.support.signatures import verify_all
from tests.support.sinks import Answer, Sink, listening_sink


@pytest.fixture(scope="session")
def development() -> Iterator[RelaypostProcess]:
    with running("dev") as server:
        yield server


@pytest.fixture
async def rest(account: Account) -> AsyncIterator[RestApi]:
    """The REST API for the account of the test, which starts with nothing pending."""
    async with rest_api(account) as rest:
        await rest.clear()
        yield rest


@pytest.fixture
async def sink(account: Account, rest: RestApi) -> AsyncIterator[Sink]:
    """A destination; whatever it was sent must have been signed for the account of the test."""
    async with listening_sink() as sink:
        yield sink
        verify_all(sink.received, account, base_url=sink.url)
        await rest.clear()


@pytest.fixture
async def plain_sink() -> AsyncIterator[Sink]:
    """A destination of tests that look at signatures themselves."""
    async with listening_sink() as sink:
        yield sink


@pytest.fixture
def clock() -> HeldClock:
    """Of a server that a test starts for itself, because a minute has to end there soon."""
    return HeldClock()


@pytest.fixture
def label(request: pytest.FixtureRequest) -> str:
    """Marks the messages of one test among all that its user ever published."""
    name: str = request.node.name
    return name


@pytest.fixture
async def held() -> AsyncIterator[Answer]:
    """An answer that does not come while the test runs."""
    never = asyncio.Event()
    yield Answer(after=never)
    never.set()


@pytest.fixture
def unused_url() -> Iterator[str]:
    """A destination that refuses connections: its port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"
