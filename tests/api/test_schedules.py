"""Schedules over their routes (sections 5.1 to 5.5, 5.10, 5.13)."""

import json
from dataclasses import replace
from typing import Any

import pytest
from qstash.schedule import parse_schedule_response

from relaypost.api.http import Response
from relaypost.api.routes import match
from relaypost.api.schedules import SLICE
from relaypost.domain.limits import Limits
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.wire.shown import hidden_text
from tests.support.desk import Answer, Desk
from tests.support.lives import OTHER_PROJECT, START
from tests.support.messages import MINUTE
from tests.support.schedules import minutely

URL = "https://api.example.com/reports"
CRON = {"upstash-cron": "* * * * *"}
ID_RULE = "schedule id may only contain alphanumeric characters, hyphens, underscores and periods"
NO_SCHEME = "invalid destination url: endpoint has invalid scheme, add http:// or https://"


async def ask(
    desk: Desk,
    method: str,
    target: str,
    headers: dict[str, str] | None = None,
    *,
    body: bytes = b"",
    project: ProjectId | None = None,
) -> Answer:
    """Ask as a client does; a method that the path does not have answers 405."""
    path, _, query = target.partition("?")
    found = match(path.encode())
    assert found is not None
    handler = found.route.handler(method)
    if handler is None:
        return Answer(405, found.route.allowed.encode())

    async def route(service: Any, request: Any, *given: Any) -> Response:
        response: Response = await handler(service, request, *found.parameters)
        return response

    return await desk.ask(
        route,
        query=query,
        headers=headers,
        body=body or None,
        project=project or desk.lives.project,
    )


async def create(desk: Desk, destination: str = URL, headers: Any = (), **named: Any) -> str:
    answer = await ask(
        desk, "POST", f"/v2/schedules/{destination}", {**CRON, **dict(headers)}, **named
    )
    assert answer.status == 200, answer.body
    id: str = answer.json["scheduleId"]
    return id


async def get(desk: Desk, id: str) -> dict[str, Any]:
    answer = await ask(desk, "GET", f"/v2/schedules/{id}")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    assert parse_schedule_response(found).schedule_id == id
    return found


async def test_what_was_created_is_read(desk: Desk) -> None:
    id = await create(desk, f"{URL}?a=1&upstash-retries=5", {"upstash-delay": "10.5s"}, body=b"x")
    assert id.startswith("scd_")
    found = await get(desk, id)
    assert found == {
        "scheduleId": id,
        "cron": "* * * * *",
        "createdAt": START,
        "destination": f"{URL}?a=1",
        "method": "POST",
        "header": {},
        "body": "x",
        "retries": 5,
        "delay": 10,
        "isPaused": False,
        "nextScheduleTime": minutely(START),
        "callerIp": "198.51.100.1",
        "callerIP": "198.51.100.1",
    }
    listed = await ask(desk, "GET", "/v2/schedules")
    assert (listed.status, listed.json) == (200, [found])


@pytest.mark.conformance("S-2")
@pytest.mark.parametrize("target", ["/v2/schedules", "/v2/schedules/", "/v2/schedules/?upstash-x"])
async def test_without_a_destination(desk: Desk, target: str) -> None:
    assert (await ask(desk, "POST", target)).error == (400, NO_SCHEME)
    assert (await ask(desk, "POST", target, CRON)).error == (400, NO_SCHEME)


@pytest.mark.conformance("S-2")
async def test_without_a_cron(desk: Desk) -> None:
    answer = await ask(desk, "POST", f"/v2/schedules/{URL}")
    assert answer.error == (400, "Invalid cron expression empty spec string")


@pytest.mark.conformance("S-6")
@pytest.mark.parametrize(
    "cron",
    [
        "0 * * * * *",
        "60 * * * *",
        "* * * * 8",
        "*/0 * * * *",
        "L * * * *",
        "0 0 30 2 *",
        "CRON_TZ=Mars/X * * * * *",
        "@every 59s",
        "@reboot",
    ],
)
async def test_a_cron_that_is_none_or_never_fires(desk: Desk, cron: str) -> None:
    answer = await ask(desk, "POST", f"/v2/schedules/{URL}", {"upstash-cron": cron})
    status, text = answer.error
    assert status == 400
    assert text.startswith("Invalid cron expression ")
    assert (await ask(desk, "GET", "/v2/schedules")).json == []


@pytest.mark.conformance("S-13")
async def test_a_group_is_shown_by_its_name(desk: Desk) -> None:
    endpoints = json.dumps({"endpoints": [{"url": "https://a.example/"}]}).encode()
    await ask(desk, "POST", "/v2/topics/grp/endpoints", body=endpoints)
    found = await get(desk, await create(desk, "grp?q=1"))
    assert (found["destination"], found["retries"]) == ("grp", 3)


