"""Flow control of the JavaScript SDK: what messages bring, what keys show, and steering them."""

import json
from typing import Any

import pytest

from tests.support.javascript import JavaScriptError, JavaScriptSdk
from tests.support.sinks import Answer, Sink

LATE = "1d"


@pytest.fixture
def key(label: str) -> str:
    """A key of this test alone: keys can't be deleted."""
    return f"js/{label}".replace("[", " ").replace("]", "")


async def refusal(call: Any) -> tuple[int | None, str]:
    with pytest.raises(JavaScriptError) as caught:
        await call
    return caught.value.status, json.loads(caught.value.message)["error"]


async def get(sdk: JavaScriptSdk, key: str) -> dict[str, Any]:
    found: dict[str, Any] = await sdk.call("flowControl.get", key)
    return found


@pytest.mark.conformance("P-22", "F-1", "A-3")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"parallelism": 3}, {"parallelism": 3, "period": 1}),
        ({"rate": 10, "period": 60}, {"rate": 10, "period": 60}),
        ({"ratePerSecond": 10, "period": "1d"}, {"rate": 10, "period": 86_400}),
        (
            {"parallelism": 3, "rate": 10, "period": "1h30m3s"},
            {"parallelism": 3, "rate": 10, "period": 5403},
        ),
    ],
)
async def test_a_message_shows_what_it_brought(
    sdk: JavaScriptSdk,
    sink: Sink,
    key: str,
    options: dict[str, Any],
    expected: dict[str, int],
) -> None:
    request = {"url": sink.url_of("/hook"), "flowControl": {"key": key, **options}}
    made = [await sdk.call("publish", request), await sdk.call("publishJSON", request)]
    made += await sdk.call("batch", [request])
    made += await sdk.call("batchJSON", [request])
    names = ("flowControlKey", "parallelism", "rate", "period")
    for one in made:
        message = await sdk.call("messages.get", one["messageId"])
        shown = {name: message[name] for name in names if name in message}
        assert shown == {"flowControlKey": key, **expected}
        assert message.get("ratePerSecond") == expected.get("rate")  # a name of the SDK's own
    await sink.wait_for(4, "/hook")


async def test_without_a_key_there_is_none(sdk: JavaScriptSdk, sink: Sink) -> None:
    published = await sdk.call("publish", {"url": sink.url_of("/hook")})
    message = await sdk.call("messages.get", published["messageId"])
    assert not {"flowControlKey", "parallelism", "rate", "period"} & message.keys()
    await sink.wait_one("/hook")


@pytest.mark.conformance("A-5", "P-22")
async def test_a_value_that_makes_no_sense(sdk: JavaScriptSdk, sink: Sink) -> None:
    request = {"url": sink.url_of("/hook"), "flowControl": {"key": "k", "parallelism": 0}}
    assert await refusal(sdk.call("publish", request)) == (
        400,
        "Upstash-Flow-Control-Value should be either rate=X or parallelism=Y, "
        "or both as comma-separated values",
    )


@pytest.mark.conformance("F-1", "F-2", "F-10")
async def test_what_a_key_shows(sdk: JavaScriptSdk, sink: Sink, key: str, held: Answer) -> None:
    limits = {"key": key, "parallelism": 2}
    for _ in range(5):
        request = {"url": sink.script("/hook", held), "flowControl": limits}
        await sdk.call("publish", request)
    await sink.wait_for(2, "/hook")
    assert await get(sdk, key) == {
        "flowControlKey": key,
        "waitListSize": 3,
        "parallelismMax": 2,
        "parallelismCount": 2,
        "rateCount": 0,
        "isPaused": False,
        "isPinnedParallelism": False,
        "isPinnedRate": False,
    }
    everything = await sdk.call("flowControl.getGlobalParallelism")
    assert everything["parallelismMax"] == 1000
    assert everything["parallelismCount"] >= 2


@pytest.mark.conformance("F-8", "F-11", "K-27")
async def test_pause_and_resume(sdk: JavaScriptSdk, sink: Sink, key: str) -> None:
    key = f"{key}/b c"
    await sdk.call("flowControl.pause", key)
    for number in range(10):
        request = {
            "url": sink.url_of("/hook"),
            "body": str(number),
            "flowControl": {"key": key, "parallelism": 1},
        }
        await sdk.call("publish", request)
    shown = await get(sdk, key)
    assert (shown["isPaused"], shown["waitListSize"]) == (True, 10)
    assert sink.received == []
    await sdk.call("flowControl.resume", key)
    received = await sink.wait_for(10, "/hook")
    assert [int(one.body) for one in received] == list(range(10))
    assert (await get(sdk, key))["isPaused"] is False


