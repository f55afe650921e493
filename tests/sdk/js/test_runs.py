"""What runs of schedules come to, through the JavaScript SDK: steered before, found afterwards."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.inner_servers import HeldApplication, HeldClock, serving
from tests.support.javascript import JavaScriptSdk, date
from tests.support.rest import RestApi, poll
from tests.support.servers import Account
from tests.support.sinks import Answer, Sink

Filter = dict[str, Any]
MANY = 30


@pytest.fixture
async def account(account: Account, clock: HeldClock) -> AsyncIterator[Account]:
    async with serving(HeldApplication(clock)) as url:
        yield replace(account, url=url)


async def plan(sdk: JavaScriptSdk, destination: str, id: str, **options: Any) -> None:
    given = {"destination": destination, "scheduleId": id, "cron": "* * * * *", **options}
    assert await sdk.call("schedules.create", given) == {"scheduleId": id}


async def make_group(sdk: JavaScriptSdk, name: str, *urls: str) -> None:
    endpoints = [{"url": url} for url in urls]
    await sdk.call("urlGroups.addEndpoints", {"name": name, "endpoints": endpoints})


@pytest.mark.conformance("S-1", "S-4", "S-11", "S-13", "S-16", "S-21")
async def test_only_what_is_in_force_at_the_tick_runs(
    sdk: JavaScriptSdk, sink: Sink, rest: RestApi, clock: HeldClock
) -> None:
    for id in ("plain", "paused", "resumed", "deleted", "replaced"):
        await plan(sdk, sink.url_of(f"/{id}"), id)
    for id in ("paused", "resumed"):
        await sdk.call("schedules.pause", {"schedule": id})
    await sdk.call("schedules.resume", {"schedule": "resumed"})
    await sdk.call("schedules.delete", "deleted")
    await plan(sdk, sink.url_of("/new"), "replaced", body="new", method="PUT")
    await sdk.call_queue("stopped", "upsert", {"parallelism": 4, "paused": True})
    await plan(sdk, sink.url_of("/queued"), "queued", queueName="stopped")
    await make_group(sdk, "pair", sink.url_of("/one"))
    await plan(sdk, "pair", "group")
    await make_group(sdk, "pair", sink.url_of("/two"))
    clock.let_go()

    received = {each.path: each for each in await sink.wait_for(5)}
    assert sorted(received) == ["/new", "/one", "/plain", "/resumed", "/two"]
    assert (received["/new"].method, received["/new"].body) == ("PUT", b"new")
    ids = {path: str(each.header("Upstash-Message-Id")) for path, each in received.items()}
    for path in ids:
        await rest.wait_state(ids[path], "DELIVERED")
    found = {each["scheduleId"]: each for each in await sdk.call("schedules.list")}
    assert set(found) == {"plain", "paused", "resumed", "replaced", "queued", "group"}
    states = {ids["/one"]: "SUCCESS", ids["/two"]: "SUCCESS"}
    assert found["group"]["lastScheduleStates"] == states
    assert list(found["queued"]["lastScheduleStates"].values()) == ["IN_PROGRESS"]
    assert "lastScheduleStates" not in found["paused"]
    queue = await sdk.call_queue("stopped", "get")
    assert (queue["lag"], queue["parallelism"]) == (1, 4)
    await sdk.call("urlGroups.delete", "pair")


@pytest.fixture
async def others(rest: RestApi, sink: Sink) -> tuple[str, str]:
    """Messages that no filter must find: one is late, one has failed."""
    late = await rest.publish(sink.url_of("/other"), {"Upstash-Delay": "1d"})
    return late, (await rest.fail(sink.script("/other", Answer(500))))["messageId"]


async def plan_many(sdk: JavaScriptSdk, name: str, url: str, **options: Any) -> list[Filter]:
    """Make a schedule by which everything has this name; answers what finds all its messages.

    A run makes more messages than there are filters.
    """
    urls = [f"{url}?{number}" for number in range(MANY)]
    await make_group(sdk, name, *urls)
    key = f"{name}/a b"
    named = {"queueName": name, "label": [name, "second"], "flowControl": {"key": key, "rate": 99}}
    await plan(sdk, name, name, **named, **options)
    ever = {"fromDate": date(946_684_800_000), "toDate": date(4_070_908_800_000)}
    place = {"host": urlsplit(url).netloc, "path": urlsplit(url).path}
    filters: list[Filter] = [
        {"urlGroup": name},
        {"urlGroup": ["none", name]},
        {"queueName": name},
        {"queueName": [name, "none"]},
        {"scheduleId": name},
        {"scheduleId": ["none", name]},
        {"flowControlKey": key},
        {"flowControlKey": ["none", key]},
        {"label": name},
        {"label": ["none", "second"], "callerIp": "127.0.0.1"},
        {"url": urls},
        place,
        {**ever, "path": [place["path"], "/none"]},
    ]
    together = {field: value for filter in filters for field, value in filter.items()}
    return [*filters, together]


def page_after(page: dict[str, Any]) -> dict[str, Any]:
    """The next two, wherever others have come in between."""
    return {"count": 2, **({"cursor": page["cursor"]} if page else {})}


async def dead(sdk: JavaScriptSdk, filter: Filter) -> set[str]:
    listed = await sdk.call("dlq.listMessages", {"filter": filter, "count": 100})
    return {message["messageId"] for message in listed["messages"]}


@pytest.mark.conformance("S-14", "R-8", "R-21", "R-23")
async def test_each_filter_finds_what_has_failed(
    sdk: JavaScriptSdk, sink: Sink, rest: RestApi, clock: HeldClock, others: tuple[str, str]
) -> None:
    filters = await plan_many(sdk, "failing", sink.script("/hook", Answer(503)), retries=0)
    clock.let_go()
    received = await sink.wait_for(MANY, "/hook")
    ids = {str(each.header("Upstash-Message-Id")) for each in received}
    for id in ids:
        await rest.wait_state(id, "FAILED")
    for filter in (*filters, {"topicName": "failing"}):
        logs = (await sdk.call("logs", {"filter": filter}))["logs"]
        assert {entry["messageId"] for entry in logs} == ids, filter
    narrow = {**filters[-1], "messageId": id, "state": "FAILED", "count": 9}
    (entry,) = (await sdk.call("logs", {"filter": narrow}))["logs"]
    assert (entry["messageId"], entry["urlGroup"]) == (id, "failing")
    for filter in (*filters, {"responseStatus": 503}):
        assert await dead(sdk, filter) == ids, filter
    assert await dead(sdk, {**filters[-1], "messageId": id}) == {id}
    page: dict[str, Any] = {}
    for filter in filters:
        page = await sdk.call("dlq.retry", {**page_after(page), "filter": filter})
        assert len(page["responses"]) == 2, filter
    await sink.wait_for(MANY + 2 * len(filters), "/hook")

    async def have_failed() -> bool | None:
        return len(await dead(sdk, filters[0])) == MANY or None

    assert await poll(have_failed)
    page = {}
    for filter in filters:
        page = await sdk.call("dlq.delete", {**page_after(page), "filter": filter})
        assert page["deleted"] == 2, filter
    assert len(await dead(sdk, filters[0])) == MANY - 2 * len(filters)
    assert others[1] in await dead(sdk, {})


@pytest.mark.conformance("R-8", "R-9", "R-15")
async def test_each_filter_cancels_what_is_late(
    sdk: JavaScriptSdk, sink: Sink, clock: HeldClock, others: tuple[str, str]
) -> None:
    filters = await plan_many(sdk, "late", sink.url_of("/hook"), delay="1d")
    clock.let_go()

    async def has_run() -> bool | None:
        return "lastScheduleTime" in await sdk.call("schedules.get", "late") or None

    assert await poll(has_run)
    for filter in filters:
        canceled = await sdk.call("messages.cancel", {"filter": filter, "count": 2})
        assert canceled == {"cancelled": 2}, filter
    left = MANY - 2 * len(filters)
    assert await sdk.call("messages.cancel", {"filter": filters[-1]}) == {"cancelled": left}
    assert (await sdk.call("messages.get", others[0]))["messageId"] == others[0]
