"""Each test runs on both clients of the Python SDK, each with a user of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.support.clients import PythonSdk, python_sdk
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
async def sdk(kind: str, account: Account) -> AsyncIterator[PythonSdk]:
    sdk = python_sdk(kind, account)
    yield sdk
    await sdk.close()