@pytest.mark.conformance("F-7", "F-10")
async def test_pin_and_unpin(sdk: JavaScriptSdk, sink: Sink, key: str) -> None:
    request = {
        "url": sink.url_of("/hook"),
        "delay": LATE,
        "flowControl": {"key": key, "parallelism": 5, "rate": 9},
    }
    await sdk.call("publish", request)
    await sdk.call("flowControl.pin", key, {"parallelism": 3, "rate": 20, "period": 120})
    pinned = {"parallelismMax": 3, "rateMax": 20, "ratePeriod": 120, "rateCount": 0}
    flags = {"isPinnedParallelism": True, "isPinnedRate": True}
    shown = await get(sdk, key)
    assert {**shown, **pinned, **flags} == shown
    await sdk.call("flowControl.unpin", key, {"parallelism": True, "rate": False})
    shown = await get(sdk, key)
    assert (shown["isPinnedParallelism"], shown["isPinnedRate"]) == (False, True)
    await sdk.call("publish", request)
    shown = await get(sdk, key)
    assert (shown["parallelismMax"], shown["rateMax"], shown["ratePeriod"]) == (5, 20, 120)
    await sdk.call("flowControl.unpin", key, {"rate": True})
    assert (await get(sdk, key))["isPinnedRate"] is False
    await sdk.call("publish", request)
    assert (await get(sdk, key))["rateMax"] == 9
    for parts in ({"parallelism": 1}, {"rate": 2}, {"rate": 2, "period": 5}):
        await sdk.call("flowControl.pin", key, parts)
    shown = await get(sdk, key)
    assert (shown["parallelismMax"], shown["rateMax"], shown["ratePeriod"]) == (1, 2, 5)
    assert await refusal(sdk.call("flowControl.pin", key, {})) == (
        400,
        "parallelism or rate is required",
    )


@pytest.mark.conformance("F-9")
async def test_reset_rate(sdk: JavaScriptSdk, sink: Sink, key: str) -> None:
    limits = {"key": key, "rate": 1, "period": "1h"}
    for _ in range(2):
        await sdk.call("publish", {"url": sink.url_of("/hook"), "flowControl": limits})
    await sink.wait_one("/hook")
    before = await get(sdk, key)
    assert (before["rateCount"], before["waitListSize"]) == (1, 1)
    await sdk.call("flowControl.resetRate", key)
    await sink.wait_for(2, "/hook")
    await sdk.call("flowControl.resetRate", key)
    after = await get(sdk, key)
    assert after["rateCount"] == 0
    assert after["ratePeriodStart"] >= before["ratePeriodStart"]


@pytest.mark.conformance("F-10", "F-11")
async def test_keys_that_nobody_named(sdk: JavaScriptSdk, key: str) -> None:
    missing = (404, f"flow control key {key} not found")
    assert await refusal(get(sdk, key)) == missing
    await sdk.call("flowControl.resume", key)
    await sdk.call("flowControl.unpin", key, {"rate": True})
    await sdk.call("flowControl.resetRate", key)
    assert await refusal(get(sdk, key)) == missing
    assert (await get(sdk, "$"))["flowControlKey"] == "$"
    assert await refusal(sdk.call("flowControl.pause", "$")) == (
        400,
        "flow control key $ is reserved",
    )


@pytest.mark.conformance("R-8")
async def test_filters(sdk: JavaScriptSdk, sink: Sink, key: str) -> None:
    ids = []
    for name in ("a", "b", "c"):
        request = {
            "url": sink.url_of("/hook"),
            "delay": LATE,
            "flowControl": {"key": f"{key}-{name}", "rate": 1},
        }
        ids.append((await sdk.call("publish", request))["messageId"])
    filter = {"flowControlKey": [f"{key}-a", f"{key}-b"]}
    assert await sdk.call("messages.cancel", {"filter": filter}) == {"cancelled": 2}
    assert (await sdk.call("messages.get", ids[2]))["flowControlKey"] == f"{key}-c"
    logged = await sdk.call("logs", {"filter": {"flowControlKey": f"{key}-c"}})
    assert [entry["messageId"] for entry in logged["logs"]] == [ids[2]]
