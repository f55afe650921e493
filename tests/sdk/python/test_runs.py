"""What runs of schedules come to, through the Python SDK: steered before, and found afterwards."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from qstash.log import LogState
from qstash.schedule import ScheduleState

from tests.support.clients import PythonSdk
from tests.support.inner_servers import HeldApplication, HeldClock, serving
from tests.support.rest import RestApi
from tests.support.servers import Account
from tests.support.sinks import Answer, Sink

EVERY_MINUTE = "* * * * *"


@pytest.fixture
async def account(account: Account, clock: HeldClock) -> AsyncIterator[Account]:
    async with serving(HeldApplication(clock)) as url:
        yield replace(account, url=url)


async def plan(sdk: PythonSdk, destination: str, id: str, **options: Any) -> None:
    given = {"cron": EVERY_MINUTE, **options}
    await sdk.schedule.create(destination=destination, schedule_id=id, **given)


@pytest.mark.conformance("S-1", "S-4", "S-11", "S-13", "S-16", "S-21")
async def test_only_what_is_in_force_at_the_tick_runs(
    sdk: PythonSdk, sink: Sink, rest: RestApi, clock: HeldClock
) -> None:
    idle = ("paused", "deleted", "yearly", "queued")
    for id in ("plain", "paused", "resumed", "deleted", "replaced"):
        await plan(sdk, sink.url_of(f"/{id}"), id)
    await plan(sdk, sink.url_of("/yearly"), "yearly", cron="@yearly")
    for id in ("paused", "resumed"):
        await sdk.schedule.pause(id)
    await sdk.schedule.resume("resumed")
    await sdk.schedule.delete("deleted")
    await plan(sdk, sink.url_of("/new"), "replaced", body="new", method="PUT")
    await sdk.queue.upsert("stopped", parallelism=4, paused=True)
    await plan(sdk, sink.url_of("/queued"), "queued", queue="stopped")
    await sdk.url_group.upsert_endpoints("pair", [{"url": sink.url_of("/one")}])
    await plan(sdk, "pair", "group")
    await sdk.url_group.upsert_endpoints("pair", [{"url": sink.url_of("/two")}])
    clock.let_go()

    received = {each.path: each for each in await sink.wait_for(5)}
    assert sorted(received) == ["/new", "/one", "/plain", "/resumed", "/two"]
    assert (received["/new"].method, received["/new"].body) == ("PUT", b"new")
    ids = {path: each.header("Upstash-Message-Id") for path, each in received.items()}
    for path in ids:
        await rest.wait_state(str(ids[path]), "DELIVERED")
    states = (await sdk.schedule.get("group")).last_schedule_states
    assert states == dict.fromkeys((ids["/one"], ids["/two"]), ScheduleState.SUCCESS)
    assert {received[path].header("Upstash-Topic-Name") for path in ("/one", "/two")} == {"pair"}
    queue = await sdk.queue.get("stopped")
    assert (queue.lag, queue.parallelism) == (1, 4)
    for id in idle:
        created = {"schedule_id": id, "state": LogState.CREATED}
        assert len((await sdk.log.list(filter=created)).logs) == (id == "queued")
    assert {one.schedule_id for one in await sdk.schedule.list()} == {
        "plain", "paused", "resumed", "replaced", "yearly", "queued", "group",
    }  # fmt: skip
    await sdk.url_group.delete("pair")


@pytest.mark.conformance("S-14", "R-8")
async def test_each_filter_finds_what_a_run_left_behind(
    sdk: PythonSdk, sink: Sink, rest: RestApi, clock: HeldClock
) -> None:
    await rest.fail(sink.script("/other", Answer(500)))
    url = sink.script("/hook", Answer(503))
    await sdk.url_group.upsert_endpoints("single", [{"url": url, "name": "first"}])
    await plan(sdk, "single", "planned", queue="slow", label="wanted,second", retries=0)
    clock.let_go()
    message_id = str((await sink.wait_one("/hook")).header("Upstash-Message-Id"))
    failed_at = (await rest.wait_state(message_id, "FAILED"))["time"]
    filters: list[dict[str, Any]] = [
        {"message_id": message_id},
        {"url": url},
        {"url_group": "single"},
        {"queue": "slow"},
        {"schedule_id": "planned"},
        {"label": "wanted"},
        {"label": "second", "from_time": failed_at - 60_000, "to_time": failed_at + 60_000},
    ]
    together = {name: value for filter in filters for name, value in filter.items()}
    for filter in [*filters, together]:
        logs = (await sdk.log.list(filter=filter, count=100)).logs
        assert {entry.message_id for entry in logs} == {message_id}, filter
        assert {(entry.schedule_id, entry.endpoint) for entry in logs} == {("planned", "first")}
    for filter in ({"message_ids": [message_id]}, {**together, "state": LogState.FAILED}):
        logs = (await sdk.log.list(filter=filter)).logs
        assert {entry.message_id for entry in logs} == {message_id}, filter
    together |= {"response_status": 503, "caller_ip": "127.0.0.1"}
    for filter in [*filters, {"response_status": 503}, together]:
        (dead,) = (await sdk.dlq.list(filter=filter, count=100)).messages
        assert (dead.message_id, dead.url_group, dead.endpoint) == (message_id, "single", "first")
        assert (dead.queue, dead.schedule_id, dead.label) == ("slow", "planned", "wanted")
    await sdk.url_group.delete("single")
