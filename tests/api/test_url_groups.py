"""URL groups: their routes (sections 4.6, 4.7), and publishing to them (2.2, 4.8)."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from relaypost.api import flow_control_keys, logs, messages, publish, queues, url_groups
from relaypost.domain.limits import Limits
from tests.support.desk import Answer, Desk
from tests.support.lives import OTHER_PROJECT

ONE = {"name": "First endpoint", "url": "https://one.example.com/hook"}
TWO = {"url": "https://two.example.com/hook"}
NOT_FOUND = (404, "topic grp not found")
BAD_NAME = (
    400,
    "topic name may only contain alphanumeric characters, hyphens, underscores and periods",
)


async def add(desk: Desk, *endpoints: Any, name: str = "grp", **options: Any) -> Answer:
    body = {"endpoints": endpoints or (ONE, TWO)}
    return await desk.ask(url_groups.add_endpoints, name, body=body, **options)


async def remove(desk: Desk, *endpoints: Any, name: str = "grp") -> Answer:
    return await desk.ask(url_groups.remove_endpoints, name, body={"endpoints": endpoints})


async def get(desk: Desk, name: str = "grp", **options: Any) -> Answer:
    return await desk.ask(url_groups.get_group, name, **options)


async def change(desk: Desk, body: Any, name: str = "grp") -> Answer:
    return await desk.ask(url_groups.change_group, name, body=body)


async def endpoints(desk: Desk) -> list[dict[str, str]]:
    found: list[dict[str, str]] = (await get(desk)).json["endpoints"]
    return found


async def publish_to(desk: Desk, destination: str = "grp", query: str = "", **options: Any) -> Any:
    return await desk.ask(publish.publish_one, destination.encode(), query=query, **options)


async def shown(desk: Desk, published: Answer) -> list[dict[str, Any]]:
    """The messages of an answer to a publish."""
    ids = [one["messageId"] for one in published.json]
    return [(await desk.ask(messages.get_message, id)).json for id in ids]


def done(answer: Answer) -> bool:
    return (answer.status, answer.body) == (200, b"")


@pytest.mark.conformance("Q-15")
async def test_a_group_from_its_making_to_its_end(desk: Desk) -> None:
    now = desk.clock.now()
    assert done(await desk.ask(url_groups.delete_group, "grp"))
    assert (await get(desk)).error == NOT_FOUND
    assert done(await add(desk))
    desk.clock.advance(5)
    group = {"name": "grp", "createdAt": now, "updatedAt": now, "endpoints": [ONE, TWO]}
    assert (await get(desk)).json == group
    assert (await desk.ask(url_groups.list_groups)).json == [group]
    assert done(await remove(desk, {"name": ONE["name"]}))
    group |= {"updatedAt": now + 5, "endpoints": [TWO]}
    assert (await desk.ask(url_groups.list_groups)).json == [group]
    assert done(await desk.ask(url_groups.delete_group, "grp"))
    assert (await desk.ask(url_groups.list_groups)).json == []


async def test_the_list_is_sorted(desk: Desk) -> None:
    for name in ("b", "a", "C"):
        await add(desk, name=name)
    listed = (await desk.ask(url_groups.list_groups)).json
    assert [group["name"] for group in listed] == ["C", "a", "b"]


@pytest.mark.conformance("Q-16")
async def test_adding_again_and_removing_the_last(desk: Desk) -> None:
    await add(desk, TWO, TWO)
    assert await endpoints(desk) == [TWO]
    await add(desk, ONE)
    moved = ONE | {"url": "https://moved.example.com/"}
    desk.clock.advance(1)
    await add(desk, moved)
    assert await endpoints(desk) == [TWO, moved]
    assert (await get(desk)).json["updatedAt"] == desk.clock.now()
    await remove(desk, {"url": TWO["url"]}, {"name": ONE["name"]})
    assert (await get(desk)).error == NOT_FOUND


@pytest.mark.conformance("Q-17")
async def test_removing_what_is_not_there(desk: Desk) -> None:
    assert done(await remove(desk, {"name": "nobody"}))
    await add(desk)
    before = (await get(desk)).json
    assert done(await remove(desk, {"name": "nobody"}, {"url": ONE["url"], "name": "other"}))
    assert (await get(desk)).json == before


@pytest.mark.parametrize("name", ["", "a b", "a/b", ".", "..", "grp/", "x" * 257, "grüße"])
@pytest.mark.parametrize(
    "route",
    [
        url_groups.get_group,
        url_groups.delete_group,
        url_groups.change_group,
        url_groups.add_endpoints,
        url_groups.remove_endpoints,
    ],
)
async def test_bad_names(desk: Desk, route: Any, name: str) -> None:
    answer = await desk.ask(route, name, body={"endpoints": [ONE], "headers": {}})
    assert answer.error == BAD_NAME


async def test_what_is_refused_changes_nothing(desk: Desk) -> None:
    await add(desk, TWO)
    before = (await get(desk)).json
    for refused in ([{"url": "ftp://h"}], [ONE, {}], [ONE, {"url": "http://10.0.0.1/"}]):
        assert (await add(desk, *refused)).status == 400
    assert (await remove(desk, {"url": TWO["url"]}, {})).status == 400
    assert (await get(desk)).json == before


def limit(desk: Desk, **limits: int) -> None:
    desk.service = replace(desk.service, limits=Limits(**limits))


async def test_quotas(desk: Desk) -> None:
    limit(desk, max_url_groups=1, max_endpoints=2)
    assert done(await add(desk))
    text = "quota maxUrlGroups exceeded, current limit: 1"
    assert (await add(desk, name="other")).error == (412, text)
    text = "quota maxEndpoints exceeded, current limit: 2"
    assert (await add(desk, {"url": "https://h"})).error == (412, text)
    assert done(await add(desk, ONE, TWO, {"url": TWO["url"], "name": "named"}))
    limit(desk, max_url_groups=0, max_endpoints=0)
    assert done(await add(desk, *({"url": f"https://h/{number}"} for number in range(200))))
    assert done(await add(desk, name="other"))


async def test_a_limit_that_was_lowered_changes_nothing_that_exists(desk: Desk) -> None:
    await add(desk)
    limit(desk, max_endpoints=1)
    assert done(await add(desk, {"name": ONE["name"], "url": "https://moved.example.com/"}))
    assert (await add(desk, {"url": "https://h"})).status == 412
    assert done(await remove(desk, {"url": TWO["url"]}))


@pytest.mark.conformance("Q-19")
async def test_default_headers(desk: Desk) -> None:
    headers = {"upstash-header-forward": ["true"], "Upstash-Retries": "3"}
    assert (await change(desk, {"headers": headers})).error == NOT_FOUND
    await add(desk)
    desk.clock.advance(7)
    changed = (await change(desk, {"headers": headers})).json
    assert changed["headers"] == {"Upstash-Header-Forward": ["true"], "Upstash-Retries": ["3"]}
    assert changed["updatedAt"] == desk.clock.now() == changed["createdAt"] + 7
    assert (await get(desk)).json == changed
    desk.clock.advance(1)
    assert (await change(desk, {})).json == changed
    bad = {"Upstash-Retries": "x", "Upstash-Timeout": "5s"}
    assert (await change(desk, {"headers": bad})).status == 400
    assert (await get(desk)).json == changed
    replaced = (await change(desk, {"headers": {"X-A": ["1", "2"]}})).json
    assert replaced["headers"] == {"X-A": ["1", "2"]}
    for nothing in (b'{"headers":{}}', b'{"headers":null}'):
        await change(desk, {"headers": {"X-A": "1"}})
        assert "headers" not in (await change(desk, nothing)).json


async def test_a_change_without_headers_of_a_group_that_is_missing(desk: Desk) -> None:
    assert (await change(desk, {})).error == NOT_FOUND


@pytest.mark.conformance("P-6")
async def test_publishing_answers_a_list(desk: Desk) -> None:
    await add(desk)
    answer = await publish_to(desk, body=b"x", query="k=v&upstash-retries=1")
    urls = [f"{one['url']}?k=v" for one in (ONE, TWO)]
    assert answer.status == 200
    assert [one["url"] for one in answer.json] == urls
    assert [set(one) for one in answer.json] == [{"messageId", "url"}] * 2
    first, second = await shown(desk, answer)
    assert (first["topicName"], first["endpointName"]) == ("grp", ONE["name"])
    assert second["topicName"] == "grp"
    assert "endpointName" not in second
    assert first["createdAt"] == second["createdAt"]
    assert {one["maxRetries"] for one in (first, second)} == {1}
    assert {one["callerIp"] for one in (first, second)} == {"198.51.100.1"}
    assert desk.intake.wanted == [2]


async def test_a_group_of_one_answers_a_list_of_one(desk: Desk) -> None:
    await add(desk, TWO)
    assert [one["url"] for one in (await publish_to(desk)).json] == [TWO["url"]]


@pytest.mark.conformance("P-5")
async def test_publishing_to_no_group(desk: Desk) -> None:
    assert (await publish_to(desk)).error == NOT_FOUND
    assert desk.intake.wanted == []


@pytest.mark.conformance("P-11")
async def test_a_duplicate_is_answered_in_the_shape_of_the_request(desk: Desk) -> None:
    await add(desk)
    once = {"upstash-deduplication-id": "once"}
    first = await publish_to(desk, headers=once)
    again = await publish_to(desk, headers=once)
    assert again.status == 202
    assert again.json == [one | {"deduplicated": True} for one in first.json]
    as_url = await publish_to(desk, "https://h.example/", headers=once)
    assert (as_url.status, as_url.json) == (202, again.json[0])


async def test_a_list_for_a_duplicate_of_a_single_message(desk: Desk) -> None:
    await add(desk)
    once = {"upstash-deduplication-id": "once"}
    first = await publish_to(desk, "https://h.example/", headers=once)
    again = await publish_to(desk, headers=once)
    assert (again.status, again.json) == (202, [first.json | {"deduplicated": True}])


@pytest.mark.conformance("Q-19")
async def test_stored_headers_stand_behind_those_of_the_request(desk: Desk) -> None:
    await add(desk, TWO)
    stored = {"Upstash-Retries": "1", "Upstash-Label": "group", "Upstash-Forward-X": "group"}
    await change(desk, {"headers": stored})

    async def seen(query: str = "", **headers: str) -> tuple[int, str, list[str]]:
        lines = {f"upstash-{name.replace('_', '-')}": value for name, value in headers.items()}
        (one,) = await shown(desk, await publish_to(desk, query=query, headers=lines))
        return one["maxRetries"], one["label"], one["header"]["X"]

    assert await seen() == (1, "group", ["group"])
    assert await seen(retries="2") == (2, "group", ["group"])
    assert await seen("upstash-retries=4&upstash-forward-x=q") == (4, "group", ["q"])
    assert await seen("upstash-retries=4", retries="2", label="own") == (2, "own", ["group"])


@pytest.mark.conformance("P-29")
async def test_a_batch_nests_the_list_of_a_group(desk: Desk) -> None:
    await add(desk)
    await add(desk, TWO, name="other")
    items = [
        {"destination": "grp", "queue": None, "body": None},
        {"destination": "https://h.example/"},
        {"destination": "other", "queue": "q"},
    ]
    answer = await desk.ask(publish.publish_batch, body=items)
    first, second, third = answer.json
    assert answer.status == 200
    assert [one["url"] for one in first] == [ONE["url"], TWO["url"]]
    assert second["url"] == "https://h.example/"
    assert [one["url"] for one in third] == [TWO["url"]]
    missing = await desk.ask(publish.publish_batch, body=[*items, {"destination": "none"}])
    assert (missing.status, missing.json) == (404, {"error": "topic none not found", "index": 3})


@pytest.mark.conformance("P-28")
@pytest.mark.parametrize("place", ["path", "header", "group"])
async def test_a_queue_takes_the_messages_in_order(desk: Desk, place: str) -> None:
    await add(desk)
    if place == "group":
        await change(desk, {"headers": {"Upstash-Queue-Name": "q"}})
    if place == "path":
        answer = await desk.ask(publish.enqueue_one, b"q/grp")
    else:
        named = {"upstash-queue-name": "q"} if place == "header" else {}
        answer = await publish_to(desk, headers=named)
    assert [one["url"] for one in answer.json] == [ONE["url"], TWO["url"]]
    made = await shown(desk, answer)
    assert [(one["queueName"], one["topicName"]) for one in made] == [("q", "grp")] * 2
    queue = (await desk.ask(queues.get_queue, "q")).json
    assert (queue["parallelism"], queue["lag"]) == (1, 2)


async def test_each_message_of_a_fan_out_counts_for_its_key(desk: Desk) -> None:
    await add(desk)
    key = {"Upstash-Flow-Control-Key": "k", "Upstash-Flow-Control-Value": "parallelism=1"}
    await change(desk, {"headers": key})
    for one in await shown(desk, await publish_to(desk)):
        assert (one["flowControlKey"], one["parallelism"], one["period"]) == ("k", 1, 1)
    status = (await desk.ask(flow_control_keys.get_key, b"k")).json
    assert (status["parallelismMax"], status["waitListSize"]) == (1, 2)


@pytest.mark.conformance("Q-18")
async def test_messages_outlive_their_group(desk: Desk) -> None:
    await add(desk)
    answer = await publish_to(desk, headers={"upstash-delay": "1h"})
    await desk.ask(url_groups.delete_group, "grp")
    assert [one["topicName"] for one in await shown(desk, answer)] == ["grp", "grp"]
    assert (await publish_to(desk)).error == NOT_FOUND


async def test_changes_leave_messages_as_they_are(desk: Desk) -> None:
    await add(desk)
    before = await shown(desk, answer := await publish_to(desk))
    await change(desk, {"headers": {"Upstash-Retries": "9"}})
    await add(desk, ONE | {"url": "https://moved.example.com/"})
    await remove(desk, {"url": TWO["url"]})
    assert await shown(desk, answer) == before


async def test_cancelling_and_listing_by_group(desk: Desk) -> None:
    await add(desk)
    await add(desk, TWO, name="other")
    answers = [await publish_to(desk, name) for name in ("grp", "other", "https://h.example/")]
    listed = await desk.ask(logs.list_events, query="topicName=other")
    assert [one["messageId"] for one in listed.json["events"]] == [answers[1].json[0]["messageId"]]
    canceled = await desk.ask(messages.cancel_messages, query="topicName=grp")
    assert canceled.json == {"cancelled": 2}


@pytest.mark.conformance("K-10")
async def test_nobody_sees_the_groups_of_another(desk: Desk) -> None:
    await add(desk)
    other: dict[str, Any] = {"project": OTHER_PROJECT}
    assert (await get(desk, **other)).error == NOT_FOUND
    assert (await publish_to(desk, **other)).error == NOT_FOUND
    assert (await desk.ask(url_groups.list_groups, **other)).json == []
    await desk.ask(url_groups.delete_group, "grp", **other)
    assert done(await add(desk, TWO, **other))
    assert await endpoints(desk) == [ONE, TWO]


async def test_urls_cost_no_look_at_groups(desk: Desk) -> None:
    """Nor do names that can be none."""

    class Unasked:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} was asked for")

    desk.service.store.url_groups = Unasked()  # type: ignore[misc]  # any store
    assert (await publish_to(desk, "https://h.example/")).status == 200
    assert (await publish_to(desk, "h.example/x")).status == 400
    batch = [{"destination": "https://h.example/"}]
    assert (await desk.ask(publish.publish_batch, body=batch)).status == 200


async def test_many_add_to_a_new_group_at_once(desk_with_threads: Desk) -> None:
    desk = desk_with_threads
    limit(desk, max_url_groups=1)
    urls = [f"https://h.example/{number}" for number in range(20)]
    answers = await asyncio.gather(*(add(desk, {"url": url}) for url in urls))
    assert all(map(done, answers))
    assert {one["url"] for one in await endpoints(desk)} == set(urls)


@pytest.mark.conformance("Q-18")
async def test_a_delete_against_publishes(desk_with_threads: Desk) -> None:
    """Each publish makes all its messages, or finds no group."""
    desk = desk_with_threads
    await add(desk)
    *answers, deleted = await asyncio.gather(
        *(publish_to(desk) for _ in range(20)),
        desk.ask(url_groups.delete_group, "grp"),
    )
    assert done(deleted)
    made = 0
    for answer in answers:
        if answer.status == 200:
            assert [one["url"] for one in answer.json] == [ONE["url"], TWO["url"]]
            made += 2
        else:
            assert answer.error == NOT_FOUND
    listed = await desk.ask(logs.list_events, query="topicName=grp&count=1000")
    assert len({one["messageId"] for one in listed.json["events"]}) == made
    assert (await publish_to(desk)).error == NOT_FOUND


async def test_a_publish_never_sees_half_a_change(desk_with_threads: Desk) -> None:
    desk = desk_with_threads
    old, new = ({"name": "one", "url": f"https://{name}.example/"} for name in ("old", "new"))
    await add(desk, old)

    async def swap() -> None:
        for turn in range(10):
            await add(desk, *((new, TWO) if turn % 2 else (old,)))
            if not turn % 2:
                await remove(desk, {"url": TWO["url"]})

    async def publish_often() -> list[tuple[str, ...]]:
        answers = [await publish_to(desk) for _ in range(30)]
        return [tuple(one["url"] for one in answer.json) for answer in answers]

    async with asyncio.TaskGroup() as tasks:
        publishing = [tasks.create_task(publish_often()) for _ in range(3)]
        tasks.create_task(swap())
    whole = {(old["url"],), (new["url"], TWO["url"]), (old["url"], TWO["url"])}
    assert {urls for each in publishing for urls in each.result()} <= whole
