"""When no complete answer comes (section 3.8): outcome, text, and a closed connection."""

import asyncio
import socket
from collections.abc import Sequence

import pytest

from relaypost.domain.outcomes import NotReached, Trouble
from relaypost.outbound.sender import HttpSender, SenderLimits
from tests.outbound.conftest import MakeSender
from tests.support.attempts import attempt_request
from tests.support.raw_servers import Peer, answering_and_closing, raw_server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.conformance("D-14")
async def test_connection_refused(sender: HttpSender) -> None:
    outcome = await sender.send(attempt_request(f"http://127.0.0.1:{free_port()}/"))
    assert outcome == NotReached(
        trouble=Trouble.CONNECTION, error="connection failed: connection refused"
    )
    assert outcome.status == 502


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="at-once"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-", id="in-headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", id="in-body"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n01234", id="in-body-of-unknown-length"),
    ],
)
async def test_connection_reset(sender: HttpSender, sent: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(sent)
        peer.reset()

    async with raw_server(script) as server:
        outcome = await sender.send(attempt_request(server.url()))
    assert outcome == NotReached(
        trouble=Trouble.CONNECTION, error="connection failed: connection reset"
    )
    assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "trouble", "error"),
    [
        (b"", Trouble.CONNECTION, "connection failed: connection closed without an answer"),
        (b"HTTP/1.1 200 O", Trouble.INVALID_RESPONSE, "invalid response: incomplete headers"),
        (
            b"HTTP/1.1 100 Continue\r\n\r\n",
            Trouble.INVALID_RESPONSE,
            "invalid response: incomplete headers",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
            Trouble.INVALID_RESPONSE,
            "invalid response: body shorter than announced",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
            Trouble.INVALID_RESPONSE,
            "invalid response: body shorter than announced",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Trouble.INVALID_RESPONSE, "invalid response: not HTTP"),
        (b"HTTP/2 200\r\n\r\n", Trouble.INVALID_RESPONSE, "invalid response: not HTTP"),
        (
            b"HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
            Trouble.INVALID_RESPONSE,
            "invalid response: malformed headers",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
            Trouble.INVALID_RESPONSE,
            "invalid response: malformed headers",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            Trouble.INVALID_RESPONSE,
            "invalid response: malformed body",
        ),
    ],
)
async def test_broken_answers(
    sender: HttpSender, answer: bytes, trouble: Trouble, error: str
) -> None:
    async with raw_server(answering_and_closing(answer)) as server:
        outcome = await sender.send(attempt_request(server.url()))
    assert outcome == NotReached(trouble=trouble, error=error)
    assert server.connections == 1


