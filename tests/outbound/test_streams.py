"""Answers that are read while they come (section 7.5)."""

import asyncio

import pytest

from relaypost.domain.outcomes import NotReached, Trouble
from relaypost.outbound.sender import HttpSender
from relaypost.outbound.streams import MAX_WAITING_BYTES, Stream
from tests.outbound.conftest import MakeSender
from tests.support.attempts import attempt_request
from tests.support.raw_servers import OK, Peer, Script, answering, raw_server
from tests.support.stand_ins import certified

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
LARGE = 16 * 1024 * 1024


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def opened(sender: HttpSender, url: str, *, timeout_ms: int = 5_000) -> Stream:
    stream = await sender.open(attempt_request(url, timeout_ms=timeout_ms))
    assert isinstance(stream, Stream), stream
    return stream


async def read_all(stream: Stream) -> bytes | NotReached:
    body = b""
    while piece := await stream.read():
        if isinstance(piece, NotReached):
            return piece
        body += piece
    return body


async def test_the_head_comes_first_then_each_piece_as_it_is_sent(sender: HttpSender) -> None:
    may_go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" + HEAD)
        for data in (b"one", b"two"):
            await may_go_on.wait()
            may_go_on.clear()
            await peer.send(chunk(data))
        await peer.send(LAST)

    async with raw_server(script) as server:
        stream = await opened(sender, server.url())
        assert stream.status == 200
        assert ("Content-Type", "text/event-stream") in stream.headers
        for data in (b"one", b"two"):
            may_go_on.set()
            assert await stream.read() == data
        assert await stream.read() == b""
        assert await stream.read() == b""
        stream.close()
    assert server.requests[0].body == b"{}"


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 200 OK\r\n\r\nok",
        HEAD + chunk(b"o") + chunk(b"k") + LAST,
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
async def test_each_way_in_which_an_answer_ends(sender: HttpSender, answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    async with raw_server(script) as server:
        stream = await opened(sender, server.url())
        assert await read_all(stream) == (b"" if b"204" in answer else b"ok")
        stream.close()


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (HEAD + chunk(b"one"), "invalid response: body shorter than announced"),
        (HEAD + b"3\r\none\r\nx", "invalid response: malformed body"),
    ],
)
async def test_an_answer_that_breaks_off(sender: HttpSender, sent: bytes, error: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(sent)

    async with raw_server(script) as server:
        stream = await opened(sender, server.url())
        broken = await read_all(stream)
        assert isinstance(broken, NotReached)
        assert broken.error == error


async def silent(peer: Peer) -> None:
    await peer.request()
    await peer.stay_silent()


async def silent_after_a_piece(peer: Peer) -> None:
    await peer.request()
    await peer.send(HEAD + chunk(b"one"))
    await peer.stay_silent()


async def hanging_up(peer: Peer) -> None:
    await peer.request()


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (silent, "timeout: no complete response within 0.1s"),
        (hanging_up, "connection failed: connection closed without an answer"),
        (answering(b"rubbish\r\n\r\n"), "invalid response: not HTTP"),
    ],
)
async def test_no_answer_at_all(sender: HttpSender, script: Script, error: str) -> None:
    async with raw_server(script) as server:
        outcome = await sender.open(attempt_request(server.url(), timeout_ms=100))
    assert isinstance(outcome, NotReached)
    assert outcome.error == error


async def test_nobody_there(make_sender: MakeSender) -> None:
    async with raw_server(silent) as server:
        url = server.url()
    sender = make_sender()
    outcome = await sender.open(attempt_request(url))
    assert isinstance(outcome, NotReached)
    assert outcome.error == "connection failed: connection refused"
    outcome = await sender.open(attempt_request("http://h/\x00"))
    assert isinstance(outcome, NotReached)


async def test_the_deadline_is_that_of_the_whole_answer(sender: HttpSender) -> None:
    async with raw_server(silent_after_a_piece) as server:
        stream = await opened(sender, server.url(), timeout_ms=100)
        broken = await read_all(stream)
    assert isinstance(broken, NotReached)
    assert broken.trouble is Trouble.TIMEOUT


@pytest.mark.parametrize("tls", [False, True])
async def test_nothing_is_read_that_nobody_takes(
    make_sender: MakeSender, request: pytest.FixtureRequest, *, tls: bool
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + chunk(b"x" * LARGE) + LAST)
        sent.set()

    sent = asyncio.Event()
    authority = request.getfixturevalue("authority")
    sender = make_sender(ssl_context=request.getfixturevalue("trusting_context"))
    context = certified(authority, "127.0.0.1") if tls else None
    async with raw_server(script, ssl=context) as server:
        stream = await opened(sender, server.url(), timeout_ms=60_000)
        size = 0
        while piece := await stream.read():
            assert not isinstance(piece, NotReached)
            assert len(piece) <= 2 * MAX_WAITING_BYTES
            assert size or tls or not sent.is_set()
            size += len(piece)
            await asyncio.sleep(0)
        stream.close()
    assert size == LARGE


async def test_closing_a_stream_ends_its_connection(sender: HttpSender) -> None:
    async def script(peer: Peer) -> None:
        await silent_until_gone(peer)
        gone.set()

    async def silent_until_gone(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + chunk(b"one"))
        await peer.wait_gone()

    gone = asyncio.Event()
    async with raw_server(script) as server:
        stream = await opened(sender, server.url())
        stream.close()
        await gone.wait()


async def test_whoever_gives_up_waiting_ends_the_connection(sender: HttpSender) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await peer.wait_gone()
        gone.set()

    asked, gone = asyncio.Event(), asyncio.Event()
    async with raw_server(script) as server, asyncio.TaskGroup() as tasks:
        opening = tasks.create_task(sender.open(attempt_request(server.url())))
        await asked.wait()
        opening.cancel()
        await gone.wait()


async def test_the_end_of_the_sender_breaks_off_what_is_open(make_sender: MakeSender) -> None:
    sender = make_sender()
    async with raw_server(silent_after_a_piece) as server:
        stream = await opened(sender, server.url())
        assert await stream.read() == b"one"
        await sender.close()
        broken = await stream.read()
    assert isinstance(broken, NotReached)
    assert broken.error == "connection failed: shutting down"
