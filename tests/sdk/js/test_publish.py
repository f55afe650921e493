"""Publish with the options of the JavaScript SDK: what is delivered, and what is kept."""

import json
from typing import Any

import pytest

from tests.support.javascript import UNDEFINED, Driver, JavaScriptSdk
from tests.support.servers import Account
from tests.support.sinks import Answer, Sink

DAY_MS = 86_400_000
LATE = "1d"


@pytest.mark.conformance("D-1", "D-11", "K-18", "P-8")
async def test_a_text_arrives_as_published(sdk: JavaScriptSdk, sink: Sink) -> None:
    url = sink.url_of("/hook?src=a%2Fb")
    published = await sdk.call("publish", {"url": url, "body": "grüße 😀"})
    assert published["url"] == url
    received = await sink.wait_one("/hook")
    assert (received.method, received.target) == ("POST", "/hook?src=a%2Fb")
    assert received.body == "grüße 😀".encode()
    assert received.values("Content-Type") == ["text/plain;charset=UTF-8"]
    assert received.header("User-Agent") == "Upstash-QStash"
    assert received.header("Upstash-Message-Id") == published["messageId"]
    assert received.values("Upstash-Region") == []
    message = await sdk.call("messages.get", published["messageId"])
    assert message["header"] == {"Content-Type": ["text/plain;charset=UTF-8"]}
    assert "urlGroup" not in message


@pytest.mark.conformance("R-3", "P-9")
async def test_bytes_that_are_no_text(sdk: JavaScriptSdk, sink: Sink) -> None:
    published = await sdk.call("publish", {"url": sink.url_of("/hook"), "body": {"$bytes": "AP/+"}})
    received = await sink.wait_one("/hook")
    assert received.body == b"\x00\xff\xfe"
    assert received.values("Content-Type") == []
    message = await sdk.call("messages.get", published["messageId"])
    assert message["bodyBase64"] == "AP/+"
    assert "body" not in message


@pytest.mark.conformance("P-9", "K-24")
@pytest.mark.parametrize(
    ("body", "content_type", "delivered"),
    [
        (
            {"$form": ["name", "ü &"]},
            "application/x-www-form-urlencoded;charset=UTF-8",
            "name=%C3%BC+%26",
        ),
        ({"$multipart": ["name", "ü"]}, "multipart/form-data; boundary=", '"name"\r\n\r\nü\r\n'),
    ],
    ids=["form", "multipart"],
)
async def test_forms(
    sdk: JavaScriptSdk, sink: Sink, body: dict[str, Any], content_type: str, delivered: str
) -> None:
    published = await sdk.call("publish", {"url": sink.url_of("/hook"), "body": body})
    received = await sink.wait_one("/hook")
    assert (received.header("Content-Type") or "").startswith(content_type)
    assert delivered in received.body.decode()
    message = await sdk.call("messages.get", published["messageId"])
    assert message["body"] == received.body.decode()
    assert message["header"] == {"Content-Type": received.values("Content-Type")}


@pytest.mark.conformance("D-5")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_each_method_delivers_the_body(sdk: JavaScriptSdk, sink: Sink, method: str) -> None:
    await sdk.call("publish", {"url": sink.url_of("/hook"), "body": "x", "method": method})
    received = await sink.wait_one("/hook")
    assert (received.method, received.body) == (method, b"x")


@pytest.mark.conformance("P-8")
async def test_headers_are_shown_without_their_prefix(
    driver: Driver, account: Account, sink: Sink
) -> None:
    options = {"baseUrl": account.url, "token": account.token, "headers": {"x-Global": "g"}}
    sdk = JavaScriptSdk(driver, options)
    request = {
        "url": sink.url_of("/hook"),
        "body": {"n": 1},
        "headers": {
            "test-header": "test-value",
            "Upstash-Forward-X-Own": "mine",
            "undefined-header": UNDEFINED,
        },
    }
    published = await sdk.call("publishJSON", request)
    message = await sdk.call("messages.get", published["messageId"])
    assert message["header"] == {
        "Content-Type": ["application/json"],
        "Test-Header": ["test-value"],
        "Undefined-Header": ["undefined"],
        "X-Global": ["g"],
        "X-Own": ["mine"],
    }
    received = await sink.wait_one("/hook")
    assert {name: received.values(name) for name in message["header"]} == message["header"]
    assert [name for name, _ in received.headers if "telemetry" in name.lower()] == []