@pytest.mark.conformance("D-13")
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", id="half-of-the-headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234", id="half-of-the-body"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nbody", id="no-end"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n", id="103"),
    ],
)
async def test_a_stall_ends_at_the_timeout(sender: HttpSender, sent: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(sent)
        await peer.wait_gone()
        gone.set()

    gone = asyncio.Event()
    async with raw_server(script) as server:
        outcome = await sender.send(attempt_request(server.url(), timeout_ms=100))
        await gone.wait()
    assert outcome == NotReached(
        trouble=Trouble.TIMEOUT, error="timeout: no complete response within 0.1s"
    )
    assert outcome.status == 504


async def test_a_slow_drip_does_not_move_the_deadline(sender: HttpSender) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            await peer.send(b"x")
            await asyncio.sleep(0.005)  # the pace of a hostile server

    async with raw_server(script) as server:
        outcome = await sender.send(attempt_request(server.url(), timeout_ms=150))
    assert isinstance(outcome, NotReached)
    assert outcome.trouble is Trouble.TIMEOUT


async def test_a_reused_connection_keeps_each_deadline(sender: HttpSender) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await peer.request()
        await peer.wait_gone()

    for first, second in ((60_000, 100), (100, 300)):
        async with raw_server(script) as server:
            assert (await sender.send(attempt_request(server.url(), timeout_ms=first))).is_success
            outcome = await sender.send(attempt_request(server.url(), timeout_ms=second))
        assert isinstance(outcome, NotReached)
        assert outcome.error == f"timeout: no complete response within {second / 1000}s"
        assert server.connections == 1


async def test_a_name_that_does_not_exist(sender: HttpSender) -> None:
    outcome = await sender.send(attempt_request("http://nonexistent.invalid:8080/"))
    assert outcome == NotReached(
        trouble=Trouble.DNS, error="dns lookup failed: nonexistent.invalid"
    )
    assert outcome.status == 502


def silent_lookup(_: str) -> asyncio.Future[Sequence[str]]:
    return asyncio.get_running_loop().create_future()


@pytest.mark.parametrize(
    ("connect_timeout_ms", "timeout_ms", "error"),
    [
        (50, 60_000, "connection failed: connect timeout"),
        (60_000, 50, "timeout: no complete response within 0.05s"),
    ],
)
async def test_the_deadline_of_connecting(
    make_sender: MakeSender, connect_timeout_ms: int, timeout_ms: int, error: str
) -> None:
    limits = SenderLimits(connect_timeout_ms=connect_timeout_ms)
    sender = make_sender(limits=limits, lookup=silent_lookup)
    outcome = await sender.send(attempt_request("http://silent.example/", timeout_ms=timeout_ms))
    assert isinstance(outcome, NotReached)
    assert outcome.error == error


async def test_all_addresses_are_tried(make_sender: MakeSender) -> None:
    sender = make_sender(names=lambda _: ["127.0.0.3", "127.0.0.2", "127.0.0.1"])
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    async with raw_server(answering_and_closing(answer)) as server:
        for _ in range(2):
            outcome = await sender.send(attempt_request(server.url(host="many.example")))
            assert outcome.is_success


async def test_none_of_the_addresses_answers(make_sender: MakeSender) -> None:
    sender = make_sender(names=lambda _: ["127.0.0.3", "127.0.0.2"])
    outcome = await sender.send(attempt_request(f"http://many.example:{free_port()}/"))
    assert isinstance(outcome, NotReached)
    assert outcome.error == "connection failed: connection refused"


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234"])
async def test_cancelling_an_attempt_closes_its_connection(sender: HttpSender, sent: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(sent)
        underway.set()
        await peer.wait_gone()
        gone.set()

    underway, gone = asyncio.Event(), asyncio.Event()
    async with raw_server(script) as server, asyncio.TaskGroup() as tasks:
        attempt = tasks.create_task(sender.send(attempt_request(server.url())))
        await underway.wait()
        attempt.cancel()
        await gone.wait()
    assert attempt.cancelled()
    assert sender.statistics().idle_connections == 0


async def test_cancelling_while_a_name_is_looked_up(make_sender: MakeSender) -> None:
    def lookup(_: str) -> asyncio.Future[Sequence[str]]:
        asked.set()
        return answer

    asked = asyncio.Event()
    answer: asyncio.Future[Sequence[str]] = asyncio.get_running_loop().create_future()
    sender = make_sender(lookup=lookup)
    async with asyncio.TaskGroup() as tasks:
        attempt = tasks.create_task(sender.send(attempt_request("http://slow.example/")))
        await asked.wait()
        attempt.cancel()
    assert attempt.cancelled()
    assert not answer.cancelled()


async def test_closing_the_sender_ends_open_attempts(sender: HttpSender) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        underway.set()
        await peer.wait_gone()

    underway = asyncio.Event()
    async with raw_server(script) as server, asyncio.TaskGroup() as tasks:
        attempt = tasks.create_task(sender.send(attempt_request(server.url())))
        await underway.wait()
        await sender.close()
    assert attempt.result() == NotReached(
        trouble=Trouble.CONNECTION, error="connection failed: shutting down"
    )