async def test_a_group_must_exist(desk: Desk) -> None:
    answer = await ask(desk, "POST", "/v2/schedules/nobody", CRON)
    assert answer.error == (404, "topic nobody not found")


@pytest.mark.parametrize("path", ["a/b", "a%2Fb", "a%20b", ".", "..", "x" * 257, "%E2%82%AC"])
async def test_an_id_that_can_be_none(desk: Desk, path: str) -> None:
    for method, target in (
        ("GET", f"/v2/schedules/{path}"),
        ("DELETE", f"/v2/schedules/{path}"),
        ("PATCH", f"/v2/schedules/{path}/pause"),
        ("PATCH", f"/v2/schedules/{path}/resume"),
    ):
        assert (await ask(desk, method, target)).error == (400, ID_RULE), (method, target)
    for given in ("a/b", "user@example.com", "."):
        headers = {**CRON, "upstash-schedule-id": given}
        assert (await ask(desk, "POST", f"/v2/schedules/{URL}", headers)).error == (400, ID_RULE)


@pytest.mark.conformance("S-1", "K-26")
@pytest.mark.parametrize("method", ["PATCH", "POST"])
@pytest.mark.parametrize("segment", ["schedules", "Schedules", "SCHEDULES"])
async def test_pause_and_resume(desk: Desk, method: str, segment: str) -> None:
    id = await create(desk, headers={"upstash-schedule-id": "me"})
    before = await get(desk, id)
    for _ in range(2):
        answer = await ask(desk, method, f"/v2/{segment}/me/pause")
        assert (answer.status, answer.body) == (200, b"")
        paused = await get(desk, id)
        assert paused | {"nextScheduleTime": minutely(START)} == {**before, "isPaused": True}
        assert "nextScheduleTime" not in paused
    desk.clock.advance(3 * MINUTE)
    for _ in range(2):
        answer = await ask(desk, method, f"/v2/{segment}/me/resume")
        assert (answer.status, answer.body) == (200, b"")
    resumed = await get(desk, id)
    assert resumed == {**before, "nextScheduleTime": minutely(desk.clock.now())}
    assert (await ask(desk, "GET", f"/v2/{segment}/me")).json == resumed
    assert (await ask(desk, "GET", f"/v2/{segment}")).json == [resumed]


@pytest.mark.parametrize("action", ["pause", "resume"])
@pytest.mark.parametrize("method", ["PATCH", "POST"])
async def test_what_is_not_there(desk: Desk, method: str, action: str) -> None:
    answer = await ask(desk, method, f"/v2/schedules/none/{action}")
    assert answer.error == (404, "schedule none not found")


@pytest.mark.conformance("S-21")
async def test_delete(desk: Desk) -> None:
    id = await create(desk)
    for _ in range(2):
        answer = await ask(desk, "DELETE", f"/v2/schedules/{id}")
        assert (answer.status, answer.body) == (200, b"")
    assert (await ask(desk, "GET", f"/v2/schedules/{id}")).error == (
        404,
        f"schedule {id} not found",
    )
    assert (await ask(desk, "GET", "/v2/schedules")).json == []


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("DELETE", "/v2/schedules", "GET, POST"),
        ("DELETE", "/v2/schedules/", "GET, POST"),
        ("PUT", "/v2/schedules/", "GET, POST"),
        ("PUT", "/v2/schedules/scd_1", "DELETE, GET, POST"),
        ("PATCH", "/v2/schedules/scd_1", "DELETE, GET, POST"),
        ("GET", "/v2/schedules/scd_1/pause", "PATCH, POST"),
        ("DELETE", "/v2/schedules/scd_1/resume", "PATCH, POST"),
    ],
)
async def test_a_method_that_a_path_does_not_have(
    desk: Desk, method: str, target: str, allowed: str
) -> None:
    id = await create(desk)
    assert await ask(desk, method, target) == Answer(405, allowed.encode())
    assert [one["scheduleId"] for one in (await ask(desk, "GET", "/v2/schedules")).json] == [id]


@pytest.mark.parametrize(
    "destination", ["https://h.example/pause", "https://h.example/x/resume", "http%3A%2F%2Fh/pause"]
)
async def test_a_destination_never_looks_like_a_pause(desk: Desk, destination: str) -> None:
    found = await get(desk, await create(desk, destination))
    assert found["destination"] == destination.replace("%3A%2F%2F", "://")


@pytest.mark.parametrize("path", ["/v2/schedulesx", "/v2/schedule", "/v1/schedules"])
def test_other_paths_are_none(path: str) -> None:
    assert match(path.encode()) is None


