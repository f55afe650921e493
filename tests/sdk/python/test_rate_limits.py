"""Rate limits as the Python SDK raises them (sections 1.8, A.5)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from qstash.errors import DailyMessageLimitExceededError, QStashError, RateLimitExceededError

from tests.support.clients import Connect, PythonSdk
from tests.support.servers import Account, running
from tests.support.sinks import Sink

SETTINGS = {
    "allow_networks": "127.0.0.0/8",
    "token": "t",
    "read_only_token": "r",
    "max_daily_messages": "2",
    "max_requests_per_second": "1",
}
DAY_S = 86_400


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    with running("serve", database_url=f"sqlite:///{tmp_path}/x.db", **SETTINGS) as server:
        yield Account(server.url, "t", "", "")


@pytest.mark.conformance("P-35", "A-11")
async def test_the_daily_limit(sdk: PythonSdk, plain_sink: Sink) -> None:
    for _ in range(2):
        await sdk.message.publish(url=plain_sink.url_of("/hook"))
    with pytest.raises(DailyMessageLimitExceededError) as caught:
        await sdk.message.publish(url=plain_sink.url_of("/hook"))
    error = caught.value
    assert (error.limit, error.remaining) == ("2", "0")
    assert error.reset is not None
    assert int(error.reset) % DAY_S == 0
    await plain_sink.wait_for(2)


@pytest.mark.conformance("P-35", "A-11")
async def test_the_burst_limit(sdk: PythonSdk) -> None:
    """Of many within a second, all but one are refused; a second may end in between."""
    refused: list[RateLimitExceededError] = []
    for _ in range(20):
        try:
            await sdk.dlq.list()
        except RateLimitExceededError as error:
            refused.append(error)
    assert refused
    for one in refused:
        assert (one.limit, one.remaining) == ("1", "0")
        assert one.reset is not None
        assert int(one.reset) > 0


@pytest.mark.conformance("P-36", "A-11")
async def test_a_read_only_token(connect: Connect, account: Account) -> None:
    reader = connect(Account(account.url, "r", "", ""))
    text = "read-only token is not allowed to perform this operation"
    with pytest.raises(QStashError) as caught:
        await reader.message.publish(url="https://example.com/")
    assert str(caught.value) == f'Request failed with status: 403, body: {{"error":"{text}"}}'
