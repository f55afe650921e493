"""HTTP as clients really speak it, over real sockets."""

import asyncio

import pytest

from relaypost.api.openapi.document import document_bytes
from relaypost.api.openapi.page import page_bytes
from tests.support.http1 import DEVELOPMENT_TOKEN, ask, connected, request
from tests.support.servers import RelaypostProcess
from tests.support.sinks import Sink

GET_HEALTH = b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n"
KIB = 1024
MIB = 1024 * KIB
LIMIT = 10 * MIB
SIZE_TEXT = f"quota maxMessageSize exceeded, current limit: {LIMIT}"


def chunked(method: str, target: str) -> bytes:
    return request(method, target, ("Transfer-Encoding", "chunked"))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def test_health_needs_no_token(dev: RelaypostProcess) -> None:
    for path in ("/healthz", "/readyz"):
        reply = await ask(dev.port, "GET", path, token=None)
        assert (reply.status, reply.json) == (200, {"status": "ok"})
        head = await ask(dev.port, "HEAD", path, token=None)
        assert (head.status, head.headers["content-length"]) == (200, "15")
        refused = await ask(dev.port, "POST", path, token=None)
        assert (refused.status, refused.headers["allow"]) == (405, "GET")


async def test_the_api_is_described_without_a_token(dev: RelaypostProcess) -> None:
    reply = await ask(dev.port, "GET", "/openapi.json", token=None)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.body == document_bytes("")

    page = await ask(dev.port, "GET", "/docs", token=None)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.body == page_bytes("")

    refused = await ask(dev.port, "POST", "/docs", token=None)
    assert (refused.status, refused.headers["allow"]) == (405, "GET")


@pytest.mark.conformance("P-1")
@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Authorization", "Bearer wrong"),),
        (("Authorization", "Bearer "),),
        (("Authorization", "Basic eDp5"),),
    ],
    ids=["none", "unknown", "empty", "basic"],
)
async def test_without_a_valid_token_nothing_is_published(
    dev: RelaypostProcess, headers: tuple[tuple[str, str], ...]
) -> None:
    reply = await ask(
        dev.port, "POST", "/v2/publish/http://127.0.0.1:1/x", *headers, token=None, body=b"{}"
    )

    assert reply.status == 401
    assert reply.json == {"error": "unable to authenticate: invalid token"}


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer  "])
async def test_the_scheme_may_be_written_in_any_way(dev: RelaypostProcess, scheme: str) -> None:
    header = ("Authorization", f"{scheme} {DEVELOPMENT_TOKEN} ")

    reply = await ask(dev.port, "POST", "/v2/batch", header, token=None, body=b"[]")

    assert (reply.status, reply.json) == (200, [])


@pytest.mark.parametrize(
    "path", ["/", "/v1/publish/http://h/", "/v2", "/v2/nothing", "//v2/batch", "*"]
)
async def test_unknown_paths(dev: RelaypostProcess, path: str) -> None:
    reply = await ask(dev.port, "GET", path, token=None)

    assert (reply.status, reply.json) == (404, {"error": "not found"})


@pytest.mark.conformance("K-13")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_publishing_takes_post_only(dev: RelaypostProcess, method: str) -> None:
    reply = await ask(dev.port, method, "/v2/publish/http://h/?qstash_token=x")

    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    if method != "HEAD":
        assert reply.json == {"error": "method not allowed"}


async def test_route_and_method_come_before_the_token(dev: RelaypostProcess) -> None:
    assert (await ask(dev.port, "GET", "/v2/batch", token="wrong")).status == 405
    assert (await ask(dev.port, "GET", "/v2/nothing", token="wrong")).status == 404


