"""Calls of LLM providers and of an e-mail service, as publishes to URLs (sections 7.4, 7.6)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.support.javascript import Driver, JavaScriptError, JavaScriptSdk, provider
from tests.support.raw_servers import OK, RawServer, ReceivedRequest, answering, raw_server
from tests.support.servers import running
from tests.support.stand_ins import certified, redirected_server

HOSTS = ("api.openai.com", "api.anthropic.com", "api.resend.com", "gateway.helicone.ai")
CALLBACK = "https://callback.example/"
"""The stand-in has no certificate for it, so that it is not asked for callbacks."""
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
CHAT = "POST /v1/chat/completions HTTP/1.1"

OPENAI = provider("openai", token="sk_1", organization="org_1")
ANTHROPIC = provider("anthropic", token="sk_2")
RESEND = {"name": "email", "provider": provider("resend", token="re_1")}
RESEND_BATCH = {"name": "email", "provider": provider("resend", token="re_1", batch=True)}
HELICONE = {"name": "helicone", "token": "he_1"}

OF_EVERY_DELIVERY = {
    "Accept-Encoding", "Content-Length", "Host", "Upstash-Caller-Ip", "Upstash-Message-Id",
    "Upstash-Retried", "Upstash-Signature", "User-Agent",
}  # fmt: skip


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def stand_in(authority: trustme.CA) -> AsyncIterator[RawServer]:
    context = certified(authority, *HOSTS)
    async with raw_server(answering(OK), ssl=context) as server:
        yield server


@pytest.fixture
async def sdk(
    driver: Driver, authority: trustme.CA, stand_in: RawServer
) -> AsyncIterator[JavaScriptSdk]:
    async with redirected_server(authority, stand_in.port) as url:
        yield connected(driver, url)


def connected(driver: Driver, url: str) -> JavaScriptSdk:
    token = "eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0="
    return JavaScriptSdk(driver, {"baseUrl": url, "token": token, "retry": False})


def own_headers(received: ReceivedRequest) -> dict[str, str]:
    """What a delivery carries beyond what all carry; no name comes twice."""
    names = [name for name, _ in received.headers]
    assert len(set(names)) == len(names)
    assert set(names) >= OF_EVERY_DELIVERY
    return {name: value for name, value in received.headers if name not in OF_EVERY_DELIVERY}


@pytest.mark.conformance("K-14")
@pytest.mark.parametrize(
    ("api", "host", "line", "headers"),
    [
        (
            {"name": "llm", "provider": OPENAI},
            "api.openai.com",
            CHAT,
            {"Authorization": "Bearer sk_1", "Openai-Organization": "org_1"},
        ),
        (
            {"name": "llm", "provider": ANTHROPIC},
            "api.anthropic.com",
            "POST /v1/messages HTTP/1.1",
            {"X-Api-Key": "sk_2", "Anthropic-Version": "2023-06-01"},
        ),
        (
            {"name": "llm", "provider": OPENAI, "analytics": HELICONE},
            "gateway.helicone.ai",
            CHAT,
            {
                "Authorization": "Bearer sk_1",
                "Openai-Organization": "org_1",
                "Helicone-Auth": "Bearer he_1",
                "Helicone-Target-Url": "https://api.openai.com",
            },
        ),
        (RESEND, "api.resend.com", "POST /emails HTTP/1.1", {"Authorization": "Bearer re_1"}),
        (
            RESEND_BATCH,
            "api.resend.com",
            "POST /emails/batch HTTP/1.1",
            {"Authorization": "Bearer re_1"},
        ),
    ],
    ids=["openai", "anthropic", "helicone", "resend", "resend-batch"],
)
async def test_what_a_provider_is_sent(
    sdk: JavaScriptSdk,
    stand_in: RawServer,
    api: dict[str, Any],
    host: str,
    line: str,
    headers: dict[str, str],
) -> None:
    request = {"api": api, "body": BODY, "callback": CALLBACK, "headers": {"x-mine": "1"}}
    await sdk.call("publishJSON", request)
    received = await stand_in.wait_request()
    assert received.line == line
    assert received.values("Host") == [host]
    assert own_headers(received) == {
        "Content-Type": "application/json", "X-Mine": "1", **headers
    }  # fmt: skip
    assert received.body == b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


@pytest.mark.conformance("K-14")
async def test_providers_in_a_batch(sdk: JavaScriptSdk, stand_in: RawServer) -> None:
    llm = {"name": "llm", "provider": OPENAI}
    mine = {"authorization": "Bearer mine"}
    items: list[dict[str, Any]] = [
        {"api": llm, "callback": CALLBACK, "body": BODY},
        {"api": RESEND, "headers": mine, "body": BODY},
    ]
    await sdk.call("batchJSON", items)
    requests = [await stand_in.wait_request(), await stand_in.wait_request()]
    tokens = {received.line: received.values("Authorization") for received in requests}
    assert tokens == {CHAT: ["Bearer sk_1"], "POST /emails HTTP/1.1": ["Bearer mine"]}


@pytest.mark.conformance("K-14")
async def test_a_provider_of_ones_own(
    driver: Driver, authority: trustme.CA, tmp_path: Path
) -> None:
    """Over TLS too, by public settings alone: its name and port are free to choose."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = certified(authority, "localhost")
    async with raw_server(answering(OK), ssl=context) as server:
        with running("dev", "--ssl-cert-file", str(tmp_path / "ca.pem")) as relaypost:
            base_url = server.url("/base/v1/chat/completions", host="localhost")
            custom = provider("custom", baseUrl=base_url, token="cu_1")
            api = {"name": "llm", "provider": custom}
            request = {"api": api, "body": BODY, "callback": CALLBACK, "method": "PUT"}
            await connected(driver, relaypost.url).call("publishJSON", request)
            received = await server.wait_request()
    assert received.line == "PUT /base/v1/chat/completions HTTP/1.1"
    assert own_headers(received) == {
        "Content-Type": "application/json", "Authorization": "Bearer cu_1"
    }  # fmt: skip


async def test_without_json_an_email_has_no_credentials(
    sdk: JavaScriptSdk, stand_in: RawServer
) -> None:
    """A defect of the SDK; the message is accepted, and fails at the destination."""
    await sdk.call("publish", {"api": RESEND, "body": "x"})
    received = await stand_in.wait_request()
    assert received.line == "POST / HTTP/1.1"
    assert own_headers(received) == {"Content-Type": "text/plain;charset=UTF-8"}


async def test_the_sdk_itself_refuses_an_llm_without_a_callback(sdk: JavaScriptSdk) -> None:
    with pytest.raises(JavaScriptError) as caught:
        await sdk.call("publishJSON", {"api": {"name": "llm", "provider": OPENAI}, "body": BODY})
    assert caught.value.name == "TypeError"