@pytest.mark.conformance("S-4")
async def test_one_that_is_created_again_is_replaced_as_a_whole(desk: Desk) -> None:
    own = {"upstash-schedule-id": "me"}
    await create(desk, headers={**own, "upstash-label": "a", "upstash-delay": "5s"}, body=b"x")
    await ask(desk, "PATCH", "/v2/schedules/me/pause")
    desk.clock.advance(1000)
    await create(desk, "https://other.example/", {**own, "upstash-cron": "@hourly"})
    found = await get(desk, "me")
    assert {"body", "label", "labels", "delay"}.isdisjoint(found)
    assert (found["destination"], found["cron"]) == ("https://other.example/", "@hourly")
    assert (found["createdAt"], found["isPaused"]) == (START, True)
    assert len((await ask(desk, "GET", "/v2/schedules")).json) == 1


@pytest.mark.conformance("S-19")
async def test_a_creation_is_deduplicated(desk: Desk) -> None:
    once = {**CRON, "upstash-deduplication-id": "me"}
    first = await create(desk, headers=once)
    for headers in (once, {**once, "upstash-schedule-id": "other"}):
        answer = await ask(desk, "POST", f"/v2/schedules/{URL}", headers)
        assert (answer.status, answer.json) == (202, {"scheduleId": first, "deduplicated": True})
    assert len((await ask(desk, "GET", "/v2/schedules")).json) == 1


@pytest.mark.conformance("S-19")
async def test_messages_have_a_name_space_of_their_own(desk: Desk) -> None:
    once = {"upstash-deduplication-id": "me"}
    answer = await ask(desk, "POST", f"/v2/publish/{URL}", once)
    assert answer.status == 200
    await create(desk, headers=once)


@pytest.mark.conformance("S-22")
async def test_one_schedule_too_many(desk: Desk) -> None:
    desk.service = replace(desk.service, limits=Limits(max_schedules=2))
    await create(desk, headers={"upstash-schedule-id": "a"})
    await create(desk, headers={"upstash-schedule-id": "b"})
    await ask(desk, "PATCH", "/v2/schedules/a/pause")
    answer = await ask(desk, "POST", f"/v2/schedules/{URL}", CRON)
    assert answer.error == (412, "quota maxSchedules exceeded, current limit: 2")
    assert await create(desk, headers={"upstash-schedule-id": "a"}) == "a"


@pytest.mark.conformance("S-20")
async def test_what_is_redacted_is_hidden_in_get_and_list(desk: Desk) -> None:
    headers = {"upstash-redact-fields": "body,header[X-Secret]", "upstash-forward-x-secret": "s"}
    id = await create(desk, headers=headers, body=b"b")
    for found in (await get(desk, id), (await ask(desk, "GET", "/v2/schedules")).json[0]):
        assert found["body"] == hidden_text(b"b")
        assert found["header"] == {"X-Secret": [hidden_text(b"s")]}


@pytest.mark.conformance("S-5")
async def test_flow_control_and_queue_are_shown(desk: Desk) -> None:
    limits = ("flowControlKey", "parallelism", "rate", "period")
    headers = {"upstash-flow-control-key": "k", "upstash-flow-control-value": "parallelism=2"}
    found = await get(desk, await create(desk, headers={**headers, "upstash-queue-name": "q"}))
    assert [found.get(name) for name in limits] == ["k", 2, None, 1]
    assert "rate" not in found
    assert found["queueName"] == "q"
    assert not {*limits, "queueName"} & (await get(desk, await create(desk))).keys()
    queues = await ask(desk, "GET", "/v2/queues")
    assert queues.json == [], "the first run makes it"


async def test_users_see_nothing_of_each_other(desk: Desk) -> None:
    id = await create(desk)
    for method, target in (
        ("GET", f"/v2/schedules/{id}"),
        ("PATCH", f"/v2/schedules/{id}/pause"),
        ("PATCH", f"/v2/schedules/{id}/resume"),
    ):
        answer = await ask(desk, method, target, project=OTHER_PROJECT)
        assert answer.error == (404, f"schedule {id} not found")
    await ask(desk, "DELETE", f"/v2/schedules/{id}", project=OTHER_PROJECT)
    assert (await ask(desk, "GET", "/v2/schedules", project=OTHER_PROJECT)).json == []
    assert not (await get(desk, id))["isPaused"]


async def test_a_long_list_is_one_array(desk: Desk) -> None:
    desk.service = replace(desk.service, limits=Limits(max_schedules=0))
    ids = [await create(desk) for _ in range(SLICE + 1)]
    listed = json.loads((await ask(desk, "GET", "/v2/schedules")).body)
    assert [one["scheduleId"] for one in listed] == ids


async def test_the_engine_hears_of_ticks_that_may_be_the_next(desk: Desk) -> None:
    noted: list[UnixMs] = []
    desk.service = replace(desk.service, note_tick=noted.append)
    await create(desk, headers={"upstash-schedule-id": "me"})
    await ask(desk, "PATCH", "/v2/schedules/me/pause")
    await create(desk, headers={"upstash-schedule-id": "me"})
    await ask(desk, "PATCH", "/v2/schedules/me/resume")
    await ask(desk, "PATCH", "/v2/schedules/me/resume")
    assert noted == [minutely(START)] * 2
