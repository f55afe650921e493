"""Schedules of the JavaScript SDK: created with every option, read, steered, deleted."""

import json
from typing import Any

import pytest

from relaypost.domain.types import UnixMs
from tests.support.javascript import JavaScriptError, JavaScriptSdk
from tests.support.rest import RestApi
from tests.support.schedules import minutely

URL = "https://example.com/hook"
EVERY_MINUTE = "* * * * *"


async def refusal(call: Any) -> tuple[int | None, str]:
    with pytest.raises(JavaScriptError) as caught:
        await call
    return caught.value.status, json.loads(caught.value.message)["error"]


async def create(sdk: JavaScriptSdk, **options: Any) -> str:
    given = {"destination": URL, "cron": EVERY_MINUTE, **options}
    answer = await sdk.call("schedules.create", given)
    assert answer.keys() == {"scheduleId"}
    id: str = answer["scheduleId"]
    return id


async def get(sdk: JavaScriptSdk, id: str) -> dict[str, Any]:
    found: dict[str, Any] = await sdk.call("schedules.get", id)
    return found


@pytest.fixture(autouse=True)
async def cleared(rest: RestApi) -> None:
    """The user starts without schedules."""
    assert await rest.get("/v2/schedules") == []


@pytest.mark.conformance("S-1", "S-5", "A-3")
async def test_the_life_of_a_schedule(sdk: JavaScriptSdk) -> None:
    id = await create(sdk)
    made = await get(sdk, id)
    assert made == {
        "scheduleId": id,
        "cron": EVERY_MINUTE,
        "createdAt": made["createdAt"],
        "destination": URL,
        "method": "POST",
        "header": {"Content-Type": ["application/json"]},
        "retries": 3,
        "isPaused": False,
        "nextScheduleTime": minutely(UnixMs(made["createdAt"])),
        "callerIP": "127.0.0.1",
        "callerIp": "127.0.0.1",
    }
    assert await sdk.call("schedules.list") == [made]
    await sdk.call("schedules.pause", {"schedule": id})
    paused = await get(sdk, id)
    assert paused["isPaused"] is True
    assert "nextScheduleTime" not in paused
    await sdk.call("schedules.resume", {"schedule": id})
    assert (await get(sdk, id))["isPaused"] is False
    await sdk.call("schedules.delete", id)
    assert await sdk.call("schedules.list") == []
    assert await refusal(get(sdk, id)) == (404, f"schedule {id} not found")


@pytest.mark.conformance("S-1", "S-3", "A-3")
async def test_every_option_is_shown(sdk: JavaScriptSdk) -> None:
    id = await create(
        sdk,
        cron="CRON_TZ=Europe/Berlin */10 * * * * ",
        body=json.dumps({"kind": "d"}),
        headers={
            "content-type": "application/json",
            "test-header": "test-value",
            "Upstash-Callback-Forward-X-C": "c",
        },
        method="PUT",
        delay=10,
        retries=5,
        retryDelay="pow(2, retried) * 1000",
        timeout=9,
        callback="https://example.com/cb",
        failureCallback="https://example.com/fcb",
        scheduleId="my-own",
        queueName="reports",
        flowControl={"key": "fk", "parallelism": 2, "rate": 10, "period": "1m"},
        label=["nightly", "shop"],
    )
    found = await get(sdk, id)
    assert id == "my-own"
    assert found["cron"] == "CRON_TZ=Europe/Berlin */10 * * * *"
    assert found["header"] == {
        "Content-Type": ["application/json"],
        "Test-Header": ["test-value"],
    }
    shown = ("method", "body", "delay", "retries", "retryDelayExpression", "timeout")
    assert [found[name] for name in shown] == [
        "PUT",
        '{"kind": "d"}',
        10,
        5,
        "pow(2, retried) * 1000",
        9,
    ]
    assert found["callback"] == "https://example.com/cb"
    assert found["callbackHeader"] == {"X-C": ["c"]}
    assert found["failureCallback"] == "https://example.com/fcb"
    assert (found["queueName"], found["label"], found["labels"]) == (
        "reports",
        "nightly",
        ["nightly", "shop"],
    )
    limits = ("flowControlKey", "parallelism", "rate", "period")
    assert [found[name] for name in limits] == ["fk", 2, 10, 60]


@pytest.mark.conformance("S-1", "A-3")
async def test_a_url_group(sdk: JavaScriptSdk) -> None:
    endpoints = [{"url": "https://a.example/"}]
    await sdk.call("urlGroups.addEndpoints", {"name": "planned", "endpoints": endpoints})
    found = await get(sdk, await create(sdk, destination="planned"))
    assert found["destination"] == "planned"
    await sdk.call("urlGroups.delete", "planned")


@pytest.mark.conformance("S-4")
async def test_one_that_is_created_again_loses_its_body_and_keeps_its_pause(
    sdk: JavaScriptSdk,
) -> None:
    await create(sdk, scheduleId="again", body="x")
    first = await get(sdk, "again")
    await sdk.call("schedules.pause", {"schedule": "again"})
    await create(sdk, scheduleId="again", cron="@hourly")
    again = await get(sdk, "again")
    assert "body" not in again
    assert (again["cron"], again["isPaused"], again["createdAt"]) == (
        "@hourly",
        True,
        first["createdAt"],
    )
    assert len(await sdk.call("schedules.list")) == 1


@pytest.mark.conformance("S-20")
async def test_what_is_redacted_is_hidden(sdk: JavaScriptSdk) -> None:
    id = await create(
        sdk, body="secret", headers={"X-Secret": "s"}, redact={"body": True, "header": ["X-Secret"]}
    )
    for found in (await get(sdk, id), (await sdk.call("schedules.list"))[0]):
        assert found["body"].startswith("REDACTED:")
        assert found["header"]["X-Secret"][0].startswith("REDACTED:")


@pytest.mark.conformance("S-2", "S-6", "S-18", "A-3")
async def test_refusals(sdk: JavaScriptSdk) -> None:
    status, text = await refusal(create(sdk, destination="nobody"))
    assert (status, text) == (404, "topic nobody not found")
    assert await refusal(create(sdk, cron="x")) == (
        400,
        "Invalid cron expression expected exactly 5 fields, found 1: [x]",
    )
    assert await refusal(create(sdk, cron="0 0 30 2 *")) == (
        400,
        "Invalid cron expression never fires: 0 0 30 2 *",
    )
    assert await refusal(create(sdk, scheduleId="a/b")) == (
        400,
        "schedule id may only contain alphanumeric characters, hyphens, underscores and periods",
    )
    assert await refusal(create(sdk, delay="400d")) == (
        412,
        "quota maxDelay exceeded, current limit: 31536000",
    )
    for method in ("pause", "resume"):
        call = sdk.call(f"schedules.{method}", {"schedule": "none"})
        assert await refusal(call) == (404, "schedule none not found")
    await sdk.call("schedules.delete", "none")
    assert await sdk.call("schedules.list") == []
