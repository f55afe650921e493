"""URL groups with the JavaScript SDK: kept as given, and published to."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.javascript import JavaScriptError, JavaScriptSdk
from tests.support.rest import RestApi
from tests.support.sinks import Sink

LATE = "1d"
NAMED = {"name": "First endpoint", "url": "https://a.example/"}
PLAIN = {"url": "https://b.example/"}


@pytest.fixture
async def group(sdk: JavaScriptSdk) -> AsyncIterator[str]:
    """The name of a group that is not there, before the test and after it."""
    await sdk.call("urlGroups.delete", "orders.new")
    yield "orders.new"
    await sdk.call("urlGroups.delete", "orders.new")


async def add(sdk: JavaScriptSdk, name: str, *endpoints: dict[str, Any]) -> None:
    request = {"name": name, "endpoints": endpoints}
    assert await sdk.call("urlGroups.addEndpoints", request) is None


@pytest.mark.conformance("Q-15")
@pytest.mark.parametrize("noun", ["urlGroups", "topics"])
async def test_a_group_from_its_making_to_its_end(
    sdk: JavaScriptSdk, group: str, noun: str
) -> None:
    request = {"name": group, "endpoints": [NAMED, PLAIN]}
    assert await sdk.call(f"{noun}.addEndpoints", request) is None
    found = await sdk.call(f"{noun}.get", group)
    assert found == {
        "name": group,
        "createdAt": found["createdAt"],
        "updatedAt": found["createdAt"],
        "endpoints": [NAMED, PLAIN],
    }
    assert await sdk.call(f"{noun}.list") == [found]
    for gone, left in (({"name": NAMED["name"]}, [PLAIN]), (PLAIN, [])):
        request = {"name": group, "endpoints": [gone]}
        assert await sdk.call(f"{noun}.removeEndpoints", request) is None
        groups = await sdk.call(f"{noun}.list")
        assert [each["endpoints"] for each in groups] == ([left] if left else [])
    assert await sdk.call(f"{noun}.delete", group) is None
    with pytest.raises(JavaScriptError) as refused:
        await sdk.call(f"{noun}.get", group)
    assert (refused.value.status, refused.value.message) == (
        404,
        f'{{"error":"topic {group} not found"}}',
    )


@pytest.mark.conformance("Q-16", "Q-17")
async def test_a_known_name_moves_and_a_known_url_is_one(sdk: JavaScriptSdk, group: str) -> None:
    request = {"name": group, "endpoints": [PLAIN]}
    assert await sdk.call("urlGroups.removeEndpoints", request) is None
    await add(sdk, group, NAMED, PLAIN, PLAIN)
    moved = NAMED | {"url": "https://moved.example/"}
    await add(sdk, group, moved)
    assert (await sdk.call("urlGroups.get", group))["endpoints"] == [moved, PLAIN]


@pytest.mark.conformance("P-6", "D-6")
@pytest.mark.parametrize("field", ["urlGroup", "topic"])
async def test_each_endpoint_gets_a_message(
    sdk: JavaScriptSdk, rest: RestApi, sink: Sink, group: str, field: str
) -> None:
    urls = [sink.url_of("/one"), sink.url_of("/two")]
    await add(sdk, group, NAMED | {"url": urls[0]}, {"url": urls[1]})
    published = await sdk.call("publishJSON", {field: group, "body": {"n": 1}})
    assert [one["url"] for one in published] == urls
    assert [set(one) for one in published] == [{"messageId", "url"}] * 2
    for path, one in zip(("/one", "/two"), published, strict=True):
        received = await sink.wait_one(path)
        assert received.header("Upstash-Message-Id") == one["messageId"]
        assert received.header("Upstash-Topic-Name") == group
    first, second = [await sdk.call("messages.get", one["messageId"]) for one in published]
    assert (first["urlGroup"], first["topicName"]) == (group, group)
    assert first["endpointName"] == NAMED["name"]
    assert "endpointName" not in second
    logs = await sdk.call("logs", {"filter": {"urlGroup": group, "state": "CREATED"}})
    assert {published[0]["messageId"], published[1]["messageId"]} <= {
        entry["messageId"] for entry in logs["logs"]
    }


@pytest.mark.conformance("P-29")
async def test_a_batch_nests_groups(sdk: JavaScriptSdk, group: str) -> None:
    await add(sdk, group, NAMED, PLAIN)
    items = [
        {"url": "https://c.example/", "delay": LATE},
        {"urlGroup": group, "body": {"n": 1}, "delay": LATE},
    ]
    single, nested = await sdk.call("batchJSON", items)
    assert single["url"] == "https://c.example/"
    assert [one["url"] for one in nested] == [NAMED["url"], PLAIN["url"]]


@pytest.mark.conformance("R-8")
async def test_cancelling_the_messages_of_a_group(
    sdk: JavaScriptSdk, rest: RestApi, group: str
) -> None:
    await add(sdk, group, NAMED, PLAIN)
    await sdk.call("publish", {"urlGroup": group, "delay": LATE})
    await sdk.call("publish", {"url": PLAIN["url"], "delay": LATE})
    assert await sdk.call("messages.cancel", {"filter": {"urlGroup": group}}) == {"cancelled": 2}
    assert len((await rest.get("/v2/events", state="CANCELED", topicName=group))["events"]) >= 2


@pytest.mark.conformance("Q-18")
async def test_a_deleted_group_is_not_found(sdk: JavaScriptSdk, group: str) -> None:
    await add(sdk, group, NAMED)
    (published,) = await sdk.call("publish", {"urlGroup": group, "delay": LATE})
    await sdk.call("urlGroups.delete", group)
    message = await sdk.call("messages.get", published["messageId"])
    assert (message["urlGroup"], message["url"]) == (group, NAMED["url"])
    with pytest.raises(JavaScriptError) as refused:
        await sdk.call("publish", {"urlGroup": group})
    assert refused.value.message == f'{{"error":"topic {group} not found"}}'
