"""What comes back (section 3.8): answers of every shape."""

import pytest

from relaypost.domain.outcomes import NotReached, Responded
from relaypost.outbound.sender import HttpSender, SenderLimits
from tests.outbound.conftest import MakeSender
from tests.support.attempts import attempt_request
from tests.support.raw_servers import OK, Peer, answering, answering_and_closing, raw_server

CLOSED_AFTER = [
    pytest.param(
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        id="http-1.0",
    ),
    pytest.param(b"HTTP/1.0 200 OK\r\n\r\nok", id="http-1.0-until-end"),
    pytest.param(b"HTTP/1.1 200 OK\r\n\r\nok", id="until-end"),
    pytest.param(b"HTTP/1.1 200 OK\n\nok", id="bare-line-feeds"),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nok", id="identity"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", id="close"
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok and more",
        id="data-after-close",
    ),
]
KEPT_ALIVE = [
    pytest.param(OK, id="content-length"),
    pytest.param(
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        id="http-1.0-keep-alive",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n",
        id="chunked",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
        b"2\r\nok\r\n0\r\nX: late\r\n\r\n",
        id="trailers",
    ),
    pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + OK, id="100"),
    pytest.param(
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK,
        id="103-102",
    ),
]


@pytest.mark.parametrize("answer", CLOSED_AFTER)
async def test_answers_that_end_their_connection(sender: HttpSender, answer: bytes) -> None:
    async with raw_server(answering_and_closing(answer)) as server:
        for _ in range(2):
            outcome = await sender.send(attempt_request(server.url()))
            assert isinstance(outcome, Responded)
            assert (outcome.status, outcome.body) == (200, b"ok")
    assert server.connections == 2


@pytest.mark.parametrize("answer", KEPT_ALIVE)
async def test_answers_after_which_the_connection_lives_on(
    sender: HttpSender, answer: bytes
) -> None:
    async with raw_server(answering(answer)) as server:
        for _ in range(3):
            outcome = await sender.send(attempt_request(server.url()))
            assert isinstance(outcome, Responded)
            assert (outcome.status, outcome.body) == (200, b"ok")
            names = {name for name, _ in outcome.headers}
            assert names <= {"Content-Length", "Transfer-Encoding", "Connection", "Trailer"}
    assert server.connections == 1


@pytest.mark.parametrize("answer", [*KEPT_ALIVE, *CLOSED_AFTER])
async def test_answers_that_arrive_byte_by_byte(sender: HttpSender, answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        for place in range(len(answer)):
            await peer.send(answer[place : place + 1])

    async with raw_server(script) as server:
        outcome = await sender.send(attempt_request(server.url()))
    assert isinstance(outcome, Responded)
    assert (outcome.status, outcome.body) == (200, b"ok")


@pytest.mark.conformance("D-12")
async def test_204_is_a_success_without_body(sender: HttpSender) -> None:
    async with raw_server(answering(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        for _ in range(2):
            outcome = await sender.send(attempt_request(server.url()))
            assert outcome == Responded(status=204)
            assert outcome.is_success
    assert server.connections == 1


async def test_304_has_no_body_whatever_it_announces(sender: HttpSender) -> None:
    answer = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"
    async with raw_server(answering(answer)) as server:
        for _ in range(2):
            outcome = await sender.send(attempt_request(server.url()))
            assert isinstance(outcome, Responded)
            assert (outcome.status, outcome.body, outcome.is_success) == (304, b"", False)
    assert server.connections == 1


@pytest.mark.conformance("D-12")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(sender: HttpSender, status: int) -> None:
    async with raw_server(answering(OK)) as elsewhere:
        location = elsewhere.url("/moved")
        answer = (
            f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        )
        async with raw_server(answering(answer)) as server:
            outcome = await sender.send(attempt_request(server.url()))
    assert isinstance(outcome, Responded)
    assert outcome.status == status
    assert not outcome.is_success
    assert ("Location", location) in outcome.headers
    assert elsewhere.connections == 0


@pytest.mark.parametrize("upgrade", [b"", b"Upgrade: websocket\r\nConnection: Upgrade\r\n"])
async def test_101_is_an_answer_and_a_failure(sender: HttpSender, upgrade: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade + b"\r\n\x81\x00")
        await peer.wait_gone()

    async with raw_server(script) as server:
        outcome = await sender.send(attempt_request(server.url()))
    assert isinstance(outcome, Responded)
    assert (outcome.status, outcome.body, outcome.is_success) == (101, b"", False)


async def test_headers_are_kept_in_order_with_canonical_names(sender: HttpSender) -> None:
    answer = (
        b"HTTP/1.1 500 Oh\xe9 no\r\nset-cookie: a=1\r\nSET-COOKIE: b=2  \r\nx-API-key:\t k \r\n"
        b"X-Raw: gr\xc3\xb6\xff\r\nX-Empty:\r\ncontent-length: 0\r\n\r\n"
    )
    async with raw_server(answering(answer)) as server:
        outcome = await sender.send(attempt_request(server.url()))
    assert outcome == Responded(
        status=500,
        headers=(
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("X-Api-Key", "k"),
            ("X-Raw", "grö\udcff"),
            ("X-Empty", ""),
            ("Content-Length", "0"),
        ),
    )


async def test_an_answer_without_reason_phrase(sender: HttpSender) -> None:
    async with raw_server(answering(b"HTTP/1.1 599\r\nContent-Length: 0\r\n\r\n")) as server:
        outcome = await sender.send(attempt_request(server.url()))
    assert isinstance(outcome, Responded)
    assert outcome.status == 599


@pytest.mark.parametrize(("status", "body"), [(200, b""), (299, b""), (404, b"no"), (500, b"no")])
async def test_the_body_of_a_success_may_be_dropped(
    sender: HttpSender, status: int, body: bytes
) -> None:
    answer = f"HTTP/1.1 {status} S\r\nContent-Length: 2\r\n\r\nno".encode()
    async with raw_server(answering(answer)) as server:
        for _ in range(2):
            outcome = await sender.send(attempt_request(server.url(), keep_body=False))
            assert isinstance(outcome, Responded)
            assert (outcome.status, outcome.body) == (status, body)
    assert server.connections == 1


@pytest.mark.parametrize("keep_body", [True, False])
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789a",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\n0123456789a",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"6\r\n012345\r\n6\r\n6789ab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n0123456789a",
    ],
)
async def test_a_longer_body_is_cut_and_the_status_decides(
    make_sender: MakeSender, answer: bytes, *, keep_body: bool
) -> None:
    sender = make_sender(limits=SenderLimits(max_body_bytes=10))

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)
        await peer.wait_gone()

    async with raw_server(script) as server:
        outcome = await sender.send(attempt_request(server.url(), keep_body=keep_body))
    assert isinstance(outcome, Responded)
    assert outcome.is_success
    assert outcome.body == (b"0123456789" if keep_body else b"")
    assert sender.statistics().idle_connections == 0


