"""The way to the service behind `api/llm`: the operator's URL, token and nothing else (7.4)."""

from collections.abc import AsyncIterator

import pytest

from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.outcomes import NotReached, Responded, Trouble
from relaypost.outbound.llm import LlmSender
from relaypost.outbound.sender import HttpSender
from relaypost.outbound.streams import Stream
from relaypost.outbound.tls import client_context
from tests.outbound.conftest import MakeSender, looked_up
from tests.support.attempts import attempt_request
from tests.support.raw_servers import OK, RawServer, answering, raw_server

FORMER_URL = "http://former.example/v1/chat/completions"


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    async with raw_server(answering(OK)) as server:
        yield server


@pytest.fixture
async def llm(server: RawServer) -> AsyncIterator[LlmSender]:
    sender = make_llm(server.url("/v1/chat/completions"))
    yield sender
    await sender.close()


def make_llm(url: str, token: str | None = "operators") -> LlmSender:
    http = HttpSender(
        AddressPolicy(opens_all=True),
        ssl_context=client_context(),
        lookup=looked_up(lambda _: ["127.0.0.1"]),
    )
    return LlmSender(http, url=url, token=token, timeout_ms=5_000)


@pytest.mark.conformance("K-15")
async def test_an_attempt_goes_where_the_setting_says(llm: LlmSender, server: RawServer) -> None:
    request = attempt_request(FORMER_URL, headers=(("Upstash-Message-Id", "msg_1"),))
    outcome = await llm.send(request)
    assert isinstance(outcome, Responded), outcome
    (received,) = server.requests
    assert received.line == "POST /v1/chat/completions HTTP/1.1"
    assert received.values("Host") == [f"127.0.0.1:{server.port}"]
    assert received.values("Authorization") == ["Bearer operators"]
    assert received.values("Upstash-Message-Id") == ["msg_1"]


@pytest.mark.conformance("K-15")
async def test_credentials_of_the_message_count(llm: LlmSender, server: RawServer) -> None:
    await llm.send(attempt_request(FORMER_URL, headers=(("Authorization", "Bearer mine"),)))
    assert server.requests[0].values("Authorization") == ["Bearer mine"]


async def test_without_a_token_none_is_sent(server: RawServer) -> None:
    llm = make_llm(server.url("/v1/chat/completions"), token=None)
    await llm.send(attempt_request(FORMER_URL))
    await llm.close()
    assert server.requests[0].values("Authorization") == []


async def test_a_chat(llm: LlmSender, server: RawServer) -> None:
    stream = await llm.ask(b'{"model":"m"}', headers=(("X-A", "1"),))
    assert isinstance(stream, Stream), stream
    assert await stream.read() == b"ok"
    stream.close()
    (received,) = server.requests
    assert received.body == b'{"model":"m"}'
    assert received.values("X-A") == ["1"]
    assert received.values("Authorization") == ["Bearer operators"]


@pytest.mark.conformance("K-15")
async def test_its_connections_serve_nobody_else(make_sender: MakeSender) -> None:
    """A message to the same URL is refused, whatever connections are open to it."""
    sender = make_sender(allow="", names=lambda _: ["127.0.0.1"])
    async with raw_server(answering(OK)) as server:
        llm = make_llm(server.url("/v1/chat/completions"))
        await llm.send(attempt_request(FORMER_URL))
        for host in ("127.0.0.1", "llm.example"):
            outcome = await sender.send(attempt_request(server.url(host=host)))
            assert isinstance(outcome, NotReached)
            assert outcome.trouble is Trouble.REFUSED_ADDRESS
        await llm.close()
    assert len(server.requests) == 1
