"""Logs of the JavaScript SDK: every filter, page by page."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.javascript import JavaScriptSdk, date
from tests.support.rest import RestApi
from tests.support.sinks import Answer, Sink

LATE = "1d"


@pytest.mark.conformance("D-27", "R-11", "R-18")
async def test_the_history_of_a_message(sdk: JavaScriptSdk, sink: Sink, rest: RestApi) -> None:
    request = {
        "url": sink.script("/hook", Answer(500, b"boom"), Answer(200)),
        "body": "x",
        "retries": 1,
        "retryDelay": "1",
        "label": ["shop", "nightly"],
    }
    message_id = (await sdk.call("publish", request))["messageId"]
    await rest.wait_state(message_id, "DELIVERED")
    answer = await sdk.call("logs", {"filter": {"messageId": message_id}})
    assert answer["logs"] == answer["events"]
    assert (await sdk.call("events", {"filter": {"messageId": message_id}}))["events"] == answer[
        "logs"
    ]
    assert [entry["state"] for entry in answer["logs"][::-1]] == [
        "CREATED", "ACTIVE", "ERROR", "RETRY", "ACTIVE", "DELIVERED",
    ]  # fmt: skip
    for entry in answer["logs"]:
        assert (entry["body"], entry["label"], entry["labels"]) == (
            "eA==",
            "shop",
            ["shop", "nightly"],
        )
        assert entry["retryDelayExpr"] == entry["retryDelayExpression"] == "1"
    filter = {"messageId": message_id, "state": "DELIVERED"}
    assert len((await sdk.call("logs", {"filter": filter}))["logs"]) == 1


async def test_every_filter(sdk: JavaScriptSdk, sink: Sink, label: str) -> None:
    request = {"url": sink.url_of("/hook?x=1,2"), "delay": LATE, "label": [label, "second"]}
    message_id = (await sdk.call("publish", request))["messageId"]

    async def selects(**filter: Any) -> bool:
        logs = (await sdk.call("logs", {"filter": {"label": label, **filter}}))["logs"]
        assert {entry["messageId"] for entry in logs} <= {message_id}
        return bool(logs)

    host = urlsplit(sink.url).netloc
    assert await selects(messageId=message_id)
    assert await selects(url=sink.url_of("/hook?x=1,2"))
    assert await selects(url=["https://example.com/", sink.url_of("/hook?x=1,2")])
    assert await selects(host=host)
    assert await selects(path=["/none", "/hook"])
    assert await selects(state="CREATED")
    assert await selects(callerIp="127.0.0.1")
    assert await selects(fromDate=date(0), toDate=date(4_070_908_800_000))
    assert await selects(label=["none", label])
    assert await selects(count=1)
    assert not await selects(messageId="msg_none")
    assert not await selects(url=sink.url_of("/hook"))
    assert not await selects(host="127.0.0.1:1")
    assert not await selects(path="/none")
    assert not await selects(state="DELIVERED")
    assert not await selects(callerIp="203.0.113.1")
    assert not await selects(toDate=date(1))
    assert not await selects(label="none")
    for name in ("urlGroup", "topicName", "queueName", "scheduleId", "flowControlKey"):
        assert not await selects(**{name: "none"})


async def test_several_messages(sdk: JavaScriptSdk, sink: Sink) -> None:
    items = [{"url": sink.url_of("/hook"), "delay": LATE}] * 3
    ids = [item["messageId"] for item in await sdk.call("batch", items)]
    answer = await sdk.call("logs", {"messageIds": ids[1:], "count": 5})
    assert sorted(entry["messageId"] for entry in answer["logs"]) == sorted(ids[1:])


@pytest.mark.conformance("A-10", "R-16", "R-17")
async def test_pages_until_the_cursor_is_missing(
    sdk: JavaScriptSdk, sink: Sink, label: str
) -> None:
    item = {"url": sink.url_of("/hook"), "delay": LATE, "label": label}
    ids = {each["messageId"] for each in await sdk.call("batch", [item] * 5)}
    sizes, seen, page = [], [], {"cursor": 4_070_908_800_000}
    while "cursor" in page:
        options = {"cursor": page["cursor"], "count": 2, "filter": {"label": label}}
        page = await sdk.call("logs", options)
        sizes.append(len(page["logs"]))
        seen += [entry["messageId"] for entry in page["logs"]]
    assert sizes == [2, 2, 1]
    assert (len(seen), set(seen)) == (5, ids)
