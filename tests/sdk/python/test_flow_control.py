"""Flow control of the Python SDK: what messages bring, what keys show, and steering them."""

import asyncio
from typing import Any

import pytest
from qstash.errors import QStashError

from tests.support.clients import PythonSdk
from tests.support.rest import RestApi, poll
from tests.support.sinks import Answer, Sink


@pytest.fixture
def key(label: str, kind: str) -> str:
    """A key of this test alone: keys can't be deleted."""
    return f"{label}/{kind}".replace("[", " ").replace("]", "")


async def refusal(call: Any) -> str:
    with pytest.raises(QStashError) as caught:
        await call
    return str(caught.value)


@pytest.mark.conformance("P-22", "R-2", "F-1")
@pytest.mark.parametrize(
    ("options", "parallelism", "rate", "period"),
    [
        ({"rate": 23, "period": "1h30m3s"}, None, 23, 5403),
        ({"parallelism": 5}, 5, None, 1),
        ({"parallelism": 3, "rate": 10, "period": 60}, 3, 10, 60),
        ({"parallelism": 3, "rate": 10, "period": "1m"}, 3, 10, 60),
        ({"rate": 7}, None, 7, 1),
    ],
)
async def test_a_message_shows_what_it_brought(
    sdk: PythonSdk,
    sink: Sink,
    key: str,
    options: dict[str, Any],
    parallelism: int | None,
    rate: int | None,
    period: int,
) -> None:
    url = sink.url_of("/hook")
    made = [await sdk.message.publish(url=url, flow_control={"key": key, **options})]
    made.append(await sdk.message.publish_json(url=url, flow_control={"key": key, **options}))
    items = [{"url": url, "flow_control": {"key": key, **options}}]
    made += await sdk.message.batch(items)
    made += await sdk.message.batch_json([{**items[0], "body": {"n": 1}}])
    for one in made:
        brought = (await sdk.message.get(one.message_id)).flow_control
        assert brought is not None
        assert (brought.key, brought.parallelism, brought.rate, brought.period) == (
            key,
            parallelism,
            rate,
            period,
        )
    logged = (await sdk.log.list(filter={"message_id": made[0].message_id})).logs
    assert {log.flow_control.key for log in logged} == {key}
    await sink.wait_for(4, "/hook")


async def test_without_a_key_there_is_none(sdk: PythonSdk, sink: Sink) -> None:
    published = await sdk.message.publish(url=sink.url_of("/hook"))
    assert (await sdk.message.get(published.message_id)).flow_control is None
    await sink.wait_one("/hook")


@pytest.mark.conformance("A-5", "F-11", "P-22")
@pytest.mark.parametrize(
    "options",
    [
        {"key": "k"},
        {"key": "k", "parallelism": 0},
        {"key": "k", "rate": -1},
        {"key": "k", "period": "1m"},
        {"key": "k", "rate": 1, "period": "8d"},
        {"key": "$", "rate": 1},
    ],
)
async def test_values_that_make_no_sense(
    sdk: PythonSdk, sink: Sink, options: dict[str, Any]
) -> None:
    publishing = sdk.message.publish(url=sink.url_of("/hook"), flow_control=options)
    assert 'status: 400, body: {"error":"' in await refusal(publishing)


@pytest.mark.conformance("F-1", "F-2")
async def test_what_a_key_shows(sdk: PythonSdk, sink: Sink, key: str) -> None:
    is_over = asyncio.Event()
    url = sink.script("/hook", Answer(200, after=is_over))
    limits = {"key": key, "parallelism": 2, "rate": 10, "period": "1h"}
    for _ in range(5):
        await sdk.message.publish(url=url, flow_control=limits)
    await sink.wait_for(2, "/hook")
    shown = await sdk.flow_control.get(key)
    assert (shown.key, shown.wait_list_size) == (key, 3)
    assert (shown.parallelism_max, shown.parallelism_count) == (2, 2)
    assert (shown.rate_max, shown.rate_count, shown.rate_period) == (10, 2, 3600)
    assert shown.rate_period_start > 1_700_000_000
    flags = (shown.is_paused, shown.is_pinned_parallelism, shown.is_pinned_rate)
    assert flags == (False, False, False)
    everything = await sdk.flow_control.get_global_parallelism()
    assert everything.parallelism_max == 1000
    assert everything.parallelism_count >= 2
    is_over.set()
    await sink.wait_for(5, "/hook")

    async def is_idle() -> bool | None:
        return (await sdk.flow_control.get(key)).parallelism_count == 0 or None

    assert await poll(is_idle)


