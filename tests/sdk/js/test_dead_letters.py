"""Dead letters of the JavaScript SDK: every form of list, delete and retry."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.javascript import JavaScriptError, JavaScriptSdk, date
from tests.support.rest import RestApi
from tests.support.sinks import Answer, Sink

Fail = Callable[..., Awaitable[str]]


@pytest.fixture
def fail(sink: Sink, rest: RestApi) -> Fail:
    """Make a dead letter; answers its id."""

    async def fail(path: str = "/hook", *, status: int = 500, label: str = "") -> str:
        dead_letter = await rest.fail(
            sink.script(path, Answer(status, b"boom")), {"Upstash-Label": label}
        )
        dlq_id: str = dead_letter["dlqId"]
        return dlq_id

    return fail


async def listed(sdk: JavaScriptSdk, *options: dict[str, Any]) -> list[str]:
    answer = await sdk.call("dlq.listMessages", *options)
    return [message["dlqId"] for message in answer["messages"]]


@pytest.mark.conformance("R-20", "R-16", "A-10")
async def test_list(sdk: JavaScriptSdk, sink: Sink, fail: Fail) -> None:
    first, second, third = [await fail() for _ in range(3)]
    assert await listed(sdk) == [third, second, first]
    assert sorted(await listed(sdk, {"dlqIds": [first, third, "1-1"]})) == [first, third]
    page = await sdk.call("dlq.listMessages", {"count": 2})
    assert [message["dlqId"] for message in page["messages"]] == [third, second]
    rest = await sdk.call("dlq.listMessages", {"count": 2, "cursor": page["cursor"]})
    assert "cursor" not in rest
    (entry,) = rest["messages"]
    assert (entry["dlqId"], entry["responseStatus"], entry["responseBody"]) == (first, 500, "boom")
    assert entry["responseHeader"] == {"Content-Length": ["4"]}


MATCHING: list[dict[str, Any]] = [
    {"label": "first"},
    {"label": ["second", "none"]},
    {"responseStatus": 503},
    {"callerIp": "127.0.0.1", "label": "first"},
    {"fromDate": date(946_684_800_000), "toDate": date(4_070_908_800_000), "responseStatus": 503},
]
FOREIGN: list[dict[str, Any]] = [
    {"messageId": "msg_none"},
    {"url": "https://example.com/"},
    {"label": "none"},
    {"responseStatus": 999},
    {"callerIp": "203.0.113.1"},
    {"toDate": date(946_684_800_000)},
    {"fromDate": date(4_070_908_800_000)},
    {"urlGroup": "none"},
    {"queueName": "none"},
    {"scheduleId": "none"},
    {"flowControlKey": "none"},
    {"host": "example.com"},
    {"path": "/none"},
]


@pytest.mark.conformance("R-21")
async def test_each_filter_lists_retries_and_deletes(
    sdk: JavaScriptSdk, sink: Sink, fail: Fail
) -> None:
    other = await fail("/other")
    url = {"url": sink.url_of("/hook")}
    host = {"host": urlsplit(sink.url).netloc, "path": "/hook"}
    for filter in [url, host, *MATCHING]:
        wanted = await fail(status=503, label="first,second")
        assert await listed(sdk, {"filter": filter}) == [wanted], filter
        retried = await sdk.call("dlq.retry", {"filter": filter})
        assert len(retried["responses"]) == 1, filter
        assert wanted not in await listed(sdk)
        await sdk.call("messages.cancel", {"all": True})
        await _settle_all(sdk, sink)

        wanted = await fail(status=503, label="first,second")
        await sdk.call("dlq.delete", {"filter": filter})
        assert wanted not in await listed(sdk)
    assert other in await listed(sdk)


@pytest.mark.conformance("R-21", "R-26")
@pytest.mark.parametrize("filter", FOREIGN)
async def test_a_filter_that_matches_nothing(
    sdk: JavaScriptSdk, fail: Fail, filter: dict[str, Any]
) -> None:
    kept = await fail()
    assert await listed(sdk, {"filter": filter}) == []
    assert await sdk.call("dlq.delete", {"filter": filter}) == {"deleted": 0}
    assert await sdk.call("dlq.retry", {"filter": filter}) == {"responses": []}
    assert await listed(sdk) == [kept]


@pytest.mark.conformance("R-10")
async def test_an_unknown_filter_changes_nothing(sdk: JavaScriptSdk, fail: Fail) -> None:
    kept = await fail()
    for method in ("dlq.delete", "dlq.retry"):
        with pytest.raises(JavaScriptError) as caught:
            await sdk.call(method, {"filter": {"labeel": "x"}})
        assert (caught.value.status, caught.value.message) == (
            400,
            '{"error":"unknown filter: labeel"}',
        )
    assert await listed(sdk) == [kept]


@pytest.mark.conformance("R-22")
async def test_delete_one(sdk: JavaScriptSdk, fail: Fail) -> None:
    dlq_id = await fail()
    assert await sdk.call("dlq.delete", dlq_id) == {"deleted": 1}
    with pytest.raises(JavaScriptError) as caught:
        await sdk.call("dlq.delete", dlq_id)
    assert (caught.value.name, caught.value.status) == ("QstashError", 404)
    assert caught.value.message == f'{{"error":"dlq message {dlq_id} not found"}}'


@pytest.mark.conformance("R-22", "A-3")
async def test_delete_by_ids(sdk: JavaScriptSdk, fail: Fail) -> None:
    ids = [await fail() for _ in range(4)]
    assert await sdk.call("dlq.delete", ids[:2]) == {"deleted": 2}
    assert await sdk.call("dlq.delete", {"dlqIds": ids[1]}) == {"deleted": 0}
    assert await sdk.call("dlq.deleteMany", {"dlqIds": ids[1:3]}) == {"deleted": 1}
    assert await listed(sdk) == [ids[3]]
    assert await sdk.call("dlq.delete", []) == {"deleted": 0}


@pytest.mark.conformance("R-23", "A-10")
async def test_delete_all_in_portions(sdk: JavaScriptSdk, fail: Fail) -> None:
    ids = [await fail() for _ in range(3)]
    first = await sdk.call("dlq.delete", {"all": True, "count": 1})
    assert first["deleted"] == 1
    assert await listed(sdk) == [ids[2], ids[1]]
    options = {"all": True, "count": 1, "cursor": first["cursor"]}
    assert (await sdk.call("dlq.delete", options))["deleted"] == 1
    assert await sdk.call("dlq.delete", {"all": True}) == {"deleted": 1}
    assert await sdk.call("dlq.delete", {"all": True}) == {"deleted": 0}


@pytest.mark.conformance("R-24")
async def test_retry_one(sdk: JavaScriptSdk, sink: Sink, rest: RestApi) -> None:
    request = {
        "url": sink.script("/hook", Answer(500), Answer(200)),
        "body": "secret",
        "headers": {"x-tenant": "t-17"},
        "method": "PUT",
        "retries": 0,
        "redact": {"body": True},
        "failureCallback": sink.url_of("/failure"),
    }
    failed_id = (await sdk.call("publish", request))["messageId"]
    await sink.wait_one("/failure")
    (dlq_id,) = await listed(sdk)
    (retried,) = (await sdk.call("dlq.retry", dlq_id))["responses"]
    assert retried["messageId"] != failed_id
    before, after = await sink.wait_for(2, "/hook")
    assert after.header("Upstash-Message-Id") == retried["messageId"]
    assert after.header("Upstash-Retried") == "0"
    assert (after.method, after.body) == (before.method, before.body) == ("PUT", b"secret")
    assert after.header("X-Tenant") == "t-17"
    for method in ("dlq.retry", "dlq.delete"):
        with pytest.raises(JavaScriptError) as caught:
            await sdk.call(method, dlq_id)
        assert caught.value.status == 404
    await rest.wait_state(retried["messageId"], "DELIVERED")


@pytest.mark.conformance("R-26")
async def test_retry_by_ids(sdk: JavaScriptSdk, sink: Sink, fail: Fail) -> None:
    ids = [await fail() for _ in range(3)]
    sink.script("/hook", Answer(200))
    with pytest.raises(JavaScriptError, match="dlq message 1-1 not found"):
        await sdk.call("dlq.retry", [ids[0], "1-1", ids[1]])
    assert await listed(sdk) == ids[::-1]
    retried = await sdk.call("dlq.retry", [ids[2], ids[0]])
    deliveries = await sink.wait_for(5, "/hook")
    assert {each.header("Upstash-Message-Id") for each in deliveries[3:]} == {
        each["messageId"] for each in retried["responses"]
    }
    assert "cursor" not in retried
    assert len((await sdk.call("dlq.retry", {"dlqIds": ids[1]}))["responses"]) == 1
    assert await sdk.call("dlq.retry", []) == {"responses": []}
    assert await listed(sdk) == []


async def test_retry_all_in_portions(sdk: JavaScriptSdk, sink: Sink, fail: Fail) -> None:
    ids = [await fail() for _ in range(3)]
    sink.script("/hook", Answer(200))
    first = await sdk.call("dlq.retry", {"all": True, "count": 2})
    assert len(first["responses"]) == 2
    assert await listed(sdk) == [ids[2]]
    last = await sdk.call("dlq.retry", {"all": True, "count": 2, "cursor": first["cursor"]})
    assert len(last["responses"]) == 1
    assert "cursor" not in last
    await sink.wait_for(6, "/hook")


@pytest.mark.conformance("R-25")
async def test_simultaneous_retries(
    sdk: JavaScriptSdk, sink: Sink, fail: Fail, rest: RestApi
) -> None:
    dlq_id = await fail()
    sink.script("/hook", Answer(200))
    route = f"/v2/dlq/retry/{dlq_id}"
    answers = await asyncio.gather(*(rest.http.post(route) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [404] * 7
    await sink.wait_for(2, "/hook")


async def _settle_all(sdk: JavaScriptSdk, sink: Sink) -> None:
    """Forget what retries of a test left behind, whether they have ended or not."""
    await sdk.call("dlq.delete", {"filter": {"url": sink.url_of("/hook")}})
