"""One real minute: what a run delivers, reports and leaves behind."""

import json
import time
from typing import Any

import pytest

from tests.support.rest import RestApi, poll, rest_api
from tests.support.servers import RelaypostProcess
from tests.support.sinks import Answer, Sink

OVER_A_MINUTE = 75.0
OPTIONS = {
    "Upstash-Cron": "* * * * *",
    "Content-Type": "application/json",
    "Upstash-Forward-X-Tenant": "t-17",
    "Upstash-Label": "nightly",
    "Upstash-Retries": "0",
    "Upstash-Redact-Fields": "body,header[X-Tenant]",
    "Upstash-Queue-Name": "reports",
    "Upstash-Flow-Control-Key": "erp",
    "Upstash-Flow-Control-Value": "parallelism=1",
}


async def schedule(rest: RestApi, url: str, headers: dict[str, str], body: bytes) -> str:
    answer = await rest.http.post(f"/v2/schedules/{url}", headers=headers, content=body)
    assert answer.status_code == 200, answer.text
    id: str = answer.json()["scheduleId"]
    return id


@pytest.mark.conformance("S-8", "S-14", "S-16", "S-17", "S-20", "S-21", "D-6")
async def test_a_run(dev: RelaypostProcess, sink: Sink) -> None:
    sink.script("/fails", Answer(500))
    async with rest_api(dev.accounts["testUser1"]) as rest:
        callback = {"Upstash-Callback": sink.url_of("/done")}
        body = b'{"kind":"d"}'
        id = await schedule(rest, sink.url_of("/reports"), {**OPTIONS, **callback}, body)
        failing = await schedule(rest, sink.url_of("/fails"), OPTIONS, body)
        tick_at = (await rest.get(f"/v2/schedules/{id}"))["nextScheduleTime"] / 1000
        assert time.time() < tick_at

        received = await poll(lambda: first(sink, "/reports"), seconds=OVER_A_MINUTE)
        assert tick_at <= time.time() < tick_at + 1
        assert received.header("Upstash-Schedule-Id") == id
        assert received.header("Upstash-Caller-Ip") == "127.0.0.1"
        assert (received.header("X-Tenant"), received.body) == ("t-17", body)

        report = json.loads((await sink.wait_one("/done")).body)
        assert report["scheduleId"] == id
        message = await rest.get(f"/v2/messages/{report['sourceMessageId']}")
        assert message["scheduleId"] == id
        assert message["body"].startswith("REDACTED:")
        assert message["header"]["X-Tenant"][0].startswith("REDACTED:")
        assert (message["queueName"], message["flowControlKey"]) == ("reports", "erp")

        await check_states(rest, id, report["sourceMessageId"], "SUCCESS")
        await sink.wait_one("/fails")
        await check_states(rest, failing, None, "FAIL")
        entries = (await rest.get("/v2/events", scheduleId=id))["events"]
        assert {"CREATED", "ACTIVE", "DELIVERED"} <= {entry["state"] for entry in entries}
        assert {entry["scheduleId"] for entry in entries} == {id}

        for one in (id, failing):
            await rest.http.delete(f"/v2/schedules/{one}")
        assert (await rest.get(f"/v2/messages/{report['sourceMessageId']}"))["scheduleId"] == id
        (dead,) = (await rest.get("/v2/dlq", scheduleId=failing))["messages"]
        assert dead["scheduleId"] == failing
        (queue,) = await rest.get("/v2/queues")
        assert (queue["name"], queue["parallelism"]) == ("reports", 1)


async def first(sink: Sink, path: str) -> Any:
    return next(iter(sink.at(path)), None)


async def check_states(rest: RestApi, id: str, message_id: str | None, state: str) -> None:
    async def ended() -> dict[str, str] | None:
        found = await rest.get(f"/v2/schedules/{id}")
        states: dict[str, str] = found["lastScheduleStates"]
        assert set(states.values()) <= {"IN_PROGRESS", "SUCCESS", "FAIL"}
        assert found["lastScheduleTime"] < found["nextScheduleTime"]
        return None if "IN_PROGRESS" in states.values() else states

    states = await poll(ended)
    assert list(states.values()) == [state]
    assert message_id is None or list(states) == [message_id]
