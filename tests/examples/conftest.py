"""Each example, started by its one command; and a visitor with a browser."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.examples import REQUEST_SECONDS, RunningExample, Visitor


@pytest.fixture
async def visitor(example: RunningExample) -> AsyncIterator[Visitor]:
    async with httpx.AsyncClient(
        base_url=example.url, timeout=REQUEST_SECONDS, trust_env=False
    ) as http:
        yield Visitor(example, http)
