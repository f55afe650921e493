"""The JavaScript SDK against the server; what is delivered must satisfy its `Receiver` too."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.javascript import Driver, JavaScriptSdk, driving
from tests.support.servers import Account, RelaypostProcess
from tests.support.signatures import is_text, signature_of
from tests.support.sinks import Sink


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    with driving() as driver:
        yield driver


@pytest.fixture
def account(development: RelaypostProcess) -> Account:
    return development.accounts["testUser3"]


@pytest.fixture
def sdk(driver: Driver, account: Account) -> JavaScriptSdk:
    return JavaScriptSdk(driver, {"baseUrl": account.url, "token": account.token, "retry": False})


@pytest.fixture
async def sink(sink: Sink, sdk: JavaScriptSdk, account: Account) -> AsyncIterator[Sink]:
    yield sink
    requests = [
        {
            "signature": signature_of(received),
            "body": received.body.decode(),
            "url": sink.url + received.target,
        }
        for received in sink.received
        if is_text(received)
    ]
    verdicts = await sdk.verify(requests, account)
    assert verdicts == [{"value": True}] * len(requests)