async def test_a_repeated_header(sdk: JavaScriptSdk, sink: Sink) -> None:
    """The SDK joins the values itself, so one line arrives."""
    headers = [["X-Many", "1"], ["X-Many", "2"]]
    await sdk.call("publish", {"url": sink.url_of("/hook"), "headers": headers})
    assert (await sink.wait_one("/hook")).values("X-Many") == ["1, 2"]


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ({"body": {"hello": "wörld"}}, '{"hello":"wörld"}'),
        ({"body": None}, "null"),
        ({}, ""),
        ({"body": "s", "headers": {"Content-Type": "text/xml"}}, '"s"'),
    ],
)
async def test_json_is_marked_as_json(
    sdk: JavaScriptSdk, sink: Sink, options: dict[str, Any], body: str
) -> None:
    await sdk.call("publishJSON", {"url": sink.url_of("/hook"), **options})
    received = await sink.wait_one("/hook")
    assert received.values("Content-Type") == ["application/json"]
    assert received.body.decode() == body


@pytest.mark.conformance("P-7", "P-23")
async def test_every_option_is_kept_with_the_message(sdk: JavaScriptSdk, sink: Sink) -> None:
    request = {
        "url": sink.url_of("/hook"),
        "body": {"n": 1},
        "method": "PUT",
        "headers": {"Upstash-Callback-Retries": "1", "Upstash-Callback-Forward-X-Trace": "9f2"},
        "delay": "1d1h30m",
        "retries": 7,
        "retryDelay": "1000 * (1 + retried)",
        "timeout": 1.5,
        "callback": sink.url_of("/callback"),
        "failureCallback": sink.url_of("/failure"),
        "label": ["shop", "nightly", "shop"],
    }
    published = await sdk.call("publishJSON", request)
    message = await sdk.call("messages.get", published["messageId"])
    due_ms = message.pop("notBefore") - message.pop("createdAt")
    assert due_ms == DAY_MS + 5_400_000
    assert message == {
        "messageId": published["messageId"],
        "url": sink.url_of("/hook"),
        "method": "PUT",
        "header": {"Content-Type": ["application/json"]},
        "body": '{"n":1}',
        "maxRetries": 7,
        "retryDelayExpression": "1000 * (1 + retried)",
        "callback": sink.url_of("/callback"),
        "callbackHeader": {"X-Trace": ["9f2"]},
        "failureCallback": sink.url_of("/failure"),
        "label": "shop",
        "labels": ["shop", "nightly"],
        "callerIP": "127.0.0.1",
        "callerIp": "127.0.0.1",
    }
    (entry,) = (await sdk.call("logs", {"messageIds": [published["messageId"]]}))["logs"]
    assert entry["timeout"] == 1500


@pytest.mark.conformance("P-16", "P-18")
@pytest.mark.parametrize(
    ("delay", "ms"), [(10, 10_000), (1.6, 2_000), ("10d", 10 * DAY_MS), ("1d10h30m", 124_200_000)]
)
async def test_delays(sdk: JavaScriptSdk, sink: Sink, delay: float | str, ms: int) -> None:
    published = await sdk.call("publish", {"url": sink.url_of("/hook"), "delay": delay})
    message = await sdk.call("messages.get", published["messageId"])
    assert message["notBefore"] - message["createdAt"] == ms


@pytest.mark.conformance("P-17")
async def test_an_instant_wins_over_a_delay(sdk: JavaScriptSdk, sink: Sink) -> None:
    late = await sdk.call("publish", {"url": sink.url_of("/hook"), "delay": LATE})
    tomorrow = (await sdk.call("messages.get", late["messageId"]))["notBefore"] // 1000
    request = {"url": sink.url_of("/hook"), "delay": "10d", "notBefore": tomorrow + 0.4}
    published = await sdk.call("publish", request)
    message = await sdk.call("messages.get", published["messageId"])
    assert message["notBefore"] == tomorrow * 1000


@pytest.mark.conformance("P-11", "P-10")
async def test_duplicates(sdk: JavaScriptSdk, sink: Sink, label: str) -> None:
    for options in ({"deduplicationId": label}, {"contentBasedDeduplication": True, "body": label}):
        request = {"url": sink.url_of("/hook"), "delay": LATE, **options}
        first = await sdk.call("publish", request)
        second = await sdk.call("publish", request)
        assert second == first | {"deduplicated": True}
    request = {"url": sink.url_of("/hook"), "delay": LATE, "contentBasedDeduplication": False}
    assert "deduplicated" not in await sdk.call("publish", request)
    assert "deduplicated" not in await sdk.call("publish", request)


@pytest.mark.conformance("D-20", "D-21", "P-25")
async def test_each_attempt_is_reported(sdk: JavaScriptSdk, sink: Sink) -> None:
    request = {
        "url": sink.script("/hook", Answer(500, b"boom"), Answer(200)),
        "body": "x",
        "retries": 1,
        "retryDelay": "1",
        "callback": sink.url_of("/callback"),
        "headers": {"Upstash-Callback-Method": "PUT", "Upstash-Callback-X-Trace": "1"},
    }
    published = await sdk.call("publish", request)
    attempts = await sink.wait_for(2, "/hook")
    assert [attempt.header("Upstash-Retried") for attempt in attempts] == ["0", "1"]
    callbacks = await sink.wait_for(2, "/callback")
    assert {(each.method, each.header("X-Trace")) for each in callbacks} == {("PUT", "1")}
    reports = [json.loads(each.body) for each in callbacks]
    assert sorted((each["retried"], each["status"]) for each in reports) == [(0, 500), (1, 200)]
    assert {each["sourceMessageId"] for each in reports} == {published["messageId"]}


