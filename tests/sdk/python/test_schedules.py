"""Schedules of the Python SDK: created with every option, read, steered, deleted."""

from typing import Any

import pytest
from qstash.errors import QStashError
from qstash.schedule import Schedule

from tests.support.clients import PythonSdk
from tests.support.rest import RestApi
from tests.support.schedules import minutely

URL = "https://example.com/hook"
EVERY_MINUTE = "* * * * *"


async def refusal(call: Any) -> str:
    with pytest.raises(QStashError) as caught:
        await call
    return str(caught.value)


async def get(sdk: PythonSdk, id: str) -> Schedule:
    found: Schedule = await sdk.schedule.get(id)
    return found


@pytest.fixture(autouse=True)
async def cleared(rest: RestApi) -> None:
    """The user starts without schedules."""
    assert await rest.get("/v2/schedules") == []


@pytest.mark.conformance("S-1", "A-3")
async def test_the_life_of_a_schedule(sdk: PythonSdk) -> None:
    id = await sdk.schedule.create(destination=URL, cron=EVERY_MINUTE)
    made = await get(sdk, id)
    assert (made.schedule_id, made.cron, made.destination) == (id, EVERY_MINUTE, URL)
    assert (made.method, made.retries, made.paused) == ("POST", 3, False)
    assert (made.headers, made.body, made.delay, made.label) == ({}, None, None, None)
    assert made.next_schedule_time == minutely(made.created_at)  # type: ignore[arg-type]
    assert (made.last_schedule_time, made.last_schedule_states, made.error) == (None, None, None)
    assert await sdk.schedule.list() == [made]
    await sdk.schedule.pause(id)
    paused = await get(sdk, id)
    assert (paused.paused, paused.next_schedule_time) == (True, None)
    await sdk.schedule.resume(id)
    assert not (await get(sdk, id)).paused
    await sdk.schedule.delete(id)
    assert await sdk.schedule.list() == []
    assert f'404, body: {{"error":"schedule {id} not found"}}' in await refusal(get(sdk, id))


@pytest.mark.conformance("S-1", "S-3", "A-3")
async def test_every_option_is_shown(sdk: PythonSdk) -> None:
    id = await sdk.schedule.create(
        destination=f"{URL}?a=1",
        cron="CRON_TZ=America/New_York 0 4 * * *",
        body="hello",
        content_type="text/plain",
        method="PUT",
        headers={"test-header": "test-value"},
        callback_headers={"X-C": "c", "Upstash-Callback-Retries": "1"},
        failure_callback_headers={"X-F": "f"},
        retries=5,
        retry_delay="1000",
        callback="https://example.com/cb",
        failure_callback="https://example.com/fcb",
        delay=10,
        timeout="1m30s",
        schedule_id="my.own-schedule_1",
        queue="reports",
        flow_control={"key": "fk", "parallelism": 1, "rate": 2, "period": "3s"},
        label="nightly",
    )
    found = await get(sdk, id)
    assert id == found.schedule_id == "my.own-schedule_1"
    assert (found.cron, found.destination) == (
        "CRON_TZ=America/New_York 0 4 * * *",
        f"{URL}?a=1",
    )
    assert (found.method, found.body, found.retries, found.delay, found.timeout) == (
        "PUT",
        "hello",
        5,
        10,
        90,
    )
    assert found.headers == {"Content-Type": ["text/plain"], "Test-Header": ["test-value"]}
    assert found.callback_headers == {"X-C": ["c"]}
    assert found.failure_callback_headers == {"X-F": ["f"]}
    assert (found.callback, found.failure_callback) == (
        "https://example.com/cb",
        "https://example.com/fcb",
    )
    assert (found.queue, found.label, found.retry_delay_expression) == (
        "reports",
        "nightly",
        "1000",
    )
    assert found.flow_control is not None
    limits = (found.flow_control.parallelism, found.flow_control.rate, found.flow_control.period)
    assert (found.flow_control.key, limits) == ("fk", (1, 2, 3))
    assert found.caller_ip == "127.0.0.1"


