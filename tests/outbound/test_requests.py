"""What goes out (sections 3.2, 3.3)."""

import base64
import hashlib

import pytest

from relaypost.domain.outcomes import NotReached, Responded
from relaypost.outbound.sender import HttpSender
from tests.outbound.conftest import MakeSender
from tests.support.attempts import attempt_request
from tests.support.raw_servers import OK, Peer, answering, raw_server


@pytest.mark.parametrize(
    ("rest", "line"),
    [
        ("", "POST / HTTP/1.1"),
        ("/", "POST / HTTP/1.1"),
        ("/a%2Fb/?q=1&r=%20", "POST /a%2Fb/?q=1&r=%20 HTTP/1.1"),
        ("/hook", "POST /hook HTTP/1.1"),
        ("/größe ü?ä b", "POST /gr%C3%B6%C3%9Fe%20%C3%BC?%C3%A4%20b HTTP/1.1"),
        ("?x=1", "POST /?x=1 HTTP/1.1"),
        ("/p#fragment", "POST /p HTTP/1.1"),
        ("/a/../b//c", "POST /a/../b//c HTTP/1.1"),
    ],
)
async def test_request_target(sender: HttpSender, rest: str, line: str) -> None:
    async with raw_server(answering(OK)) as server:
        outcome = await sender.send(attempt_request(server.url(rest)))
    assert outcome.is_success
    assert server.requests[0].line == line
    assert server.requests[0].values("Host") == [f"127.0.0.1:{server.port}"]


async def test_host_is_sent_as_written(make_sender: MakeSender) -> None:
    sender = make_sender(names=lambda _: ["127.0.0.1"])
    async with raw_server(answering(OK)) as server:
        await sender.send(attempt_request(server.url(host="API.Example.com")))
        await sender.send(attempt_request(server.url(host="bücher.example")))
    hosts = [request.values("Host") for request in server.requests]
    assert hosts == [
        [f"API.Example.com:{server.port}"],
        [f"xn--bcher-kva.example:{server.port}"],
    ]


@pytest.mark.conformance("D-2")
@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("POST", b"", ["0"]),
        ("PUT", b"", ["0"]),
        ("PATCH", b"", ["0"]),
        ("GET", b"", []),
        ("DELETE", b"", []),
        ("POST", b"{}", ["2"]),
        ("GET", b"{}", ["2"]),
    ],
)
async def test_content_length(
    sender: HttpSender, method: str, body: bytes, length: list[str]
) -> None:
    async with raw_server(answering(OK)) as server:
        await sender.send(attempt_request(server.url(), method=method, body=body))
    request = server.requests[0]
    assert request.values("Content-Length") == length
    assert request.values("Content-Type") == []
    assert request.values("Transfer-Encoding") == []


@pytest.mark.conformance("D-5")
@pytest.mark.parametrize("method", ["GET", "DELETE", "POST", "PUT", "PATCH"])
async def test_the_body_is_sent_with_every_method(sender: HttpSender, method: str) -> None:
    async with raw_server(answering(OK)) as server:
        await sender.send(attempt_request(server.url(), method=method, body=b"\x00\xff body"))
    assert server.requests[0].line == f"{method} / HTTP/1.1"
    assert server.requests[0].body == b"\x00\xff body"


@pytest.mark.conformance("D-4")
async def test_headers_go_out_in_order_byte_for_byte(sender: HttpSender) -> None:
    headers = (
        ("User-Agent", "Upstash-QStash"),
        ("X-Tag", "one"),
        ("Content-Type", "application/json"),
        ("X-Tag", "two"),
        ("X-Text", "größe \udcff"),
        ("X-Empty", ""),
    )
    async with raw_server(answering(OK)) as server:
        await sender.send(attempt_request(server.url(), headers=headers))
    added = [("Host", f"127.0.0.1:{server.port}"), ("Content-Length", "2")]
    assert server.requests[0].headers == [*added, *headers]


