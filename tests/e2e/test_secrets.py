"""No token and no signing key in what the server writes, at any level."""

import asyncio
import base64
import json
import re
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.http1 import ask, connected, request
from tests.support.servers import RelaypostProcess, running
from tests.support.sinks import Answer, Sink

TOKEN = base64.b64encode(b'{"UserID":"canary","Password":"CANARY>>>>"}').decode()
SECRETS = {
    "token": TOKEN,
    "read_only_token": "CANARY-reader",
    "current_signing_key": "sig_CANARY_current_01234567890123",
    "next_signing_key": "sig_CANARY_next_01234567890123456",
}
CANARY = re.compile(
    "CANARY|" + re.escape(TOKEN.rstrip("=")) + "|eyJVc2VySUQiOiJjYW5hcnk", re.IGNORECASE
)


def serving(tmp_path: Path, **settings: str) -> AbstractContextManager[RelaypostProcess]:
    fixed = {"database_url": f"sqlite:///{tmp_path}/x.db", "allow_networks": "127.0.0.0/8"}
    return running("serve", log_level="debug", log_deliveries="all", **fixed, **SECRETS, **settings)


@pytest.mark.conformance("K-11", "P-2")
@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_no_secret_is_logged(tmp_path: Path, sink: Sink, log_format: str) -> None:
    failing = sink.script("/fails", Answer(500, body=b"CANARY answer"))
    body = b"CANARY body"
    in_header = ("Authorization", f"Bearer {TOKEN}")

    with serving(tmp_path, log_format=log_format) as server:
        for target, headers in (
            (f"/v2/publish/{sink.url_of('/plain')}", (in_header,)),
            (f"/v2/publish/{sink.url_of('/query')}?qstash_token={TOKEN}", ()),
            (f"/v2/publish/{failing}?qstash_token={TOKEN}&upstash-retries=0", ()),
            (f"/v2/publish/http://127.0.0.1:1/?QSTASH_TOKEN={TOKEN}&upstash-retries=0", ()),
            (f"/v2/publish/nonsense?qstash_token={TOKEN}", ()),
            (f"/v2/nothing?qstash_token={TOKEN}", (in_header,)),
            (f"/v2/publish/http://h/?qstash_token={TOKEN}x", ()),
            (f"/v2/publish/http://h/\xff?qstash_token={TOKEN}", (in_header,)),
        ):
            reply = await ask(server.port, "POST", target, *headers, token=None, body=body)
            assert not CANARY.search(reply.body.decode())
            assert not CANARY.search(str(reply.headers))
        async with connected(server.port) as wire:
            await wire.send(request("POST", "/v2/batch", in_header, token=None) + b"CANARY rubbish")
            await wire.wait_closed()
        await asyncio.to_thread(server.wait_output, re.compile("connection failed"))
        await sink.wait_one("/fails")
        server.stop()

    assert not CANARY.search(server.output)
    assert sum("msg_" in line for line in server.output.splitlines()) == 4


@pytest.mark.conformance("K-11", "P-2")
@pytest.mark.parametrize("route", ["publish", "enqueue/shop"])
async def test_a_webhook_url_leaves_no_trace_of_its_token(
    tmp_path: Path, sink: Sink, route: str
) -> None:
    options = f"upstash-retries=5&qstash_token={TOKEN}&upstash-header-forward=true"
    target = f"/v2/{route}/{sink.url_of('/hook')}?shop=7&{options}"
    payload = b'{"id": 1,  "note": "\xc3\xa9"}'
    of_sender = (("X-Shop-Hmac", "abc="), ("Content-Type", "application/json; charset=utf-8"))

    with serving(tmp_path) as server:
        basic = ("Authorization", "Basic c2hvcDo3")
        reply = await ask(server.port, "POST", target, *of_sender, basic, token=None, body=payload)
        assert reply.status == 200
        assert reply.json["url"] == sink.url_of("/hook?shop=7")
        received = await sink.wait_one("/hook")
        message_id = reply.json["messageId"]
        message = await ask(server.port, "GET", f"/v2/messages/{message_id}", token=TOKEN)
        logs = await ask(server.port, "GET", f"/v2/events?messageId={message_id}", token=TOKEN)

    assert message.json["maxRetries"] == 5
    assert len(logs.json["events"]) >= 2
    assert not CANARY.search((message.body + logs.body).decode())
    assert received.target == "/hook?shop=7"
    assert received.body == payload
    assert [received.header(name) for name, _ in of_sender] == [value for _, value in of_sender]
    assert received.header("Authorization") == basic[1]
    shown = json.dumps([received.target, received.headers])
    assert not CANARY.search(shown)


@pytest.mark.conformance("K-11", "P-2")
@pytest.mark.parametrize("route", ["publish", "enqueue/nightly"])
async def test_a_webhook_url_of_a_group(tmp_path: Path, sink: Sink, route: str) -> None:
    """What all senders share is stored with the group, so that the URL holds only the token."""
    endpoints = {"endpoints": [{"url": sink.url_of("/a?x=1")}, {"url": sink.url_of("/b")}]}
    defaults = {"headers": {"Upstash-Header-Forward": ["true"], "Upstash-Retries": "5"}}
    target = f"/v2/{route}/shop?shop=7&qstash_token={TOKEN}"
    signature = ("Pay-Signature", "t=1,v1=ab12")

    with serving(tmp_path) as server:
        for method, path, body in (
            ("POST", "/v2/topics/shop/endpoints", endpoints),
            ("PATCH", "/v2/topics/shop", defaults),
        ):
            encoded = json.dumps(body).encode()
            assert (await ask(server.port, method, path, token=TOKEN, body=encoded)).status == 200
        reply = await ask(server.port, "POST", target, signature, token=None, body=b'{"id":1}')
        assert reply.status == 200
        a, b = await sink.wait_one("/a"), await sink.wait_one("/b")
        shown = []
        for each in reply.json:
            path = f"/v2/messages/{each['messageId']}"
            shown.append((await ask(server.port, "GET", path, token=TOKEN)).json)
        logs = (await ask(server.port, "GET", "/v2/events", token=TOKEN)).body.decode()

    assert (a.target, b.target) == ("/a?x=1&shop=7", "/b?shop=7")
    assert [each.header("Pay-Signature") for each in (a, b)] == [signature[1]] * 2
    assert [each.body for each in (a, b)] == [b'{"id":1}'] * 2
    assert [message["maxRetries"] for message in shown] == [5, 5]
    assert not CANARY.search(json.dumps([a.headers, b.headers, shown]) + logs)


@pytest.mark.conformance("K-12")
@pytest.mark.parametrize(
    "written", [TOKEN, TOKEN.replace("=", "%3D"), TOKEN.replace("+", "%2B")], ids=["raw", "=", "+"]
)
async def test_a_token_in_the_query_in_any_spelling(
    tmp_path: Path, sink: Sink, written: str
) -> None:
    with serving(tmp_path) as server:
        target = f"/v2/publish/{sink.url_of('/x')}?a=1&qstash_token={written}"
        assert (await ask(server.port, "POST", target, token=None, body=b"")).status == 200
        assert (await sink.wait_one("/x")).target == "/x?a=1"


async def test_the_token_of_the_query_alone_decides(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        wrong = await ask(server.port, "POST", "/v2/batch?qstash_token=no", token=TOKEN, body=b"[]")
        right = await ask(
            server.port, "POST", f"/v2/batch?qstash_token={TOKEN}", token="no", body=b"[]"
        )

    assert (wrong.status, right.status) == (401, 200)
