"""Messages of the JavaScript SDK: every form of cancel."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.javascript import JavaScriptError, JavaScriptSdk, date
from tests.support.sinks import Sink

LATE = "1d"


async def publish_late(sdk: JavaScriptSdk, sink: Sink, path: str = "/hook", **options: Any) -> str:
    request = {"url": sink.url_of(path), "delay": LATE, **options}
    message_id: str = (await sdk.call("publish", request))["messageId"]
    return message_id


@pytest.mark.conformance("R-4", "A-4")
async def test_cancel_one(sdk: JavaScriptSdk, sink: Sink) -> None:
    message_id = await publish_late(sdk, sink)
    assert await sdk.call("messages.cancel", message_id) == {"cancelled": 1}
    for method in ("messages.cancel", "messages.get", "messages.delete"):
        with pytest.raises(JavaScriptError) as caught:
            await sdk.call(method, message_id)
        assert (caught.value.name, caught.value.status) == ("QstashError", 404)
        assert caught.value.message == f'{{"error":"message {message_id} not found"}}'


@pytest.mark.conformance("R-5", "A-3")
async def test_cancel_by_ids_then_all(sdk: JavaScriptSdk, sink: Sink) -> None:
    ids = [await publish_late(sdk, sink) for _ in range(4)]
    assert await sdk.call("messages.cancel", ids[:2]) == {"cancelled": 2}
    assert await sdk.call("messages.cancel", {"messageIds": [ids[2], ids[0]]}) == {"cancelled": 1}
    assert await sdk.call("messages.cancel", {"all": True}) == {"cancelled": 1}
    assert await sdk.call("messages.cancel", {"all": True}) == {"cancelled": 0}
    assert await sdk.call("messages.cancel", []) == {"cancelled": 0}


async def test_the_older_names(sdk: JavaScriptSdk, sink: Sink) -> None:
    ids = [await publish_late(sdk, sink) for _ in range(4)]
    await sdk.call("messages.delete", ids[0])
    assert await sdk.call("messages.deleteMany", ids[:2]) == 1
    assert await sdk.call("messages.deleteAll") == 2


@pytest.mark.conformance("A-12", "R-9")
async def test_one_call_cancels_all_but_a_count_is_kept(sdk: JavaScriptSdk, sink: Sink) -> None:
    oldest = await publish_late(sdk, sink)
    items = [{"url": sink.url_of("/hook"), "delay": LATE}] * 150
    await sdk.call("batch", items)
    assert await sdk.call("messages.cancel", {"all": True, "count": 1}) == {"cancelled": 1}
    with pytest.raises(JavaScriptError, match="not found"):
        await sdk.call("messages.get", oldest)
    assert await sdk.call("messages.cancel", {"all": True}) == {"cancelled": 150}


@pytest.mark.conformance("R-14", "R-15")
async def test_each_filter_selects(sdk: JavaScriptSdk, sink: Sink) -> None:
    port = urlsplit(sink.url).port
    wanted, other = "/a?x=1,2", "/b"
    filters: list[dict[str, Any]] = [
        {"url": sink.url_of(wanted)},
        {"url": [sink.url_of(wanted), "https://example.com/"]},
        {"path": "/a"},
        {"path": ["/a", "/c"]},
        {"label": "first"},
        {"label": ["second", "none"]},
        {"host": f"127.0.0.1:{port}", "path": "/a"},
        {"callerIp": "127.0.0.1", "label": "second"},
        {"fromDate": date(946_684_800_000), "toDate": date(4_070_908_800_000), "path": "/a"},
    ]
    for filter in filters:
        message_id = await publish_late(sdk, sink, wanted, label=["first", "second"])
        await publish_late(sdk, sink, other, label="third")
        assert await sdk.call("messages.cancel", {"filter": filter}) == {"cancelled": 1}, filter
        with pytest.raises(JavaScriptError, match="not found"):
            await sdk.call("messages.get", message_id)
    assert await sdk.call("messages.cancel", {"filter": {"host": "127.0.0.1"}}) == {
        "cancelled": len(filters)
    }


@pytest.mark.parametrize(
    "filter",
    [
        {"flowControlKey": ["none", "nothing"]},
        {"urlGroup": "none"},
        {"queueName": "none"},
        {"scheduleId": "none"},
        {"host": "example.com"},
        {"callerIp": "203.0.113.1"},
        {"toDate": date(946_684_800_000)},
        {"fromDate": date(4_070_908_800_000)},
    ],
)
async def test_a_filter_that_matches_nothing(
    sdk: JavaScriptSdk, sink: Sink, filter: dict[str, Any]
) -> None:
    kept = await publish_late(sdk, sink)
    assert await sdk.call("messages.cancel", {"filter": filter}) == {"cancelled": 0}
    assert (await sdk.call("messages.get", kept))["messageId"] == kept


@pytest.mark.conformance("R-10")
async def test_an_unknown_filter_changes_nothing(sdk: JavaScriptSdk, sink: Sink) -> None:
    kept = await publish_late(sdk, sink)
    with pytest.raises(JavaScriptError) as caught:
        await sdk.call("messages.cancel", {"filter": {"foo": "1"}})
    assert caught.value.status == 400
    assert caught.value.message == '{"error":"unknown filter: foo"}'
    assert (await sdk.call("messages.get", kept))["messageId"] == kept