@pytest.mark.conformance("P-40")
async def test_a_browser_may_ask_first(dev: RelaypostProcess) -> None:
    reply = await ask(
        dev.port,
        "OPTIONS",
        "/v2/publish/https://h.example/",
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,upstash-forward-x"),
        token=None,
    )

    assert reply.status == 204
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-allow-headers"] == "authorization,upstash-forward-x"
    assert reply.headers["access-control-allow-methods"] == "GET, POST, PUT, PATCH, DELETE, OPTIONS"
    assert reply.headers["access-control-max-age"] == "86400"
    assert "content-length" not in reply.headers


async def test_errors_carry_cors_headers_too(dev: RelaypostProcess) -> None:
    for target, status in (("/v2/batch", 401), ("/v2/nothing", 404)):
        reply = await ask(dev.port, "POST", target, token=None)
        assert reply.status == status
        assert reply.headers["access-control-allow-origin"] == "*"
        assert reply.headers["access-control-expose-headers"] == "*"


async def test_requests_on_one_connection(dev: RelaypostProcess) -> None:
    async with connected(dev.port) as wire:
        for status, target in (
            (200, "/healthz"),
            (404, "/x"),
            (401, "/v2/batch"),
            (200, "/healthz"),
        ):
            await wire.send(
                request("GET" if status != 401 else "POST", target, token=None, body=b"[]")
            )
            assert (await wire.reply()).status == status


async def test_pipelined_requests_are_answered_in_order(dev: RelaypostProcess, sink: Sink) -> None:
    posts = b"".join(
        request("POST", f"/v2/publish/{sink.url_of(f'/{number}')}", body=b"%d" % number)
        for number in range(20)
    )

    async with connected(dev.port) as wire:
        await wire.send(posts + GET_HEALTH)
        replies = [await wire.reply() for _ in range(21)]

    assert [reply.status for reply in replies] == [200] * 20 + [200]
    for number in range(20):
        assert (await sink.wait_one(f"/{number}")).body == b"%d" % number


async def test_a_request_that_trickles_in(dev: RelaypostProcess, sink: Sink) -> None:
    data = request("POST", f"/v2/publish/{sink.url_of('/slow')}", body=b"drop by drop")

    async with connected(dev.port) as wire:
        for position in range(0, len(data), 7):
            await wire.send(data[position : position + 7])
            await asyncio.sleep(0)
        assert (await wire.reply()).status == 200

    assert (await sink.wait_one("/slow")).body == b"drop by drop"


