"""URL groups with the Python SDK: kept as given, and published to."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest
from qstash.errors import QStashError
from qstash.url_group import Endpoint

from tests.support.clients import PythonSdk
from tests.support.rest import RestApi
from tests.support.sinks import Answer, Sink

LATE = "1d"
QUEUE = "orders"


@pytest.fixture
async def group(sdk: PythonSdk) -> AsyncIterator[str]:
    """The name of a group that is not there, before the test and after it."""
    await sdk.url_group.delete("orders.new")
    yield "orders.new"
    await sdk.url_group.delete("orders.new")
    await sdk.queue.delete(QUEUE)


@pytest.mark.conformance("Q-15")
async def test_a_group_from_its_making_to_its_end(sdk: PythonSdk, group: str) -> None:
    named, plain = {"name": "First endpoint", "url": "https://a.example/"}, {"url": "https://b/"}
    await sdk.url_group.upsert_endpoints(group, [named, plain])
    found = await sdk.url_group.get(group)
    assert (found.name, found.created_at) == (group, found.updated_at)
    assert found.endpoints == [
        Endpoint(url="https://a.example/", name="First endpoint"),
        Endpoint(url="https://b/", name=None),
    ]
    assert await sdk.url_group.list() == [found]
    await sdk.url_group.remove_endpoints(group, [{"name": "First endpoint"}])
    left = await sdk.url_group.get(group)
    assert left.endpoints == [Endpoint(url="https://b/", name=None)]
    assert left.updated_at >= left.created_at
    await sdk.url_group.delete(group)
    assert await sdk.url_group.list() == []


@pytest.mark.conformance("Q-16", "Q-17", "A-9")
async def test_endpoints_are_unique_and_go_one_by_one(sdk: PythonSdk, group: str) -> None:
    await sdk.url_group.remove_endpoints(group, [{"url": "https://a/"}])
    for _ in range(2):
        await sdk.url_group.upsert_endpoints(group, [{"url": "https://a/"}])
    await sdk.url_group.upsert_endpoints(group, [{"url": "https://b/", "name": "b"}])
    await sdk.url_group.upsert_endpoints(group, [{"url": "https://c/", "name": "b"}])
    assert (await sdk.url_group.get(group)).endpoints == [
        Endpoint(url="https://a/", name=None),
        Endpoint(url="https://c/", name="b"),
    ]
    await sdk.url_group.remove_endpoints(group, [{"url": "https://a/"}, {"url": "https://x/"}])
    await sdk.url_group.remove_endpoints(group, [{"name": "b"}])
    with pytest.raises(QStashError) as refused:
        await sdk.url_group.get(group)
    assert str(refused.value) == (
        f'Request failed with status: 404, body: {{"error":"topic {group} not found"}}'
    )


@pytest.mark.conformance("P-6", "D-6")
async def test_each_endpoint_gets_a_message(
    sdk: PythonSdk, rest: RestApi, sink: Sink, group: str
) -> None:
    urls = [sink.url_of("/one"), sink.url_of("/two?k=v")]
    endpoints = [{"url": urls[0], "name": "First endpoint"}, {"url": urls[1]}]
    await sdk.url_group.upsert_endpoints(group, endpoints)
    published = await sdk.message.publish_json(url_group=group, body={"n": 1})
    assert [one.url for one in published] == urls
    assert not any(one.deduplicated for one in published)
    received = [await sink.wait_one("/one"), await sink.wait_one("/two")]
    ids = [one.header("Upstash-Message-Id") for one in received]
    assert ids == [one.message_id for one in published]
    assert {one.header("Upstash-Topic-Name") for one in received} == {group}
    assert {one.body for one in received} == {b'{"n": 1}'}
    first, second = [await sdk.message.get(one.message_id) for one in published]
    assert (first.url_group, first.endpoint) == (group, "First endpoint")
    assert (second.url_group, second.endpoint) == (group, None)
    assert first.created_at == second.created_at
    for one in published:
        assert (await rest.wait_state(one.message_id, "DELIVERED"))["topicName"] == group


@pytest.mark.conformance("P-11")
async def test_a_duplicate_is_a_list_too(sdk: PythonSdk, group: str) -> None:
    await sdk.url_group.upsert_endpoints(group, [{"url": "https://a/"}, {"url": "https://b/"}])
    once = {"url_group": group, "deduplication_id": group, "delay": LATE}
    first = await sdk.message.publish(**once)
    again = await sdk.message.publish(**once)
    assert [one.message_id for one in again] == [one.message_id for one in first]
    assert all(one.deduplicated for one in again)


@pytest.mark.conformance("P-29")
async def test_a_batch_nests_groups(sdk: PythonSdk, sink: Sink, group: str) -> None:
    urls = [sink.url_of("/one"), sink.url_of("/two")]
    await sdk.url_group.upsert_endpoints(group, [{"url": url} for url in urls])
    nested, single, queued = await sdk.message.batch(
        [
            {"url_group": group, "body": "x"},
            {"url": sink.url_of("/three")},
            {"url": sink.url_of("/four"), "queue": QUEUE},
        ]
    )
    assert [one.url for one in nested] == urls
    made = [*nested, single, queued]
    for path, one in zip(("/one", "/two", "/three", "/four"), made, strict=True):
        received = await sink.wait_one(path)
        assert received.header("Upstash-Message-Id") == one.message_id


@pytest.mark.conformance("P-28")
async def test_a_queue_takes_one_endpoint_after_the_other(
    sdk: PythonSdk, rest: RestApi, sink: Sink, group: str
) -> None:
    release = asyncio.Event()
    first = sink.script("/one", Answer(after=release))
    await sdk.url_group.upsert_endpoints(group, [{"url": first}, {"url": sink.url_of("/two")}])
    published = await sdk.message.enqueue(queue=QUEUE, url_group=group, body="x")
    queue = await sdk.queue.get(QUEUE)
    assert (queue.parallelism, queue.lag) == (1, 2)
    await sink.wait_one("/one")
    states = [entry["state"] for entry in await rest.history(published[1].message_id)]
    assert states == ["CREATED"]
    release.set()
    received = await sink.wait_one("/two")
    assert received.header("Upstash-Message-Id") == published[1].message_id
    message = await sdk.message.get(published[1].message_id)
    assert (message.url_group, message.queue) == (group, QUEUE)


@pytest.mark.conformance("Q-18")
async def test_messages_outlive_their_group(
    sdk: PythonSdk, rest: RestApi, sink: Sink, group: str
) -> None:
    """Those that wait for their time, and those that wait to be tried again."""
    again = sink.script("/again", Answer(500), Answer(200))
    await sdk.url_group.upsert_endpoints(group, [{"url": again}, {"url": sink.url_of("/late")}])
    published = await sdk.message.publish(url_group=group, delay="1s", retries=1, retry_delay="100")
    await sdk.url_group.delete(group)
    with pytest.raises(QStashError, match=f"topic {group} not found"):
        await sdk.message.publish(url_group=group)
    for one in published:
        entry = await rest.wait_state(one.message_id, "DELIVERED")
        assert entry["topicName"] == group
    assert len(await sink.wait_for(2, "/again")) == 2
    assert (await sink.wait_one("/late")).header("Upstash-Topic-Name") == group


@pytest.mark.conformance("Q-19")
async def test_default_headers_stand_behind_those_of_the_publisher(
    sdk: PythonSdk, rest: RestApi, sink: Sink, group: str
) -> None:
    """The SDK has no call for them."""
    await sdk.url_group.upsert_endpoints(group, [{"url": sink.url_of("/hook")}])
    stored = {"Upstash-Forward-X-Both": ["group"], "Upstash-Forward-X-Group": "group",
              "Upstash-Retries": "1", "Upstash-Label": "group"}  # fmt: skip
    changed = await rest.http.patch(f"/v2/topics/{group}", json={"headers": stored})
    assert changed.json()["headers"] == {
        name: [value] if isinstance(value, str) else value for name, value in stored.items()
    }
    (published,) = await sdk.message.publish(
        url_group=group, headers={"X-Both": "own"}, label="own", body="x"
    )
    received = await sink.wait_one("/hook")
    assert received.values("X-Both") == ["own"]
    assert received.values("X-Group") == ["group"]
    message = await sdk.message.get(published.message_id)
    assert (message.max_retries, message.label) == (1, "own")
    refused = await rest.http.patch(
        f"/v2/topics/{group}", json={"headers": {"Upstash-Retries": "x"}}
    )
    assert refused.status_code == HTTPStatus.BAD_REQUEST
    assert (await rest.get(f"/v2/topics/{group}")) == changed.json()
    assert len((await sdk.url_group.get(group)).endpoints) == 1


@pytest.mark.conformance("R-8")
async def test_cancelling_the_messages_of_a_group(
    sdk: PythonSdk, rest: RestApi, group: str
) -> None:
    await sdk.url_group.upsert_endpoints(group, [{"url": "https://a/"}, {"url": "https://b/"}])
    await sdk.message.publish(url_group=group, delay=LATE)
    other = await sdk.message.publish(url="https://a/", delay=LATE)
    canceled = await rest.http.delete("/v2/messages", params={"topicName": group})
    assert canceled.json() == {"cancelled": 2}
    assert (await sdk.message.get(other.message_id)).url_group is None


@pytest.mark.parametrize(
    ("name", "endpoints", "text"),
    [
        ("bad name", [{"url": "https://a/"}], "topic name may only contain alphanumeric"),
        ("good", [], "endpoints must be a non-empty list"),
        ("good", [{"url": "a.example"}], "invalid endpoint url: endpoint has invalid scheme"),
        ("good", [{"url": "https://a/", "name": "x" * 257}], "invalid endpoint name"),
    ],
)
async def test_what_is_refused(
    sdk: PythonSdk, name: str, endpoints: list[dict[str, str]], text: str
) -> None:
    with pytest.raises(QStashError, match=f'^Request failed with status: 400, .*"{text}'):
        await sdk.url_group.upsert_endpoints(name, endpoints)


async def test_an_empty_name_deletes_nothing(sdk: PythonSdk, group: str) -> None:
    await sdk.url_group.upsert_endpoints(group, [{"url": "https://a/"}])
    with pytest.raises(QStashError, match="405"):
        await sdk.url_group.delete("")
    assert [one.name for one in await sdk.url_group.list()] == [group]