async def test_a_body_of_exactly_the_limit_is_whole(make_sender: MakeSender) -> None:
    sender = make_sender(limits=SenderLimits(max_body_bytes=2))
    async with raw_server(answering(OK)) as server:
        for _ in range(2):
            outcome = await sender.send(attempt_request(server.url()))
            assert isinstance(outcome, Responded)
            assert outcome.body == b"ok"
    assert server.connections == 1


async def test_zero_means_no_limit(make_sender: MakeSender) -> None:
    sender = make_sender(limits=SenderLimits(max_body_bytes=0))
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000
    async with raw_server(answering(answer)) as server:
        outcome = await sender.send(attempt_request(server.url()))
    assert isinstance(outcome, Responded)
    assert outcome.body == b"x" * 300_000


@pytest.mark.parametrize("keep_body", [True, False])
async def test_an_endless_body_is_cut(make_sender: MakeSender, *, keep_body: bool) -> None:
    sender = make_sender(limits=SenderLimits(max_body_bytes=1_000_000))

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 500 No\r\n\r\n")
        await peer.send_endlessly(b"x" * 65_536)

    async with raw_server(script) as server:
        outcome = await sender.send(attempt_request(server.url(), keep_body=keep_body))
    assert isinstance(outcome, Responded)
    assert (outcome.status, len(outcome.body)) == (500, 1_000_000)


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("start", "endless", "reason"),
    [
        pytest.param(HEAD, b"X-Y: zzzzzzzzzzzz\r\n" * 99, "header block too large", id="fields"),
        pytest.param(HEAD + b"X: ", b"y" * 9_999, "header block too large", id="value"),
        pytest.param(HEAD, b"X" * 9_999, "header block too large", id="name"),
        pytest.param(b"HTTP/1.1 200 ", b"O" * 9_999, "header block too large", id="reason"),
        pytest.param(b"", b"HTTP/1.1 100 C\r\n\r\n" * 99, "header block too large", id="100s"),
        pytest.param(b"", b"\r\n" * 999, "header block too large", id="line-ends"),
        pytest.param(CHUNKED + b"1;", b"x" * 9_999, "too much chunk framing", id="extension"),
        pytest.param(CHUNKED + b"0\r\nX: ", b"y" * 9_999, "too much chunk framing", id="trailer"),
        pytest.param(
            CHUNKED + b"0\r\n", b"X: y\r\n" * 999, "too much chunk framing", id="trailers"
        ),
    ],
)
async def test_what_never_ends_is_cut(
    sender: HttpSender, start: bytes, endless: bytes, reason: str
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(start)
        await peer.send_endlessly(endless)

    async with raw_server(script) as server:
        outcome = await sender.send(attempt_request(server.url()))
    assert isinstance(outcome, NotReached)
    assert outcome.error == f"invalid response: {reason}"
    assert outcome.status == 502


@pytest.mark.parametrize(("size", "is_valid"), [(65_000, True), (66_000, False), (200_000, False)])
async def test_the_limit_of_the_header_block(
    sender: HttpSender, size: int, *, is_valid: bool
) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + b"y" * size + b"\r\n\r\n"
    async with raw_server(answering(answer)) as server:
        outcome = await sender.send(attempt_request(server.url()))
    assert isinstance(outcome, Responded) is is_valid


async def test_a_large_body_in_tiny_chunks_is_no_attack(sender: HttpSender) -> None:
    answer = CHUNKED + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"
    async with raw_server(answering(answer)) as server:
        outcome = await sender.send(attempt_request(server.url()))
    assert isinstance(outcome, Responded)
    assert outcome.body == b"x" * 100_000
