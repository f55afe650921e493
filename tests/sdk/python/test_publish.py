"""Publish with the options of the Python SDK: what is delivered, and what is kept."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.clients import PythonSdk
from tests.support.servers import Account
from tests.support.signatures import claims_of, verify
from tests.support.sinks import Sink

DAY_MS = 86_400_000


@pytest.mark.conformance("D-1")
async def test_a_text_arrives_as_published(sdk: PythonSdk, sink: Sink) -> None:
    published = await sdk.message.publish(
        url=sink.url_of("/hook?src=a%2Fb"), body="grüße", content_type="text/plain; charset=utf-8"
    )
    received = await sink.wait_one("/hook")
    assert (received.method, received.target) == ("POST", "/hook?src=a%2Fb")
    assert received.body == "grüße".encode()
    assert received.values("Content-Type") == ["text/plain; charset=utf-8"]
    assert received.header("User-Agent") == "Upstash-QStash"
    assert received.header("Upstash-Message-Id") == published.message_id
    assert received.header("Upstash-Retried") == "0"
    assert not published.deduplicated


@pytest.mark.conformance("P-3")
async def test_the_url_is_taken_raw_and_options_leave_its_query(sdk: PythonSdk, sink: Sink) -> None:
    url = sink.url_of("/a%2Fb//c?x=%20&upstash-retries=2&y")
    published = await sdk.message.publish(url=url)
    assert (await sink.wait_one("/a%2Fb//c")).target == "/a%2Fb//c?x=%20&y"
    message = await sdk.message.get(published.message_id)
    assert (message.url, message.max_retries) == (sink.url_of("/a%2Fb//c?x=%20&y"), 2)


@pytest.mark.conformance("D-7", "P-4")
async def test_the_signature_names_the_url_as_published(
    sdk: PythonSdk, account: Account, plain_sink: Sink
) -> None:
    plain = plain_sink.url
    for url, target in [
        (plain, "/"),
        (f"{plain}/", "/"),
        (f"{plain}?x=1", "/?x=1"),
        (f"{plain}/a%2Fb/?q=1&r=%20", "/a%2Fb/?q=1&r=%20"),
    ]:
        published = await sdk.message.publish(url=url, body="x")
        received = await plain_sink.wait_one()
        plain_sink.received.clear()
        assert received.target == target
        verify(received, account, url=url)
        assert (await sdk.message.get(published.message_id)).url == url


@pytest.mark.conformance("P-9", "D-2")
async def test_without_a_content_type_none_is_delivered(sdk: PythonSdk, sink: Sink) -> None:
    published = await sdk.message.publish(url=sink.url_of("/hook"))
    received = await sink.wait_one("/hook")
    assert received.values("Content-Type") == []
    assert received.header("Content-Length") == "0"
    assert "Content-Type" not in (await sdk.message.get(published.message_id)).headers


@pytest.mark.conformance("R-3")
async def test_bytes_that_are_no_text(sdk: PythonSdk, sink: Sink) -> None:
    published = await sdk.message.publish(url=sink.url_of("/hook"), body=b"\x00\xff\xfe")
    assert (await sink.wait_one("/hook")).body == b"\x00\xff\xfe"
    message = await sdk.message.get(published.message_id)
    assert (message.body, message.body_base64) == (None, "AP/+")


@pytest.mark.conformance("D-5")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_each_method_delivers_the_body(sdk: PythonSdk, sink: Sink, method: str) -> None:
    published = await sdk.message.publish(url=sink.url_of("/hook"), body="x", method=method)
    received = await sink.wait_one("/hook")
    assert (received.method, received.body) == (method, b"x")
    assert (await sdk.message.get(published.message_id)).method == method


async def test_headers_arrive_without_their_prefix(sdk: PythonSdk, sink: Sink) -> None:
    published = await sdk.message.publish(
        url=sink.url_of("/hook"),
        headers={
            "x-API-key": "k",
            "Upstash-Forward-Authorization": "Bearer mine",
            "Upstash-Delay": "1d",
            "count": 3,
        },
    )
    received = await sink.wait_one("/hook")
    expected = {
        "X-Api-Key": ["k"],
        "Authorization": ["Bearer mine"],
        "Upstash-Delay": ["1d"],
        "Count": ["3"],
    }
    assert {name: received.values(name) for name in expected} == expected
    assert (await sdk.message.get(published.message_id)).headers == expected


@pytest.mark.conformance("D-3")
async def test_headers_of_the_server_are_its_own(sdk: PythonSdk, sink: Sink) -> None:
    await sdk.message.publish(
        url=sink.url_of("/hook"),
        headers={"Upstash-Retried": "7", "Upstash-Signature": "x", "Upstash-Workflow-X": "1"},
    )
    received = await sink.wait_one("/hook")
    assert received.header("Upstash-Retried") == "0"
    assert received.header("Upstash-Workflow-X") == "1"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"body": {"hello": "wörld", "n": [1, None]}}, {"hello": "wörld", "n": [1, None]}),
        ({"body": "text"}, "text"),
        ({}, None),
    ],
)
async def test_json_is_marked_as_json(
    sdk: PythonSdk, sink: Sink, options: dict[str, Any], expected: object
) -> None:
    await sdk.message.publish_json(url=sink.url_of("/hook"), **options)
    received = await sink.wait_one("/hook")
    assert received.values("Content-Type") == ["application/json"]
    assert json.loads(received.body) == expected


@pytest.mark.conformance("R-2", "P-7")
async def test_every_option_is_kept_with_the_message(sdk: PythonSdk, sink: Sink) -> None:
    published = await sdk.message.publish_json(
        url=sink.url_of("/hook"),
        body={"n": 1},
        method="PUT",
        headers={"x-tenant": "t-17"},
        delay="1d1h30m",
        retries=7,
        retry_delay="1000 * (1 + retried)",
        timeout=45,
        callback=sink.url_of("/callback"),
        callback_headers={"x-trace": "9f2", "retries": "1"},
        failure_callback=sink.url_of("/failure"),
        failure_callback_headers={"Upstash-Failure-Callback-Forward-X-Kind": "failed"},
        label="nightly",
    )
    message = await sdk.message.get(published.message_id)
    assert message.message_id == published.message_id
    assert message.url == sink.url_of("/hook")
    assert json.loads(message.body) == {"n": 1}
    assert message.body_base64 is None
    assert message.method == "PUT"
    assert message.headers == {"Content-Type": ["application/json"], "X-Tenant": ["t-17"]}
    assert message.not_before - message.created_at == DAY_MS + 5_400_000
    assert message.max_retries == 7
    assert message.retry_delay_expression == "1000 * (1 + retried)"
    assert message.callback == sink.url_of("/callback")
    assert message.callback_headers == {"X-Trace": ["9f2"]}
    assert message.failure_callback == sink.url_of("/failure")
    assert message.failure_callback_headers == {"X-Kind": ["failed"]}
    assert message.label == "nightly"
    assert message.caller_ip == "127.0.0.1"
    assert message.flow_control is None
    absent = (message.url_group, message.endpoint, message.queue, message.schedule_id)
    assert absent == (None, None, None, None)


@pytest.mark.conformance("R-2", "P-17", "P-19")
async def test_defaults_of_a_message(sdk: PythonSdk, sink: Sink) -> None:
    published = await sdk.message.publish(url=sink.url_of("/hook"))
    message = await sdk.message.get(published.message_id)
    assert (message.method, message.max_retries) == ("POST", 3)
    assert message.not_before == message.created_at
    assert message.headers == {}
    assert (message.body, message.callback, message.label) == (None, None, None)
    await sink.wait_one("/hook")


@pytest.mark.conformance("P-16", "P-18")
@pytest.mark.parametrize(
    ("delay", "ms"),
    [(90, 90_000), ("90", 90_000), ("1h30m3s", 5_403_000), ("0.5s", 500), ("10d", 10 * DAY_MS)],
)
async def test_delays(sdk: PythonSdk, sink: Sink, delay: str | int, ms: int) -> None:
    published = await sdk.message.publish(url=sink.url_of("/hook"), delay=delay)
    message = await sdk.message.get(published.message_id)
    assert message.not_before - message.created_at == ms


async def test_a_delayed_message_is_not_early(sdk: PythonSdk, sink: Sink) -> None:
    published = await sdk.message.publish(url=sink.url_of("/hook"), delay="0.3s")
    message = await sdk.message.get(published.message_id)
    claims = claims_of(await sink.wait_one("/hook"))
    assert claims["iat"] >= message.not_before // 1000


@pytest.mark.conformance("P-17")
async def test_an_instant_wins_over_a_delay(sdk: PythonSdk, sink: Sink) -> None:
    created = await sdk.message.publish(url=sink.url_of("/hook"), delay="1d")
    tomorrow = (await sdk.message.get(created.message_id)).not_before // 1000
    published = await sdk.message.publish(
        url=sink.url_of("/hook"), delay="10d", not_before=tomorrow
    )
    assert (await sdk.message.get(published.message_id)).not_before == tomorrow * 1000


@pytest.mark.conformance("P-17")
async def test_an_instant_in_the_past_is_due_at_once(sdk: PythonSdk, sink: Sink) -> None:
    published = await sdk.message.publish(url=sink.url_of("/hook"), not_before=1_700_000_000)
    message = await sdk.message.get(published.message_id)
    assert message.not_before == message.created_at
    await sink.wait_one("/hook")


@pytest.mark.conformance("P-11")
async def test_a_second_publish_with_one_id_is_a_duplicate(
    sdk: PythonSdk, sink: Sink, label: str
) -> None:
    first = await sdk.message.publish(url=sink.url_of("/hook"), deduplication_id=label)
    second = await sdk.message.publish(url=sink.url_of("/other"), deduplication_id=label)
    assert (first.deduplicated, second.deduplicated) == (False, True)
    assert second.message_id == first.message_id
    await sink.wait_one("/hook")
    await _deliver_another(sdk, sink)
    assert len(sink.received) == 2


@pytest.mark.conformance("P-12")
async def test_concurrent_publishes_with_one_id(sdk: PythonSdk, sink: Sink, label: str) -> None:
    url = sink.url_of("/hook")
    together = [sdk.message.publish(url=url, deduplication_id=label) for _ in range(50)]
    published = await asyncio.gather(*together)
    assert len({each.message_id for each in published}) == 1
    assert [each.deduplicated for each in published].count(False) == 1
    await sink.wait_one("/hook")
    await _deliver_another(sdk, sink)
    assert len(sink.at("/hook")) == 1


@pytest.mark.conformance("P-10")
async def test_content_based_deduplication(sdk: PythonSdk, sink: Sink, label: str) -> None:
    async def publish(*, by_content: bool, **options: Any) -> bool:
        published = await sdk.message.publish(
            **{"url": sink.url_of("/hook"), "body": label, "headers": {"x": "1"}, **options},
            content_based_deduplication=by_content,
        )
        duplicate: bool = published.deduplicated
        return duplicate

    assert not await publish(by_content=True)
    assert await publish(by_content=True)
    assert await publish(by_content=True, label="another", delay=3)
    assert not await publish(by_content=True, headers={"x": "2"})
    assert not await publish(by_content=True, method="PUT")
    assert not await publish(by_content=True, url=sink.url_of("/other"))
    assert not await publish(by_content=False)


async def _deliver_another(sdk: PythonSdk, sink: Sink) -> None:
    """What would have been delivered before has been, when this has."""
    await sdk.message.publish(url=sink.url_of("/another"))
    await sink.wait_one("/another")
