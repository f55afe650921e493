"""The destination `api/llm`, and chat with the service behind it (sections 7.4, 7.5)."""

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.javascript import Driver, JavaScriptError, JavaScriptSdk, provider
from tests.support.raw_servers import Peer, answering, raw_server
from tests.support.servers import Account, RelaypostProcess, running
from tests.support.signatures import verify
from tests.support.sinks import Answer, Sink

PATH = "/v1/chat/completions"
COMPLETION = b'{"id":"c1","choices":[{"message":{"role":"assistant","content":"hi"}}]}'
MESSAGES = [{"role": "user", "content": "hi"}]
UPSTASH = provider("upstash")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def connected(driver: Driver, account: Account) -> JavaScriptSdk:
    return JavaScriptSdk(driver, {"baseUrl": account.url, "token": account.token, "retry": False})


@pytest.fixture
async def server(plain_sink: Sink) -> AsyncIterator[RelaypostProcess]:
    with running("dev", llm_base_url=plain_sink.url, llm_token="CANARY") as server:
        yield server


@pytest.fixture
def account(server: RelaypostProcess) -> Account:
    return server.accounts["testUser3"]


@pytest.fixture
def sdk(driver: Driver, account: Account) -> JavaScriptSdk:
    return connected(driver, account)


@pytest.mark.conformance("K-15")
@pytest.mark.parametrize("api", [{"name": "llm"}, {"name": "llm", "provider": UPSTASH}])
async def test_a_call_of_the_llm(
    sdk: JavaScriptSdk, account: Account, plain_sink: Sink, api: dict[str, Any]
) -> None:
    url = plain_sink.script(PATH, Answer(200, COMPLETION))
    request = {"model": "m", "messages": MESSAGES}
    published = await sdk.call(
        "publishJSON", {"api": api, "body": request, "callback": plain_sink.url_of("/callback")}
    )
    assert set(published) == {"messageId"}
    received = await plain_sink.wait_one(PATH)
    assert (received.method, json.loads(received.body)) == ("POST", request)
    assert received.values("Authorization") == ["Bearer CANARY"]
    assert received.header("Content-Type") == "application/json"
    verify(received, account, url=url)
    report = json.loads((await plain_sink.wait_one("/callback")).body)
    assert b64decode(report["body"]) == COMPLETION
    assert json.loads(b64decode(report["sourceBody"])) == request
    assert (report["url"], report["sourceMessageId"]) == (url, published["messageId"])
    message = await sdk.call("messages.get", published["messageId"])
    assert (message["url"], message["api"]) == (url, "llm")
    logs = (await sdk.call("logs", {"messageIds": [published["messageId"]]}))["logs"]
    assert {(entry["url"], entry["api"]) for entry in logs} == {(url, "llm")}
    assert "CANARY" not in json.dumps([report, message, logs])


@pytest.mark.conformance("K-15")
async def test_credentials_of_ones_own(sdk: JavaScriptSdk, plain_sink: Sink) -> None:
    request = {"api": {"name": "llm"}, "body": {}, "callback": plain_sink.url_of("/callback")}
    await sdk.call("publishJSON", {**request, "headers": {"authorization": "Bearer mine"}})
    assert (await plain_sink.wait_one(PATH)).values("Authorization") == ["Bearer mine"]


@pytest.mark.conformance("K-16")
async def test_a_batch_for_the_llm(sdk: JavaScriptSdk, plain_sink: Sink) -> None:
    item = {"api": {"name": "llm"}, "callback": plain_sink.url_of("/callback")}
    items = [{**item, "body": {"n": 1}}, {"url": plain_sink.url_of("/hook")}]
    published = await sdk.call("batchJSON", items)
    assert [set(each) for each in published] == [{"messageId"}, {"messageId", "url"}]
    received = await plain_sink.wait_one(PATH)
    assert received.body == b'{"n":1}'
    assert received.header("Upstash-Message-Id") == published[0]["messageId"]


@pytest.mark.conformance("K-16")
async def test_a_queue_of_calls(sdk: JavaScriptSdk, plain_sink: Sink) -> None:
    request = {"api": {"name": "llm"}, "callback": plain_sink.url_of("/callback")}
    for number in range(3):
        body = {"n": number}
        published = await sdk.call_queue("llm", "enqueueJSON", {**request, "body": body})
        assert set(published) == {"messageId"}
    received = await plain_sink.wait_for(3, PATH)
    assert [json.loads(each.body)["n"] for each in received] == [0, 1, 2]
    logs = (await sdk.call("logs", {"filter": {"queueName": "llm"}}))["logs"]
    assert {(entry["api"], entry["queueName"]) for entry in logs} == {("llm", "llm")}


@pytest.mark.conformance("K-15")
async def test_a_failed_call_in_the_dlq(sdk: JavaScriptSdk, plain_sink: Sink) -> None:
    url = plain_sink.script(PATH, Answer(500, b"boom"), Answer(200, COMPLETION))
    request = {
        "api": {"name": "llm"},
        "body": {"model": "m"},
        "retries": 0,
        "callback": plain_sink.url_of("/callback"),
        "failureCallback": plain_sink.url_of("/failure"),
    }
    await sdk.call("publishJSON", request)
    await plain_sink.wait_one("/failure")
    (dead,) = (await sdk.call("dlq.listMessages"))["messages"]
    assert (dead["url"], dead["api"], dead["responseBody"]) == (url, "llm", "boom")
    assert "CANARY" not in json.dumps(dead)
    await sdk.call("dlq.retry", dead["dlqId"])
    _, again = await plain_sink.wait_for(2, PATH)
    assert again.values("Authorization") == ["Bearer CANARY"]