async def test_user_info_becomes_basic_credentials(make_sender: MakeSender) -> None:
    sender = make_sender(names=lambda _: ["127.0.0.1"])
    async with raw_server(answering(OK)) as server:
        await sender.send(attempt_request(server.url(host="us%40er:p:w@h")))
    assert server.requests[0].values("Host") == [f"h:{server.port}"]
    encoded = base64.b64encode(b"us@er:p:w").decode()
    assert server.requests[0].values("Authorization") == [f"Basic {encoded}"]


async def test_a_forwarded_authorization_wins_over_user_info(make_sender: MakeSender) -> None:
    sender = make_sender(names=lambda _: ["127.0.0.1"])
    headers = (("Authorization", "Bearer t"),)
    async with raw_server(answering(OK)) as server:
        await sender.send(attempt_request(server.url(host="u:p@h"), headers=headers))
    assert server.requests[0].values("Authorization") == ["Bearer t"]


@pytest.mark.parametrize("size", [65_536, 65_537, 10_485_760])
async def test_large_bodies(sender: HttpSender, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    async with raw_server(answering(OK)) as server:
        first = await sender.send(attempt_request(server.url(), body=body))
        second = await sender.send(attempt_request(server.url(), body=b"small"))
    assert first.is_success
    assert second.is_success
    assert hashlib.sha256(server.requests[0].body).digest() == hashlib.sha256(body).digest()
    assert server.connections == 1


async def test_an_answer_ahead_of_the_body_ends_the_connection(sender: HttpSender) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await peer.wait_gone()

    async with raw_server(script) as server:
        outcome = await sender.send(attempt_request(server.url(), body=b"x" * 50_000_000))
        again = await sender.send(attempt_request(server.url(), body=b"x" * 50_000_000))
    assert isinstance(outcome, Responded)
    assert isinstance(again, Responded)
    assert outcome.status == again.status == 413
    assert server.connections == 2


async def test_a_peer_that_does_not_read_meets_the_deadline(sender: HttpSender) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.stay_silent()

    async with raw_server(script) as server:
        request = attempt_request(server.url(), body=b"x" * 50_000_000, timeout_ms=200)
        outcome = await sender.send(request)
    assert isinstance(outcome, NotReached)
    assert outcome.status == 504


@pytest.mark.parametrize(
    "headers",
    [
        (("X", "a\r\nY: b"),),
        (("X", "a\nb"),),
        (("X", "a\rb"),),
        (("X\r\nY", "a"),),
        (("X", "\ud800"),),
    ],
)
async def test_headers_that_would_break_the_request_are_never_sent(
    sender: HttpSender, headers: tuple[tuple[str, str], ...]
) -> None:
    async with raw_server(answering(OK)) as server:
        outcome = await sender.send(attempt_request(server.url(), headers=headers))
    assert isinstance(outcome, NotReached)
    assert outcome.error.startswith("connection failed: a header has")
    assert server.connections == 0


async def test_an_invalid_url_is_an_outcome(sender: HttpSender) -> None:
    outcome = await sender.send(attempt_request("http://h:0/"))
    assert isinstance(outcome, NotReached)
    assert outcome.error == (
        "connection failed: invalid destination url: endpoint has an invalid port"
    )


async def test_ipv6_loopback(sender: HttpSender) -> None:
    async with raw_server(answering(OK), host="::1") as server:
        outcome = await sender.send(attempt_request(server.url("/six")))
    assert outcome.is_success
    assert server.requests[0].values("Host") == [f"[::1]:{server.port}"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_localhost_reaches_both_families(sender: HttpSender, host: str) -> None:
    async with raw_server(answering(OK), host=host) as server:
        outcome = await sender.send(attempt_request(server.url(host="localhost")))
    assert outcome.is_success
    assert server.requests[0].values("Host") == [f"localhost:{server.port}"]
