"""Batches of the Python SDK: each item behaves like a publish of its own."""

import json
from typing import Any

import pytest
from qstash.errors import QStashError

from tests.support.clients import PythonSdk
from tests.support.rest import RestApi
from tests.support.sinks import Sink


@pytest.mark.conformance("A-6", "P-31")
async def test_items_keep_their_order_and_their_options(sdk: PythonSdk, sink: Sink) -> None:
    first, second, third = await sdk.message.batch(
        [
            {"url": sink.url_of("/a"), "body": "A", "headers": {"X-Item": "1"}, "retries": 0},
            {"url": sink.url_of("/b?k=v"), "method": "PUT", "content_type": "text/plain"},
            {"url": sink.url_of("/c"), "delay": "1d", "label": "late", "retry_delay": "15000"},
        ]
    )
    a, b = await sink.wait_one("/a"), await sink.wait_one("/b")
    assert (a.body, a.header("X-Item"), a.header("Upstash-Message-Id")) == (
        b"A",
        "1",
        first.message_id,
    )
    assert (b.method, b.target, b.body) == ("PUT", "/b?k=v", b"")
    assert b.values("Content-Type") == ["text/plain"]
    assert b.header("Upstash-Message-Id") == second.message_id
    late = await sdk.message.get(third.message_id)
    assert (late.url, late.label) == (sink.url_of("/c"), "late")
    assert late.retry_delay_expression == "15000"
    assert (await sdk.message.get(first.message_id)).max_retries == 0
    assert (await sdk.message.get(second.message_id)).max_retries == 3


@pytest.mark.parametrize("as_json", [False, True])
async def test_an_item_means_what_a_publish_means(
    sdk: PythonSdk, sink: Sink, as_json: bool
) -> None:
    options: dict[str, Any] = {
        "url": sink.url_of("/hook"),
        "body": "x",
        "method": "PATCH",
        "headers": {"x-tenant": "t-17"},
        "callback": sink.url_of("/callback"),
        "callback_headers": {"x-trace": "9f2"},
        "failure_callback": sink.url_of("/failure"),
        "failure_callback_headers": {"x-kind": "failed"},
        "retries": 7,
        "delay": "1d1h",
        "timeout": 45,
        "content_based_deduplication": False,
        "label": "nightly",
        "redact": {"header": ["x-tenant"]},
    }
    publish, batch = sdk.message.publish, sdk.message.batch
    if as_json:
        publish, batch = sdk.message.publish_json, sdk.message.batch_json
    else:
        options |= {"content_type": "text/plain", "retry_delay": "1000 * retried"}
    (item,) = await batch([options])
    alone, inside = [
        vars(await sdk.message.get(published.message_id))
        for published in (await publish(**options), item)
    ]
    for message in (alone, inside):
        del message["message_id"]
        message["delay"] = message.pop("not_before") - message.pop("created_at")
    assert inside == alone
    assert inside["failure_callback_headers"] == {"X-Kind": ["failed"]}


async def test_json_items(sdk: PythonSdk, sink: Sink) -> None:
    await sdk.message.batch_json(
        [
            {"url": sink.url_of("/a"), "body": {"n": "ä"}, "headers": {"x": "ß".upper()}},
            {"url": sink.url_of("/b")},
        ]
    )
    a, b = await sink.wait_one("/a"), await sink.wait_one("/b")
    assert json.loads(a.body) == {"n": "ä"}
    assert b.body == b"null"
    assert {*a.values("Content-Type"), *b.values("Content-Type")} == {"application/json"}


async def test_duplicates_inside_a_batch(sdk: PythonSdk, sink: Sink, label: str) -> None:
    item: dict[str, Any] = {"url": sink.url_of("/a"), "deduplication_id": label}
    first, second = await sdk.message.batch([item, item])
    assert (first.deduplicated, second.deduplicated) == (False, True)
    assert first.message_id == second.message_id
    await sink.wait_one("/a")


async def test_an_empty_batch(sdk: PythonSdk) -> None:
    assert await sdk.message.batch([]) == []


@pytest.mark.conformance("A-6", "D-4", "P-32")
async def test_lists_of_values_as_other_clients_send_them(rest: RestApi, sink: Sink) -> None:
    headers = {"Upstash-Forward-X-Many": ["1", "2"], "upstash-retries": ["0"]}
    items = [{"destination": sink.url_of("/a"), "headers": headers, "queue": ""}]
    answer = await rest.http.post("/v2/batch", json=items, headers={"Upstash-Retries": "9"})
    (published,) = answer.json()
    assert (await sink.wait_one("/a")).values("X-Many") == ["1", "2"]
    assert (await rest.get(f"/v2/messages/{published['messageId']}"))["maxRetries"] == 0


@pytest.mark.conformance("P-30", "P-14")
async def test_one_bad_item_refuses_all(
    sdk: PythonSdk, sink: Sink, label: str, rest: RestApi
) -> None:
    good: dict[str, Any] = {"url": sink.url_of("/a"), "deduplication_id": label, "label": label}
    with pytest.raises(QStashError) as caught:
        await sdk.message.batch([good, good, {**good, "deduplication_id": "a:b"}])
    assert str(caught.value) == (
        "Request failed with status: 400, "
        """body: {"error":"DeduplicationId cannot contain ':'","index":2}"""
    )
    assert (await rest.get("/v2/events", label=label))["events"] == []
    (published,) = await sdk.message.batch([good])
    assert not published.deduplicated
    await sink.wait_one("/a")