async def test_http_1_0_gets_its_answer_and_the_end(dev: RelaypostProcess) -> None:
    async with connected(dev.port) as wire:
        await wire.send(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert (await wire.reply()).headers["connection"] == "close"
        assert await wire.wait_closed() == b""


async def test_a_client_that_ends_its_half_still_gets_the_answer(
    dev: RelaypostProcess, sink: Sink
) -> None:
    async with connected(dev.port) as wire:
        await wire.send(request("POST", f"/v2/publish/{sink.url_of('/half')}", body=b"x"))
        wire.end_sending()
        assert (await wire.reply()).status == 200
        assert await wire.wait_closed() == b""


async def test_an_upgrade_is_ignored(dev: RelaypostProcess, sink: Sink) -> None:
    """Java's client offers HTTP/2 with every request, bodies included."""
    upgrade = (
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AA"),
    )
    target = f"/v2/publish/{sink.url_of('/java')}"

    async with connected(dev.port) as wire:
        for body in (b"first", b"second"):
            await wire.send(request("POST", target, *upgrade, body=body))
            assert (await wire.reply()).status == 200

    first, second = await sink.wait_for(2, "/java")
    assert {first.body, second.body} == {b"first", b"second"}
    assert not first.values("Upgrade")


async def test_expect_100_continue(dev: RelaypostProcess, sink: Sink) -> None:
    body = b"x" * MIB
    head = request(
        "POST",
        f"/v2/publish/{sink.url_of('/expected')}",
        ("Expect", "100-continue"),
        ("Content-Length", str(len(body))),
    )

    async with connected(dev.port) as wire:
        await wire.send(head)
        assert (await wire.reply()).status == 100
        await wire.send(body)
        assert (await wire.reply()).status == 200

    assert (await sink.wait_one("/expected")).body == body


async def test_expect_100_continue_with_a_body_over_the_limit(dev: RelaypostProcess) -> None:
    headers = (("Expect", "100-continue"), ("Content-Length", str(LIMIT + 1)))

    async with connected(dev.port) as wire:
        await wire.send(request("POST", "/v2/publish/http://127.0.0.1:1/", *headers))
        reply = await wire.reply()

    assert (reply.status, reply.error) == (412, SIZE_TEXT)


async def test_an_upgrade_with_a_body_in_pieces(dev: RelaypostProcess, sink: Sink) -> None:
    headers = (
        ("Connection", "Upgrade, close"),
        ("Upgrade", "h2c"),
        ("Transfer-Encoding", "chunked"),
        ("Expect", "100-continue"),
    )

    async with connected(dev.port) as wire:
        await wire.send(request("POST", f"/v2/publish/{sink.url_of('/pieces')}", *headers))
        assert (await wire.reply()).status == 100
        for piece in (b"one ", b"two", b""):
            await wire.send(chunk(piece))
        assert (await wire.reply()).status == 200
        assert await wire.wait_closed() == b""

    assert (await sink.wait_one("/pieces")).body == b"one two"


async def test_nobody_is_connected_to(dev: RelaypostProcess) -> None:
    reply = await ask(dev.port, "CONNECT", "example.com:443")

    assert (reply.status, reply.error) == (400, "invalid HTTP request: CONNECT is for proxies")


@pytest.mark.conformance("P-33")
async def test_exactly_the_limit_is_accepted(dev: RelaypostProcess, sink: Sink) -> None:
    target = f"/v2/publish/{sink.url_of('/large')}"
    body = b"x" * LIMIT

    assert (await ask(dev.port, "POST", target, body=body)).status == 200
    assert (await ask(dev.port, "POST", target, body=body + b"x")).error == SIZE_TEXT
    assert (await sink.wait_one("/large")).body == body


@pytest.mark.parametrize(
    ("target", "size", "status", "text"),
    [
        ("/v2/publish/http://127.0.0.1:1/", 40 * MIB, 412, SIZE_TEXT),
        ("/v2/batch", 120 * MIB, 413, f"request body too large, current limit: {100 * MIB}"),
    ],
    ids=["message", "batch"],
)
async def test_a_client_that_sends_all_before_it_reads_sees_the_refusal(
    dev: RelaypostProcess, target: str, size: int, status: int, text: str
) -> None:
    async with connected(dev.port) as wire:
        await wire.send(request("POST", target, ("Content-Length", str(size))))
        for _ in range(size // MIB):
            await wire.send(b"x" * MIB)
        reply = await wire.reply()
        assert (reply.status, reply.error) == (status, text)
        assert reply.headers["connection"] == "close"
        assert await wire.wait_closed() == b""


async def test_a_chunked_body_over_the_limit(dev: RelaypostProcess) -> None:
    async with connected(dev.port) as wire:
        await wire.send(chunked("POST", "/v2/publish/http://127.0.0.1:1/"))
        for _ in range(30):
            await wire.send(chunk(b"x" * MIB))
        await wire.send(chunk(b""))
        reply = await wire.reply()
        assert (reply.status, reply.error) == (412, SIZE_TEXT)
        assert await wire.wait_closed() == b""


async def test_an_unauthorized_body_is_not_waited_for(dev: RelaypostProcess) -> None:
    async with connected(dev.port) as wire:
        await wire.send(request("POST", "/v2/batch", ("Content-Length", "1000000"), token=None))
        assert (await wire.reply()).status == 401
        await wire.send(b"x" * 1_000_000 + GET_HEALTH)
        assert (await wire.reply()).status == 200


async def test_a_chunked_body_and_its_trailers(dev: RelaypostProcess, sink: Sink) -> None:
    async with connected(dev.port) as wire:
        await wire.send(chunked("POST", f"/v2/publish/{sink.url_of('/chunks')}"))
        await wire.send(chunk(b"one ") + chunk(b"two"))
        await wire.send(b"0\r\nUpstash-Forward-X-Late: 1\r\n\r\n")
        assert (await wire.reply()).status == 200

    received = await sink.wait_one("/chunks")
    assert received.body == b"one two"
    assert received.header("X-Late") is None


async def test_a_long_target_and_many_headers(dev: RelaypostProcess, sink: Sink) -> None:
    target = f"/v2/publish/{sink.url_of('/long')}?upstash-forward-x-query={'q' * 16 * KIB}"
    headers = (("Upstash-Forward-X-First", "1"), *(("X-Other", "v" * 900),) * 72, ("X-Last", "2"))

    reply = await ask(dev.port, "POST", target, *headers, body=b"")

    assert reply.status == 200
    received = await sink.wait_one("/long")
    assert received.header("X-Query") == "q" * 16 * KIB
    assert received.header("X-First") == "1"


@pytest.mark.parametrize("size", [300 * KIB, 2 * MIB])
@pytest.mark.parametrize("place", ["target", "headers"])
async def test_a_head_over_the_maximum(dev: RelaypostProcess, size: int, place: str) -> None:
    large = "x" * size
    target = f"/v2/publish/http://h/{large}" if place == "target" else "/v2/publish/http://h/"
    headers = (("X-Large", large),) if place == "headers" else ()

    async with connected(dev.port) as wire:
        await wire.send(request("POST", target, *headers, body=b"x" * MIB))
        reply = await wire.reply()
        assert (reply.status, reply.error) == (431, "request header fields too large")
        assert await wire.wait_closed() == b""


async def test_trailers_are_bounded_as_heads_are(dev: RelaypostProcess) -> None:
    async with connected(dev.port) as wire:
        await wire.send(chunked("POST", "/v2/batch") + chunk(b"[]") + b"0\r\n")
        for number in range(40):
            await wire.send(b"X-%d: %s\r\n" % (number, b"x" * 10 * KIB))
        assert (await wire.reply()).status == 431
        assert await wire.wait_closed() == b""


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"POST /v2/batch HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /v2/batch HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost : relay\r\n\r\n",
        b"GET /v2/publish/\xff HTTP/1.1\r\n\r\n",
    ],
    ids=["tls", "words", "two lengths", "negative length", "blank before colon", "not ascii"],
)
async def test_what_is_no_http_is_refused_in_the_form_of_other_errors(
    dev: RelaypostProcess, data: bytes
) -> None:
    async with connected(dev.port) as wire:
        await wire.send(data + b"x" * 100)
        reply = await wire.reply()
        assert reply.status == 400
        assert reply.error.startswith("invalid HTTP request: ")
        assert await wire.wait_closed() == b""


async def test_a_request_before_rubbish_is_answered_first(
    dev: RelaypostProcess, sink: Sink
) -> None:
    good = request("POST", f"/v2/publish/{sink.url_of('/before')}", body=b"x")

    async with connected(dev.port) as wire:
        await wire.send(good + b"\x00\x00\x00\r\n\r\n")
        assert (await wire.reply()).status == 200
        await wire.wait_closed()

    await sink.wait_one("/before")


async def test_a_client_that_leaves_amid_its_body_publishes_nothing(
    dev: RelaypostProcess, sink: Sink
) -> None:
    target = f"/v2/publish/{sink.url_of('/cut')}"

    async with connected(dev.port) as wire:
        await wire.send(request("POST", target, ("Content-Length", "10")) + b"12345")
    await ask(dev.port, "POST", target, body=b"whole")

    assert (await sink.wait_one("/cut")).body == b"whole"
