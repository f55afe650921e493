"""What the Python SDK does when an answer is lost: the server has acted (appendix A.1)."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from qstash.http import RetryConfig

from tests.support.clients import Connect
from tests.support.relays import Relay, relay
from tests.support.servers import Account, RelaypostProcess
from tests.support.sinks import Sink

TWICE = RetryConfig(retries=2, backoff=lambda _: 1)


@pytest.fixture
async def losing(development: RelaypostProcess) -> AsyncIterator[Relay]:
    async with relay(development.port) as losing:
        yield losing


async def test_a_repeated_publish_is_a_second_message(
    connect: Connect, account: Account, losing: Relay, sink: Sink
) -> None:
    sdk = connect(replace(account, url=losing.url), retry=TWICE)
    losing.losses = 2
    published = await sdk.message.publish(url=sink.url_of("/hook"), body="x")
    received = await sink.wait_for(3, "/hook")
    ids = [one.header("Upstash-Message-Id") for one in received]
    assert len(set(ids)) == 3
    assert published.message_id in ids


@pytest.mark.conformance("P-11")
async def test_an_id_makes_it_harmless(
    connect: Connect, account: Account, losing: Relay, sink: Sink, label: str
) -> None:
    sdk = connect(replace(account, url=losing.url), retry=TWICE)
    losing.losses = 1
    published = await sdk.message.publish(url=sink.url_of("/hook"), deduplication_id=label)
    assert published.deduplicated
    received = await sink.wait_one("/hook")
    assert received.header("Upstash-Message-Id") == published.message_id


async def test_without_repetition_it_is_an_error(
    connect: Connect, account: Account, losing: Relay, sink: Sink
) -> None:
    losing.losses = 1
    with pytest.raises(httpx.TransportError):
        await connect(replace(account, url=losing.url)).message.publish(url=sink.url_of("/hook"))
    await sink.wait_one("/hook")
