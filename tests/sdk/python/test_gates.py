"""Queues and flow-control keys at work: order, limits, pauses, and both together (section 4)."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import Connect, PythonSdk
from tests.support.rest import RestApi, poll
from tests.support.servers import Account, running
from tests.support.sinks import Answer, Sink

QUEUE = "ordered"


@pytest.fixture
def key(label: str, kind: str) -> str:
    """A key of this test alone: keys can't be deleted."""
    return f"{label}-{kind}".replace("[", " ").replace("]", "")


async def enqueue(sdk: PythonSdk, url: str, **options: Any) -> str:
    message_id: str = (await sdk.message.enqueue(queue=QUEUE, url=url, **options)).message_id
    return message_id


async def publish(sdk: PythonSdk, url: str, **options: Any) -> str:
    message_id: str = (await sdk.message.publish(url=url, **options)).message_id
    return message_id


def paths(sink: Sink) -> list[str]:
    return [received.path for received in sink.received]


@pytest.mark.conformance("Q-8")
@pytest.mark.parametrize("last", [200, 500])
async def test_a_message_that_is_retried_keeps_its_place(
    sdk: PythonSdk, sink: Sink, last: int
) -> None:
    first = sink.script("/first", Answer(500), Answer(last))
    await enqueue(sdk, first, retries=1, retry_delay="200")
    await enqueue(sdk, sink.url_of("/second"))
    await sink.wait_one("/second")
    assert paths(sink) == ["/first", "/first", "/second"]


@pytest.mark.conformance("Q-10")
async def test_a_delayed_message_blocks_nobody(sdk: PythonSdk, sink: Sink, rest: RestApi) -> None:
    is_over = asyncio.Event()
    late = {"Upstash-Queue-Name": QUEUE, "Upstash-Delay": "0.3s"}
    await rest.publish(sink.url_of("/late"), late)
    await enqueue(sdk, sink.script("/held", Answer(after=is_over)))
    await sink.wait_one("/held")
    await rest.publish(sink.url_of("/clock"), {"Upstash-Delay": "0.4s"})
    await sink.wait_one("/clock")
    await enqueue(sdk, sink.url_of("/after"))
    is_over.set()
    await sink.wait_one("/after")
    assert paths(sink) == ["/held", "/clock", "/late", "/after"]


@pytest.mark.conformance("Q-11")
async def test_so_many_at_a_time(sdk: PythonSdk, sink: Sink, rest: RestApi) -> None:
    await sdk.queue.upsert(QUEUE, parallelism=3)
    events = [asyncio.Event() for _ in range(6)]
    for number, event in enumerate(events):
        await enqueue(sdk, sink.script(f"/{number}", Answer(after=event)))
    await sink.wait_for(3)
    await sdk.queue.upsert(QUEUE, parallelism=1)
    for number in range(2):
        events[number].set()
        await wait_lag(sdk, 5 - number)
    assert paths(sink) == ["/0", "/1", "/2"]
    events[2].set()
    await sink.wait_for(4)
    for event in events:
        event.set()
    await sink.wait_for(6)
    assert sorted(paths(sink)[:3]) + paths(sink)[3:] == [f"/{number}" for number in range(6)]
    assert sink.most_open == 3


async def wait_lag(sdk: PythonSdk, lag: int) -> None:
    async def has_come() -> bool | None:
        return (await sdk.queue.get(QUEUE)).lag == lag or None

    assert await poll(has_come)


@pytest.mark.conformance("Q-12")
async def test_a_pause_outlasts_a_restart(
    connect: Connect, plain_sink: Sink, tmp_path: Path
) -> None:
    settings = {
        "database_url": f"sqlite:///{tmp_path}/relaypost.db",
        "allow_networks": "127.0.0.0/8",
        "token": "t",
    }
    is_over = asyncio.Event()
    first = plain_sink.script("/first", Answer(500, after=is_over))
    with running("serve", **settings) as server:
        sdk = connect(Account(server.url, "t", "", ""))
        ids = [await enqueue(sdk, first, retries=1, retry_delay="1")]
        ids += [await enqueue(sdk, plain_sink.url_of(f"/{number}")) for number in range(3)]
        await plain_sink.wait_one("/first")
        await sdk.queue.pause(QUEUE)
        is_over.set()

        async def is_retrying() -> bool | None:
            logs = (await sdk.log.list(filter={"message_id": ids[0]})).logs
            return logs[0].state.value == "RETRY" or None

        assert await poll(is_retrying)
        assert server.stop() == 0
    with running("serve", **settings) as server:
        sdk = connect(Account(server.url, "t", "", ""))
        queue = await sdk.queue.get(QUEUE)
        assert (queue.paused, queue.lag) == (True, 4)
        assert paths(plain_sink) == ["/first"]
        plain_sink.script("/first", Answer(200))
        await sdk.queue.resume(QUEUE)
        await plain_sink.wait_for(5)
        assert paths(plain_sink) == ["/first", "/first", "/0", "/1", "/2"]