@pytest.mark.conformance("D-22", "D-19")
async def test_a_failure_that_is_final(sdk: JavaScriptSdk, sink: Sink) -> None:
    final = Answer(489, b"never", (("Upstash-NonRetryable-Error", "true"),))
    request = {
        "url": sink.script("/hook", final),
        "retries": 5,
        "failureCallback": sink.url_of("/failure"),
    }
    published = await sdk.call("publish", request)
    report = json.loads((await sink.wait_one("/failure")).body)
    (listed,) = (await sdk.call("dlq.listMessages"))["messages"]
    assert (listed["dlqId"], listed["messageId"]) == (report["dlqId"], published["messageId"])
    assert (listed["responseStatus"], listed["responseBody"]) == (489, "never")
    assert len(sink.at("/hook")) == 1


@pytest.mark.conformance("P-24", "R-29")
async def test_redaction(sdk: JavaScriptSdk, sink: Sink) -> None:
    request = {
        "url": sink.url_of("/hook"),
        "body": "secret body",
        "headers": {"x-secret": "s3cret", "x-other": "other"},
        "redact": {"body": True, "header": ["X-Secret"]},
    }
    published = await sdk.call("publish", request)
    received = await sink.wait_one("/hook")
    assert (received.body, received.header("X-Secret")) == (b"secret body", "s3cret")
    message = await sdk.call("messages.get", published["messageId"])
    assert message["body"].startswith("REDACTED:")
    assert message["header"]["X-Secret"][0].startswith("REDACTED:")
    assert message["header"]["X-Other"] == ["other"]


@pytest.mark.conformance("A-6", "P-31")
async def test_batches(sdk: JavaScriptSdk, sink: Sink) -> None:
    published = await sdk.call(
        "batch",
        [
            {"url": sink.url_of("/a"), "body": "ä", "headers": {"x-item": "grüße"}, "retries": 0},
            {"url": sink.url_of("/b?k=v"), "method": "PUT", "body": {"n": 1}},
            {"url": sink.url_of("/c"), "delay": LATE, "label": ["late", "c"], "timeout": "2m"},
        ],
    )
    assert [item["url"] for item in published] == [
        sink.url_of("/a"), sink.url_of("/b?k=v"), sink.url_of("/c"),
    ]  # fmt: skip
    a, b = await sink.wait_one("/a"), await sink.wait_one("/b")
    assert a.body == "ä".encode()
    assert (a.header("X-Item") or "").encode("latin-1").decode() == "grüße"
    assert (b.method, b.target, b.body) == ("PUT", "/b?k=v", b'{"n":1}')
    assert a.header("Upstash-Message-Id") == published[0]["messageId"]
    late = await sdk.call("messages.get", published[2]["messageId"])
    assert late["labels"] == ["late", "c"]


async def test_an_item_means_what_a_publish_means(sdk: JavaScriptSdk, sink: Sink) -> None:
    request = {
        "url": sink.url_of("/hook"),
        "body": "x",
        "method": "PATCH",
        "headers": {"x-tenant": "t-17", "Upstash-Callback-Forward-X-Trace": "9f2"},
        "delay": "1d1h",
        "retries": 7,
        "retryDelay": "1000 * retried",
        "timeout": 1.5,
        "callback": sink.url_of("/callback"),
        "failureCallback": sink.url_of("/failure"),
        "label": ["shop", "nightly"],
        "redact": {"header": ["x-tenant"]},
    }
    alone_id = (await sdk.call("publish", request))["messageId"]
    (item,) = await sdk.call("batch", [request])
    alone, inside = [
        await sdk.call("messages.get", message_id) for message_id in (alone_id, item["messageId"])
    ]
    assert alone["header"].pop("Content-Type") == ["text/plain;charset=UTF-8"]  # by `fetch`
    for message in (alone, inside):
        del message["messageId"]
        message["delay"] = message.pop("notBefore") - message.pop("createdAt")
    assert inside == alone


@pytest.mark.conformance("A-6")
async def test_json_batches(sdk: JavaScriptSdk, sink: Sink) -> None:
    items = [{"url": sink.url_of("/a"), "body": {"n": "ä"}}, {"url": sink.url_of("/b")}]
    await sdk.call("batchJSON", items)
    a, b = await sink.wait_one("/a"), await sink.wait_one("/b")
    assert (a.body, b.body) == ('{"n":"ä"}'.encode(), b"")
    assert {*a.values("Content-Type"), *b.values("Content-Type")} == {"application/json"}
    assert await sdk.call("batch", []) == []
