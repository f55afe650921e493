"""Connections are reused, bounded, and retried when they broke unseen (section 3.2)."""

import asyncio

import pytest

from relaypost.domain.outcomes import NotReached, Responded
from relaypost.outbound.sender import HttpSender, SenderLimits
from tests.outbound.conftest import MakeSender
from tests.support.attempts import attempt_request
from tests.support.raw_servers import OK, Peer, RawServer, answering, raw_server


async def send_at_once(sender: HttpSender, server: RawServer, count: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(sender.send(attempt_request(server.url())))


async def test_one_connection_serves_one_request_after_another(sender: HttpSender) -> None:
    async with raw_server(answering(OK)) as server:
        for _ in range(20):
            assert (await sender.send(attempt_request(server.url()))).is_success
    assert server.connections == 1


async def test_requests_at_the_same_time_have_connections_of_their_own(sender: HttpSender) -> None:
    async with raw_server(answering(OK)) as server:
        await send_at_once(sender, server, 20)
        await send_at_once(sender, server, 20)
        assert sender.statistics().open_connections == server.connections <= 20


async def test_origins_do_not_share_connections(make_sender: MakeSender) -> None:
    sender = make_sender(names=lambda _: ["127.0.0.1"])
    async with raw_server(answering(OK)) as server:
        for host in ("a.example", "b.example", "A.example"):
            await sender.send(attempt_request(server.url(host=host)))
    assert server.connections == 2


async def test_the_connection_used_last_is_taken_first(sender: HttpSender) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            body = str(peer.number).encode()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with raw_server(script) as server:
        await send_at_once(sender, server, 5)
        last = await sender.send(attempt_request(server.url()))
        for _ in range(5):
            assert await sender.send(attempt_request(server.url())) == last
    assert server.connections == 5


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_reused_connection_that_breaks_is_replaced_once(
    sender: HttpSender, how: str
) -> None:
    """The server takes the second request of its first connection and hangs up."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        if peer.number == 1:
            if how == "reset":
                peer.reset()
            return
        await peer.send(OK)

    async with raw_server(script) as server:
        assert (await sender.send(attempt_request(server.url("/1")))).is_success
        assert (await sender.send(attempt_request(server.url("/2")))).is_success
    lines = [request.line.split()[1] for request in server.requests]
    assert lines == ["/1", "/2", "/2"]
    assert server.connections == 2


async def test_the_replacement_is_not_replaced_again(sender: HttpSender) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number == 1:
            await peer.send(OK)
            await peer.request()

    async with raw_server(script) as server:
        assert (await sender.send(attempt_request(server.url()))).is_success
        outcome = await sender.send(attempt_request(server.url()))
    assert isinstance(outcome, NotReached)
    assert outcome.error == "connection failed: connection closed without an answer"
    assert server.connections == 2


@pytest.mark.parametrize("sent", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_no_replacement_after_the_first_byte(sender: HttpSender, sent: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await peer.send(sent)

    async with raw_server(script) as server:
        assert (await sender.send(attempt_request(server.url()))).is_success
        outcome = await sender.send(attempt_request(server.url()))
    assert isinstance(outcome, NotReached)
    assert outcome.error == "invalid response: incomplete headers"
    assert server.connections == 1


async def test_the_replacement_has_the_same_deadline(sender: HttpSender) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number == 1:
            await peer.send(OK)
            await peer.request()
            return
        await peer.wait_gone()

    async with raw_server(script) as server:
        assert (await sender.send(attempt_request(server.url()))).is_success
        outcome = await sender.send(attempt_request(server.url(), timeout_ms=100))
    assert isinstance(outcome, NotReached)
    assert outcome.status == 504
    assert server.connections == 2


async def test_a_connection_that_the_server_has_closed_is_not_taken(sender: HttpSender) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)

    async with raw_server(script) as server:
        for _ in range(5):
            assert (await sender.send(attempt_request(server.url()))).is_success
    assert server.connections == 5


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", id="whole"),
        pytest.param(OK + b"HTTP/1.1 5", id="part"),
        pytest.param(OK + b"\x00", id="noise"),
    ],
)
async def test_an_answer_that_nobody_asked_for_is_never_taken(
    sender: HttpSender, answer: bytes
) -> None:
    async with raw_server(answering(answer)) as server:
        for _ in range(3):
            outcome = await sender.send(attempt_request(server.url()))
            assert isinstance(outcome, Responded)
            assert (outcome.status, outcome.body) == (200, b"ok")
    assert server.connections == 3


async def test_bytes_on_an_idle_connection_end_it(sender: HttpSender) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await answered.wait()
        await peer.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        await peer.wait_gone()
        gone.set()

    answered, gone = asyncio.Event(), asyncio.Event()
    async with raw_server(script) as server:
        assert (await sender.send(attempt_request(server.url()))).is_success
        answered.set()
        await gone.wait()
    assert sender.statistics().idle_connections == 0


async def test_idle_connections_are_closed_in_time(make_sender: MakeSender) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.wait_gone()
        gone.release()

    gone = asyncio.Semaphore(0)
    sender = make_sender(limits=SenderLimits(idle_timeout_ms=50))
    async with raw_server(script) as server:
        await send_at_once(sender, server, 3)
        for _ in range(3):
            await gone.acquire()
        assert sender.statistics().idle_connections == 0


async def test_each_idle_connection_has_its_own_time(make_sender: MakeSender) -> None:
    """The second one begins to idle later, so that the first round leaves it open."""
    loop = asyncio.get_running_loop()
    ended: dict[str, float] = {}

    async def script(peer: Peer) -> None:
        request = await peer.request()
        await peer.send(OK)
        begun = loop.time()
        await peer.wait_gone()
        ended[request.line.split()[1]] = loop.time() - begun
        gone.release()

    gone = asyncio.Semaphore(0)
    sender = make_sender(limits=SenderLimits(idle_timeout_ms=100), names=lambda _: ["127.0.0.1"])
    async with raw_server(script) as server:
        await sender.send(attempt_request(server.url("/first", host="a.example")))
        half_way = asyncio.Event()
        loop.call_later(0.05, half_way.set)
        await half_way.wait()
        await sender.send(attempt_request(server.url("/second", host="b.example")))
        await gone.acquire()
        await gone.acquire()
    assert set(ended) == {"/first", "/second"}
    assert min(ended.values()) > 0.09


async def test_a_deadline_that_passes_while_idle_harms_nobody(sender: HttpSender) -> None:
    passed = asyncio.Event()
    async with raw_server(answering(OK)) as server:
        await sender.send(attempt_request(server.url(), timeout_ms=20))
        asyncio.get_running_loop().call_later(0.04, passed.set)
        await passed.wait()
        assert (await sender.send(attempt_request(server.url()))).is_success
    assert server.connections == 1


async def test_what_ends_after_the_sender_is_not_kept(make_sender: MakeSender) -> None:
    answer = asyncio.get_running_loop().create_future()
    sender = make_sender(lookup=lambda _: answer)
    async with raw_server(answering(OK)) as server, asyncio.TaskGroup() as tasks:
        url = server.url(host="slow.example")
        attempt = tasks.create_task(sender.send(attempt_request(url)))
        await asyncio.sleep(0)
        await sender.close()
        answer.set_result(["127.0.0.1"])
    assert attempt.result().is_success
    assert sender.statistics().idle_connections == 0


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        (SenderLimits(max_idle_per_origin=3), 3),
        (SenderLimits(max_idle=2), 2),
        (SenderLimits(max_idle_per_origin=0), 0),
        (SenderLimits(max_connection_age_ms=-1), 0),
    ],
)
async def test_idle_connections_are_bounded(
    make_sender: MakeSender, limits: SenderLimits, kept: int
) -> None:
    sender = make_sender(limits=limits)
    async with raw_server(answering(OK)) as server:
        await send_at_once(sender, server, 10)
        assert sender.statistics().idle_connections == kept


async def test_the_oldest_goes_when_all_origins_together_have_too_many(
    make_sender: MakeSender,
) -> None:
    sender = make_sender(limits=SenderLimits(max_idle=2), names=lambda _: ["127.0.0.1"])
    async with raw_server(answering(OK)) as server:
        for host in ("a.example", "b.example", "c.example", "b.example", "c.example"):
            await sender.send(attempt_request(server.url(host=host)))
        assert server.connections == 3
        await sender.send(attempt_request(server.url(host="a.example")))
        assert server.connections == 4
        assert sender.statistics().idle_connections == 2