@pytest.mark.conformance("F-2")
async def test_so_many_of_a_key(sdk: PythonSdk, sink: Sink, key: str) -> None:
    is_over = asyncio.Event()
    url = sink.script("/hook", Answer(after=is_over))
    for _ in range(20):
        await publish(sdk, url, flow_control={"key": key, "parallelism": 2})
    await sink.wait_for(2)
    shown = await sdk.flow_control.get(key)
    assert (shown.parallelism_count, shown.wait_list_size) == (2, 18)
    is_over.set()
    await sink.wait_for(20)
    assert sink.most_open == 2


@pytest.mark.conformance("F-4")
async def test_retries_and_callbacks_take_slots_and_tokens(
    sdk: PythonSdk, sink: Sink, key: str, rest: RestApi
) -> None:
    limits = {"key": key, "parallelism": 1, "rate": 4, "period": "1h"}
    failing = sink.script("/hook", Answer(500), Answer(200))
    first = await publish(sdk, failing, flow_control=limits, retries=1, retry_delay="400")
    await rest.wait_state(first, "RETRY")
    shown = await sdk.flow_control.get(key)
    assert (shown.parallelism_count, shown.rate_count, shown.wait_list_size) == (0, 1, 0)
    second = await publish(
        sdk,
        sink.url_of("/other"),
        flow_control=limits,
        callback=sink.url_of("/callback"),
        callback_headers={
            "Upstash-Callback-Flow-Control-Key": key,
            "Upstash-Callback-Flow-Control-Value": "parallelism=1, rate=4, period=1h",
        },
    )
    await rest.wait_state(second, "DELIVERED")
    await sink.wait_one("/callback")
    await rest.wait_state(first, "DELIVERED")
    assert (await sdk.flow_control.get(key)).rate_count == 4
    await publish(sdk, sink.url_of("/none"), flow_control=limits)
    assert (await sdk.flow_control.get(key)).wait_list_size == 1
    assert sink.at("/none") == []


@pytest.mark.conformance("F-5")
async def test_a_new_rate_lets_all_go(sdk: PythonSdk, sink: Sink, key: str) -> None:
    slow = {"key": key, "rate": 1, "period": "1h"}
    url = sink.url_of("/hook")
    await sdk.message.batch([{"url": url, "flow_control": slow}] * 51)
    await sink.wait_one()
    assert (await sdk.flow_control.get(key)).wait_list_size == 50
    await publish(sdk, url, flow_control={"key": key, "rate": 100, "period": "1s"})
    await sink.wait_for(52)


@pytest.mark.conformance("F-12")
async def test_global_parallelism(connect: Connect, plain_sink: Sink) -> None:
    is_over = asyncio.Event()
    url = plain_sink.script("/hook", Answer(after=is_over))
    with running("dev", max_global_parallelism="3") as server:
        sdk = connect(server.accounts["defaultUser"])
        for _ in range(10):
            await publish(sdk, url)
        await plain_sink.wait_for(3)
        everything = await sdk.flow_control.get_global_parallelism()
        assert (everything.parallelism_max, everything.parallelism_count) == (3, 3)
        keyless = await sdk.flow_control.get("$")
        assert (keyless.wait_list_size, keyless.parallelism_count) == (7, 3)
        is_over.set()
        await plain_sink.wait_for(10)
        assert plain_sink.most_open == 3


@pytest.mark.conformance("F-14", "P-39")
async def test_whoever_holds_the_last_slot_can_publish(
    sdk: PythonSdk, sink: Sink, key: str
) -> None:
    """A destination publishes with the key that its own request fills."""
    is_over = asyncio.Event()
    limits = {"key": key, "parallelism": 1}
    await publish(sdk, sink.script("/outer", Answer(after=is_over)), flow_control=limits)
    await sink.wait_one("/outer")
    async with asyncio.timeout(5):
        await publish(sdk, sink.url_of("/inner"), flow_control=limits)
    assert sink.at("/inner") == []
    is_over.set()
    await sink.wait_one("/inner")


@pytest.mark.conformance("F-15")
async def test_a_paused_key_at_the_head_stops_its_queue(
    sdk: PythonSdk, sink: Sink, key: str, rest: RestApi
) -> None:
    await sdk.flow_control.pause(key)
    with_key = {
        "Upstash-Queue-Name": QUEUE,
        "Upstash-Flow-Control-Key": key,
        "Upstash-Flow-Control-Value": "parallelism=5",
    }
    await rest.publish(sink.url_of("/first"), with_key)
    await enqueue(sdk, sink.url_of("/second"))
    await publish(sdk, sink.url_of("/free"))
    await sink.wait_one("/free")
    assert (await sdk.flow_control.get(key)).wait_list_size == 1
    assert (await sdk.queue.get(QUEUE)).lag == 2
    assert paths(sink) == ["/free"]
    await sdk.flow_control.resume(key)
    await sink.wait_for(3)
    assert paths(sink) == ["/free", "/first", "/second"]


async def test_a_callback_of_a_queue_is_in_none_itself(sdk: PythonSdk, sink: Sink) -> None:
    first = await enqueue(sdk, sink.url_of("/hook"), callback=sink.url_of("/callback"))
    reported = await sink.wait_one("/callback")
    assert json.loads(reported.body)["sourceMessageId"] == first
    callback = await sdk.message.get(reported.header("Upstash-Message-Id"))
    assert (callback.queue, callback.flow_control) == (None, None)
