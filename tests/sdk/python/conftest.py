"""Each test runs on both clients of the Python SDK, each with a user of its own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Literal

import pytest
from qstash.http import RetryConfig

from tests.support.clients import Connect, PythonSdk, python_sdk
from tests.support.servers import Account, RelaypostProcess

USERS = {"sync": "testUser1", "async": "testUser2"}


@pytest.fixture(params=USERS)
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def account(kind: str, development: RelaypostProcess) -> Account:
    return development.accounts[USERS[kind]]


@pytest.fixture
async def connect(kind: str) -> AsyncIterator[Connect]:
    """Its clients are closed when the test has ended, however it did."""
    async with AsyncExitStack() as opened:

        def connect(account: Account, *, retry: RetryConfig | Literal[False] = False) -> PythonSdk:
            sdk = python_sdk(kind, account, retry=retry)
            opened.push_async_callback(sdk.close)
            return sdk

        yield connect


@pytest.fixture
def sdk(connect: Connect, account: Account) -> PythonSdk:
    return connect(account)