@pytest.mark.conformance("K-15")
async def test_calls_that_are_refused(sdk: JavaScriptSdk, plain_sink: Sink) -> None:
    api, callback = {"name": "llm"}, plain_sink.url_of("/callback")
    for request, error in (
        ({"api": api, "body": {"stream": True}, "callback": callback}, "does not stream"),
        ({"api": api, "body": [], "callback": callback}, "not a JSON object"),
    ):
        with pytest.raises(JavaScriptError, match=error) as caught:
            await sdk.call("publishJSON", request)
        assert caught.value.status == 400
    with pytest.raises(JavaScriptError, match="Upstash-Callback is required for api/llm"):
        await sdk.call("publish", {"api": api, "body": "{}"})


@pytest.mark.conformance("K-15")
async def test_without_the_setting(
    driver: Driver, development: RelaypostProcess, plain_sink: Sink
) -> None:
    sdk = connected(driver, development.accounts["testUser3"])
    request = {"api": {"name": "llm"}, "body": {}, "callback": plain_sink.url}
    with pytest.raises(JavaScriptError) as caught:
        await sdk.call("publishJSON", request)
    error = '{"error":"invalid destination url: api llm is not configured"}'
    assert (caught.value.status, caught.value.message) == (400, error)
    with pytest.raises(JavaScriptError) as caught:
        await sdk.call("chat().create", {"provider": UPSTASH, "model": "m", "messages": MESSAGES})
    assert (caught.value.status, caught.value.message) == (404, '{"error":"not found"}')


@pytest.mark.conformance("K-17")
async def test_a_chat(sdk: JavaScriptSdk, plain_sink: Sink) -> None:
    as_json = (("Content-Type", "application/json"),)
    plain_sink.script(PATH, Answer(200, COMPLETION, as_json))
    chat = {"provider": UPSTASH, "model": "m", "temperature": 0.5}
    created = await sdk.call("chat().create", {**chat, "messages": MESSAGES})
    prompted = await sdk.call("chat().prompt", {**chat, "system": "be brief", "user": "hi"})
    assert created == prompted == json.loads(COMPLETION)
    first, second = [json.loads(each.body) for each in await plain_sink.wait_for(2, PATH)]
    assert first == {"model": "m", "temperature": 0.5, "messages": MESSAGES}
    assert second == {
        "model": "m",
        "temperature": 0.5,
        "messages": [{"role": "system", "content": "be brief"}, *MESSAGES],
    }
    assert plain_sink.received[0].values("Authorization") == ["Bearer CANARY"]
    assert (await sdk.call("logs"))["logs"] == []


@pytest.mark.conformance("K-17", "A-11")
async def test_a_chat_over_the_limit_of_the_service(sdk: JavaScriptSdk, plain_sink: Sink) -> None:
    limits = {"limit-requests": "100", "limit-tokens": "1000", "remaining-requests": "0",
              "remaining-tokens": "7", "reset-requests": "10s", "reset-tokens": "20s"}  # fmt: skip
    lines = tuple((f"x-ratelimit-{name}", value) for name, value in limits.items())
    plain_sink.script(PATH, Answer(429, b"", lines))
    with pytest.raises(JavaScriptError) as caught:
        await sdk.call("chat().create", {"provider": UPSTASH, "messages": MESSAGES})
    assert (caught.value.name, caught.value.status) == ("QstashChatRatelimitError", 429)
    assert [caught.value.fields[name] for name in (
        "limitRequests", "limitTokens", "remainingRequests", "remainingTokens", "resetRequests",
        "resetTokens",
    )] == list(limits.values())  # fmt: skip


@pytest.mark.conformance("K-17")
async def test_a_streamed_chat_is_read_to_its_end(driver: Driver) -> None:
    """Events come in pieces that the SDK could not read, and the service does not end."""
    events = b"".join(b'data: {"n":%d,"text":"gr\xc3\xbc\xc3\x9fe"}\r\n\r\n' % n for n in range(50))

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD)
        sent = events + b"data: [DONE]\r\n\r\n"
        for start in range(0, len(sent), 97):
            piece = sent[start : start + 97]
            await peer.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            await asyncio.sleep(0)
        await peer.wait_gone()

    async with raw_server(script) as upstream:
        with running("dev", llm_base_url=upstream.url("")) as server:
            sdk = connected(driver, server.accounts["testUser3"])
            chat = {"provider": UPSTASH, "model": "m", "stream": True, "messages": MESSAGES}
            read = await sdk.call("chat().create", chat)
            prompted = await sdk.call("chat().prompt", {**chat, "user": "hi"})
    assert read == prompted == [{"n": n, "text": "grüße"} for n in range(50)]
    assert json.loads(upstream.requests[0].body)["stream"] is True


async def test_a_chat_that_nobody_answers(driver: Driver) -> None:
    async with raw_server(answering(b"rubbish\r\n\r\n")) as upstream:
        with running("dev", llm_base_url=upstream.url("")) as server:
            sdk = connected(driver, server.accounts["testUser3"])
            with pytest.raises(JavaScriptError) as caught:
                await sdk.call("chat().create", {"provider": UPSTASH, "messages": MESSAGES})
    expected = (502, '{"error":"invalid response: not HTTP"}')
    assert (caught.value.status, caught.value.message) == expected


async def test_a_chat_with_another_provider_never_comes_here(
    sdk: JavaScriptSdk, plain_sink: Sink
) -> None:
    plain_sink.script(f"/other{PATH}", Answer(200, COMPLETION))
    custom = provider("custom", baseUrl=plain_sink.url_of("/other"), token="cu_1")
    await sdk.call("chat().create", {"provider": custom, "model": "m", "messages": MESSAGES})
    (received,) = plain_sink.received
    assert received.values("Authorization") == ["Bearer cu_1"]