@pytest.mark.conformance("S-1", "A-3")
async def test_a_url_group(sdk: PythonSdk) -> None:
    await sdk.url_group.upsert_endpoints("planned", [{"url": "https://a.example/"}])
    id = await sdk.schedule.create(destination="planned", cron=EVERY_MINUTE)
    assert (await get(sdk, id)).destination == "planned"
    await sdk.url_group.delete("planned")
    assert (await get(sdk, id)).error is None


@pytest.mark.conformance("S-5", "A-8")
async def test_flow_control_by_parallelism_alone(sdk: PythonSdk, rest: RestApi) -> None:
    flow_control = {"key": "fk", "parallelism": 2}
    id = await sdk.schedule.create(destination=URL, cron=EVERY_MINUTE, flow_control=flow_control)
    found = (await get(sdk, id)).flow_control
    assert found is not None
    assert (found.parallelism, found.rate, found.period) == (2, None, 1)
    assert "rate" not in await rest.get(f"/v2/schedules/{id}")
    plain = await sdk.schedule.create(destination=URL, cron=EVERY_MINUTE)
    assert (await get(sdk, plain)).flow_control is None


@pytest.mark.conformance("S-4")
async def test_one_that_is_created_again_loses_its_body_and_keeps_its_pause(sdk: PythonSdk) -> None:
    named = {"destination": URL, "schedule_id": "again"}
    await sdk.schedule.create_json(**named, cron=EVERY_MINUTE, body={"a": 1})
    first = await get(sdk, "again")
    assert first.body == '{"a": 1}'
    await sdk.schedule.pause("again")
    await sdk.schedule.create(**named, cron="@hourly")
    again = await get(sdk, "again")
    assert (again.body, again.cron, again.paused) == (None, "@hourly", True)
    assert again.created_at == first.created_at
    assert len(await sdk.schedule.list()) == 1


async def test_a_body_of_json(sdk: PythonSdk) -> None:
    id = await sdk.schedule.create_json(destination=URL, cron=EVERY_MINUTE)
    assert (await get(sdk, id)).body == "null"
    assert (await get(sdk, id)).headers == {"Content-Type": ["application/json"]}


@pytest.mark.conformance("S-20")
async def test_what_is_redacted_is_hidden(sdk: PythonSdk) -> None:
    id = await sdk.schedule.create(
        destination=URL,
        cron=EVERY_MINUTE,
        body="secret",
        headers={"X-Secret": "s", "X-Open": "o"},
        redact={"body": True, "header": ["X-Secret"]},
    )
    for found in (await get(sdk, id), (await sdk.schedule.list())[0]):
        assert found.body is not None
        assert found.body.startswith("REDACTED:")
        assert found.headers is not None
        assert found.headers["X-Secret"][0].startswith("REDACTED:")
        assert found.headers["X-Open"] == ["o"]


@pytest.mark.conformance("S-2", "S-6", "S-18", "A-3")
async def test_refusals(sdk: PythonSdk) -> None:
    create = sdk.schedule.create
    assert "404" in await refusal(create(destination="nobody", cron=EVERY_MINUTE))
    assert 'found 6: [0 * * * * *]"' in await refusal(create(destination=URL, cron="0 * * * * *"))
    assert "never fires: 0 0 30 2 *" in await refusal(create(destination=URL, cron="0 0 30 2 *"))
    assert '"Invalid cron expression empty spec string"' in await refusal(
        create(destination=URL, cron="")
    )
    named = {"destination": URL, "cron": EVERY_MINUTE}
    assert "schedule id may only contain" in await refusal(create(**named, schedule_id="a/b"))
    assert "412" in await refusal(create(**named, delay="400d"))
    assert "invalid Upstash-Retry-Delay" in await refusal(create(**named, retry_delay="pow("))
    for method in (sdk.schedule.get, sdk.schedule.pause, sdk.schedule.resume):
        assert '404, body: {"error":"schedule none not found"}' in await refusal(method("none"))
    await sdk.schedule.delete("none")
    assert await sdk.schedule.list() == []


async def test_an_empty_id_deletes_nothing(sdk: PythonSdk) -> None:
    id = await sdk.schedule.create(destination=URL, cron=EVERY_MINUTE)
    assert "405" in await refusal(sdk.schedule.delete(""))
    assert [one.schedule_id for one in await sdk.schedule.list()] == [id]