@pytest.mark.conformance("F-8")
async def test_pause_and_resume(sdk: PythonSdk, sink: Sink, key: str) -> None:
    await sdk.flow_control.pause(key)
    limits = {"key": key, "parallelism": 1}
    for number in range(10):
        await sdk.message.publish(url=sink.url_of("/hook"), body=str(number), flow_control=limits)
    shown = await sdk.flow_control.get(key)
    assert (shown.is_paused, shown.wait_list_size, shown.parallelism_count) == (True, 10, 0)
    assert sink.received == []
    await sdk.flow_control.resume(key)
    received = await sink.wait_for(10, "/hook")
    assert [int(one.body) for one in received] == list(range(10))
    assert not (await sdk.flow_control.get(key)).is_paused


@pytest.mark.conformance("F-7", "F-10")
async def test_pin_and_unpin(sdk: PythonSdk, sink: Sink, key: str) -> None:
    await sdk.message.publish(
        url=sink.url_of("/hook"), flow_control={"key": key, "parallelism": 5, "rate": 9}
    )
    await sink.wait_one("/hook")
    await sdk.flow_control.pin(key, {"parallelism": 3, "rate": 20, "period": 120})
    shown = await sdk.flow_control.get(key)
    assert (shown.parallelism_max, shown.rate_max, shown.rate_period) == (3, 20, 120)
    assert (shown.is_pinned_parallelism, shown.is_pinned_rate) == (True, True)
    assert shown.rate_count == 0
    await sdk.flow_control.unpin(key, {"parallelism": True})
    shown = await sdk.flow_control.get(key)
    assert (shown.is_pinned_parallelism, shown.is_pinned_rate) == (False, True)
    await sdk.message.publish(
        url=sink.url_of("/hook"), flow_control={"key": key, "parallelism": 8, "rate": 1}
    )
    shown = await sdk.flow_control.get(key)
    assert (shown.parallelism_max, shown.rate_max, shown.rate_period) == (8, 20, 120)
    await sdk.flow_control.unpin(key, {"parallelism": False, "rate": True})
    assert not (await sdk.flow_control.get(key)).is_pinned_rate
    assert '400, body: {"error":"parallelism or rate is required"}' in await refusal(
        sdk.flow_control.pin(key, {})
    )
    await sdk.flow_control.unpin(key, {})
    await sink.wait_for(2, "/hook")


@pytest.mark.conformance("F-9")
async def test_reset_rate(sdk: PythonSdk, sink: Sink, key: str) -> None:
    limits = {"key": key, "rate": 1, "period": "1h"}
    await sdk.message.publish(url=sink.url_of("/hook"), flow_control=limits)
    await sdk.message.publish(url=sink.url_of("/hook"), flow_control=limits)
    await sink.wait_one("/hook")
    shown = await sdk.flow_control.get(key)
    assert (shown.rate_count, shown.wait_list_size) == (1, 1)
    await sdk.flow_control.reset_rate(key)
    await sink.wait_for(2, "/hook")
    await sdk.flow_control.reset_rate(key)
    after = await sdk.flow_control.get(key)
    assert (after.rate_count, after.rate_period_start >= shown.rate_period_start) == (0, True)


@pytest.mark.conformance("F-10", "F-11")
async def test_keys_that_nobody_named(sdk: PythonSdk, key: str) -> None:
    text = 'status: 404, body: {"error":"flow control key '
    assert text in await refusal(sdk.flow_control.get(key))
    await sdk.flow_control.resume(key)
    await sdk.flow_control.unpin(key, {"rate": True})
    await sdk.flow_control.reset_rate(key)
    assert text in await refusal(sdk.flow_control.get(key))
    assert (await sdk.flow_control.get("$")).key == "$"
    assert "is reserved" in await refusal(sdk.flow_control.pause("$"))
    assert "is required" in await refusal(sdk.flow_control.pause(""))


async def test_a_callback_with_a_key_of_its_own(
    sdk: PythonSdk, sink: Sink, key: str, rest: RestApi
) -> None:
    await sdk.flow_control.pause(key)
    published = await sdk.message.publish(
        url=sink.url_of("/hook"),
        callback=sink.url_of("/callback"),
        callback_headers={
            "Upstash-Callback-Flow-Control-Key": key,
            "Upstash-Callback-Flow-Control-Value": "parallelism=1",
        },
    )
    await rest.wait_state(published.message_id, "DELIVERED")
    shown = await sdk.flow_control.get(key)
    assert (shown.wait_list_size, shown.parallelism_max) == (1, 1)
    assert sink.at("/callback") == []
    await sdk.flow_control.resume(key)
    await sink.wait_one("/callback")
