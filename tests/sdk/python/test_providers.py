"""Calls of LLM providers, which this SDK turns into publishes to URLs (section 7.4)."""

from typing import Any

import pytest
from qstash.chat import custom, openai

from tests.support.clients import PythonSdk
from tests.support.sinks import Sink

PATH = "/base/v1/chat/completions"
BODY = {"model": "m"}


def api_of(sink: Sink) -> dict[str, Any]:
    return {"name": "llm", "provider": custom(sink.url_of("/base/v1/chat/completions"), "cu_1")}


@pytest.mark.conformance("K-14")
async def test_a_provider_of_ones_own(sdk: PythonSdk, sink: Sink) -> None:
    headers = {"Authorization": "Bearer mine", "X-Mine": "1"}
    published = await sdk.message.publish_json(api=api_of(sink), body=BODY, headers=headers)
    received = await sink.wait_one(PATH)
    assert received.values("Authorization") == ["Bearer cu_1"]
    assert received.header("X-Mine") == "1"
    assert received.header("Content-Type") == "application/json"
    assert received.body == b'{"model": "m"}'
    message = await sdk.message.get(published.message_id)
    assert message.url == sink.url_of(PATH)


@pytest.mark.conformance("K-14")
async def test_a_provider_in_a_batch(sdk: PythonSdk, sink: Sink) -> None:
    item = {"api": api_of(sink), "body": BODY, "callback": sink.url_of("/callback")}
    await sdk.message.batch_json([item])
    received = await sink.wait_one(PATH)
    assert received.values("Authorization") == ["Bearer cu_1"]
    await sink.wait_one("/callback")


@pytest.mark.conformance("K-14")
async def test_where_openai_is_called(sdk: PythonSdk) -> None:
    api = {"name": "llm", "provider": openai("sk_1")}
    published = await sdk.message.publish_json(api=api, body=BODY, delay="1d")
    message = await sdk.message.get(published.message_id)
    assert message.url == "https://api.openai.com/v1/chat/completions"
    assert message.headers == {
        "Authorization": ["Bearer sk_1"], "Content-Type": ["application/json"]
    }  # fmt: skip
    await sdk.message.cancel(published.message_id)
