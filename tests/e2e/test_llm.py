"""`api/llm` as an operator sees it: what the settings open, and what they do not (7.4, 7.5)."""

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.http1 import ask, connected, request
from tests.support.raw_servers import Peer, raw_server
from tests.support.rest import poll, rest_api
from tests.support.servers import Account, RelaypostProcess, running
from tests.support.signatures import claims_of
from tests.support.sinks import Answer, Sink

PATH = "/v1/chat/completions"
CALLBACK = ("Upstash-Callback", "https://callback.invalid/")
BODY = b'{"model":"m"}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
async def held() -> AsyncIterator[Answer]:
    """An answer that does not come while the test runs."""
    never = asyncio.Event()
    yield Answer(after=never)
    never.set()


@pytest.mark.conformance("K-15", "K-17")
@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_the_service_is_open_and_nothing_beside_it(
    tmp_path: Path, sink: Sink, log_format: str
) -> None:
    """Production refuses this machine to all but the operator's choice, and tells nobody of it."""
    (tmp_path / "secret").write_text("CANARY\n")
    settings = {
        "database_url": f"sqlite:///{tmp_path}/x.db",
        "token": "token",
        "llm_base_url": sink.url,
        "llm_token_file": str(tmp_path / "secret"),
        "log_level": "debug",
        "log_deliveries": "all",
        "log_format": log_format,
    }
    with running("serve", **settings) as server:
        account = Account(server.url, "token", "", "")
        async with rest_api(account) as rest:
            headers = dict([CALLBACK, ("Upstash-Retries", "0")])
            message_id = await rest.publish("api/llm", headers, body=BODY)
            entry = await rest.wait_state(message_id, "DELIVERED")
            history = await rest.history(message_id)
            url = sink.script(PATH, Answer(500))
            failed_id = await rest.publish("api/llm", headers, body=BODY)
            await rest.wait_state(failed_id, "FAILED")
            dead = await rest.get("/v2/dlq")
            refused = await rest.http.post(f"/v2/publish/{url}")
            chat = await rest.http.post(f"/llm{PATH}", content=BODY)
        server.stop()
    assert (entry["url"], entry["api"]) == (url, "llm")
    assert refused.status_code == 400
    assert "endpoint resolves to a loopback address" in refused.text
    assert chat.status_code == 500
    assert [each.values("Authorization") for each in sink.received] == [["Bearer CANARY"]] * 3
    assert "CANARY" not in json.dumps([history, dead]) + server.output + refused.text


@pytest.mark.conformance("K-15")
async def test_the_setting_of_the_moment_decides(tmp_path: Path, sink: Sink, held: Answer) -> None:
    database = {"database_url": f"sqlite:///{tmp_path}/x.db"}
    first = sink.script(f"/first{PATH}", held)

    with running("dev", llm_base_url=sink.url_of("/first"), **database) as server:
        headers = dict([CALLBACK, ("Upstash-Retries", "100"), ("Upstash-Retry-Delay", "50")])
        reply = await ask(server.port, "POST", "/v2/publish/api/llm", *headers.items(), body=BODY)
        message_id = reply.json["messageId"]
        await sink.wait_one(f"/first{PATH}")
        server.kill()

    with running("dev", **database) as server:
        async with rest_api(server.accounts["defaultUser"]) as rest:

            async def failure() -> str | None:
                errors = [entry.get("error") for entry in await rest.history(message_id)]
                return next((error for error in errors if error), None)

            assert await poll(failure) == "api llm is not configured"
        server.kill()

    with running("dev", llm_base_url=sink.url_of("/then"), **database) as server:
        async with rest_api(server.accounts["defaultUser"]) as rest:
            entry = await rest.wait_state(message_id, "DELIVERED")
    assert (entry["url"], entry["api"]) == (first, "llm")
    received = await sink.wait_one(f"/then{PATH}")
    assert claims_of(received)["sub"] == first
    assert int(received.header("Upstash-Retried") or 0) > 0


@pytest.mark.parametrize("is_polite", [False, True])
async def test_a_client_that_goes_away_ends_its_chat(*, is_polite: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.wait_gone()
        gone.set()

    gone = asyncio.Event()
    async with raw_server(script) as upstream:
        with running("dev", llm_base_url=upstream.url("")) as server:
            async with connected(server.port) as wire:
                await wire.send(request("POST", f"/llm{PATH}", body=BODY))
                await upstream.wait_request()
                if is_polite:
                    wire.end_sending()
                    assert await wire.wait_closed() == b""
            async with asyncio.timeout(10):
                await gone.wait()


async def test_a_chat_may_end_before_the_server_does(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"9\r\ndata: 1\n\n\r\n")
        await go_on.wait()
        await peer.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    go_on = asyncio.Event()
    async with raw_server(script) as upstream:
        with running("dev", llm_base_url=upstream.url(""), shutdown_grace="10s") as server:
            async with connected(server.port) as wire:
                await wire.send(request("POST", f"/llm{PATH}", body=BODY))
                await wire.reply(to_head=True)
                server.signal(signal.SIGTERM)
                await asyncio.to_thread(wait_refused, server.port)
                go_on.set()
                events = [event async for event in wire.chunks()]
            assert await asyncio.to_thread(server.wait_end) == 0
    assert events == [b"data: 1\n\n", b"data: 2\n\n"]


def wait_refused(port: int) -> None:
    """Until the server takes no more connections."""
    with contextlib.suppress(ConnectionError):
        while True:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()


@pytest.mark.conformance("K-15", "K-16")
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("llm", "api llm is not configured"),
        ("email", "unknown api email"),
        ("x", "unknown api x"),
    ],
)
async def test_apis_that_are_not_there(dev: RelaypostProcess, name: str, error: str) -> None:
    item = json.dumps([{"destination": f"api/{name}", "callback": "https://h/"}]).encode()
    for target, body in (
        (f"/v2/publish/api/{name}", BODY),
        ("/v2/batch", item),
    ):
        reply = await ask(dev.port, "POST", target, CALLBACK, body=body)
        assert reply.status == 400
        assert reply.error == f"invalid destination url: {error}"
