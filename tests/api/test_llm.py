"""Chat with the service behind `api/llm`, over real connections on both sides (section 7.5)."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from relaypost.api.app import Api
from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.limits import Limits
from relaypost.domain.projects import Project, SigningKeys
from relaypost.domain.tokens import Token, TokenKind
from relaypost.domain.types import ProjectId
from relaypost.outbound.llm import LlmSender
from relaypost.outbound.sender import HttpSender
from relaypost.outbound.tls import client_context
from relaypost.runtime import SystemClock
from relaypost.service.context import Service
from relaypost.service.directory import Directory
from relaypost.service.keys import KeyRing
from relaypost.store.sqlite.store import SqliteStore
from relaypost.wire import llm, tokens
from tests.support.desk import FakeIntake
from tests.support.http1 import Reply, Wire, ask, connected, request
from tests.support.listening import Listening, listening
from tests.support.raw_servers import Peer, RawServer, Script, answering, raw_server

PATH = "/llm/v1/chat/completions"
CHAT = (
    b'{"provider":{"token":"t"},"model":"m","system":"s","user":"u","analytics":{},"messages":[]}'
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LIMITS = Limits(max_message_bytes=1_000)

Serve = Callable[[Script], Awaitable[Listening]]


def answer(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines, "", ""])
    return head.encode() + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@asynccontextmanager
async def serving(base_url: str | None) -> AsyncIterator[Listening]:
    store = SqliteStore(None, inline=True)
    keys = SigningKeys(current="a", next="b")
    kinds = {"full": TokenKind.FULL, "reader": TokenKind.READ_ONLY}
    await store.projects.add(
        Project(id=ProjectId(1), name="x", keys=keys),
        [
            Token(digest=tokens.digest(text), project_id=ProjectId(1), kind=kind)
            for text, kind in kinds.items()
        ],
    )
    directory = Directory(development=False)
    await directory.load(store.projects)
    http = HttpSender(AddressPolicy(opens_all=True), ssl_context=client_context())
    sender = LlmSender(http, url=f"{base_url}{llm.PATH}", token="operators", timeout_ms=10_000)
    service = Service(
        store=store,
        intake=FakeIntake(),
        clock=SystemClock(),
        policy=AddressPolicy(),
        keys=KeyRing(projects=directory, new_key=str),
        llm=None if base_url is None else sender,
        limits=LIMITS,
    )
    try:
        async with listening(Api(service, directory, is_ready=_always)) as server:
            yield server
    finally:
        await sender.close()
        await store.upkeep.close()


@asynccontextmanager
async def proxying(script: Script) -> AsyncIterator[tuple[Listening, RawServer]]:
    async with raw_server(script) as upstream, serving(upstream.url("")) as server:
        yield server, upstream


async def _always() -> bool:
    return True


async def chat(server: Listening, body: bytes = CHAT, token: str | None = "full") -> Reply:
    return await ask(server.port, "POST", PATH, token=token, body=body)


async def begin(wire: Wire, body: bytes = CHAT) -> None:
    await wire.send(request("POST", PATH, token="full", body=body))


@pytest.mark.conformance("K-17")
async def test_what_the_service_is_asked() -> None:
    async with proxying(answering(answer(b"{}"))) as (server, upstream):
        reply = await ask(
            server.port, "POST", PATH, ("X-Mine", "1"), ("Cookie", "a"), token="full", body=CHAT
        )
        assert reply.status == 200
    (received,) = upstream.requests
    assert received.line == "POST /v1/chat/completions HTTP/1.1"
    assert json.loads(received.body) == {"model": "m", "messages": []}
    assert sorted(received.headers) == [
        ("Accept-Encoding", "identity"),
        ("Authorization", "Bearer operators"),
        ("Content-Length", str(len(received.body))),
        ("Content-Type", "application/json"),
        ("Host", f"127.0.0.1:{upstream.port}"),
        ("User-Agent", "Upstash-QStash"),
    ]


@pytest.mark.conformance("K-17")
@pytest.mark.parametrize("status", ["200 OK", "429 Too Many Requests", "500 Oops", "400 Bad"])
async def test_what_the_client_is_answered(status: str) -> None:
    lines = ("Content-Type: text/x; a=b", "X-RateLimit-Limit-Requests: 100", "X-Other: 1")
    async with proxying(answering(answer(b"body", *lines, status=status))) as (server, _):
        reply = await chat(server)
    assert (str(reply.status), reply.body) == (status[:3], b"body")
    del reply.headers["date"]
    assert reply.headers == {
        "content-type": "text/x; a=b",
        "content-length": "4",
        "x-ratelimit-limit-requests": "100",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "*",
    }


async def test_where_it_is_not_configured_there_is_no_chat() -> None:
    async with serving(None) as server:
        for token in ("full", "reader", None):
            reply = await chat(server, token=token)
            assert (reply.status, reply.error) == (404, "not found")


async def test_who_may_chat() -> None:
    async with proxying(answering(answer(b"{}"))) as (server, upstream):
        assert (await chat(server, token=None)).status == 401
        assert (await chat(server, token="reader")).status == 403
        reply = await ask(server.port, "POST", f"{PATH}?qstash_token=full", token=None, body=CHAT)
        assert reply.status == 200
        assert (await ask(server.port, "GET", PATH, token="full")).status == 405
        assert len(upstream.requests) == 1


async def test_requests_that_are_none() -> None:
    async with proxying(answering(answer(b"{}"))) as (server, upstream):
        reply = await chat(server, b"[]")
        assert (reply.status, reply.error) == (400, "invalid body: not a JSON object")
        assert (await chat(server, b"x" * 1_001)).status == 412
        assert upstream.requests == []


async def hanging_up(peer: Peer) -> None:
    await peer.request()


async def breaking_off(peer: Peer) -> None:
    await peer.request()
    await peer.send(answer(b"{}")[:-1])


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (hanging_up, "connection failed: connection closed without an answer"),
        (breaking_off, "invalid response: body shorter than announced"),
        (answering(answer(b"x" * 1_001)), "invalid response: body longer than 1000 bytes"),
        (
            answering(answer(b"", "Location: https://h/", status="308 Moved")),
            "308 Permanent Redirect: https://h/",
        ),
        (answering(answer(b"", status="700 Odd")), "700"),
        (answering(b"rubbish\r\n\r\n"), "invalid response: not HTTP"),
    ],
)
async def test_no_answer_that_could_be_passed_on(script: Script, reason: str) -> None:
    async with proxying(script) as (server, _):
        reply = await chat(server)
    assert (reply.status, reply.error) == (502, reason)


async def test_nobody_there() -> None:
    async with raw_server(hanging_up) as upstream:
        url = upstream.url("")
    async with serving(url) as server:
        reply = await chat(server)
    assert (reply.status, reply.error) == (502, "connection failed: connection refused")


async def streaming(peer: Peer) -> None:
    """Events that are cut anywhere, a last one, and then nothing, without an end."""
    await peer.request()
    await peer.send(HEAD)
    for piece in (b'data: {"n":1}\n\nda', b'ta: {"n"', b":2}\n\ndata: [DONE]\r\n\r\nmore"):
        await peer.send(chunk(piece))
        await asyncio.sleep(0.01)
    await peer.wait_gone()


@pytest.mark.conformance("K-17")
async def test_each_write_holds_whole_events_and_the_last_one_ends_them() -> None:
    async with proxying(streaming) as (server, _), connected(server.port) as wire:
        for _ in range(2):  # the connection serves another request afterwards
            await begin(wire)
            head = await wire.reply(to_head=True)
            assert head.headers["content-type"] == "text/event-stream"
            assert head.headers["transfer-encoding"] == "chunked"
            assert [event async for event in wire.chunks()] == [
                b'data: {"n":1}\n\n',
                b'data: {"n":2}\n\ndata: [DONE]\n\n',
            ]


async def test_events_without_a_last_one() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + chunk(b"data: 1\n\ndata: 2") + b"0\r\n\r\n")

    async with proxying(script) as (server, _), connected(server.port) as wire:
        await begin(wire)
        await wire.reply(to_head=True)
        assert b"".join([event async for event in wire.chunks()]) == b"data: 1\n\ndata: 2"


@pytest.mark.parametrize("endless", [False, True])
async def test_a_stream_that_breaks_off_does_not_look_complete(
    caplog: pytest.LogCaptureFixture, *, endless: bool
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + chunk(b"data: 1\n\n"))
        if endless:
            await peer.send_endlessly(chunk(b"x" * 65_536))

    async with proxying(script) as (server, _), connected(server.port) as wire:
        await begin(wire)
        await wire.reply(to_head=True)
        assert await wire.wait_closed() == chunk(b"data: 1\n\n")
    assert "a streamed answer broke off" in caplog.messages
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("started", [False, True])
async def test_a_client_that_goes_away_ends_the_request(
    caplog: pytest.LogCaptureFixture, *, started: bool
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if started:
            await peer.send(HEAD + chunk(b"data: 1\n\n"))
        asked.set()
        await peer.wait_gone()
        gone.set()

    asked, gone = asyncio.Event(), asyncio.Event()
    async with proxying(script) as (server, _):
        async with connected(server.port) as wire:
            await begin(wire)
            await asked.wait()
            if started:
                await wire.reply(to_head=True)
        async with asyncio.timeout(5):
            await gone.wait()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
