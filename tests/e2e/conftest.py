"""One server in development mode for each file of tests, and a destination for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.servers import RelaypostProcess, running
from tests.support.sinks import Sink, listening_sink


@pytest.fixture(scope="module")
def dev() -> Iterator[RelaypostProcess]:
    with running("dev") as server:
        yield server


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with listening_sink() as sink:
        yield sink
