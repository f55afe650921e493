"""Schedules: create, list, get, delete, pause, resume (section 5.1)."""

import asyncio
from urllib.parse import unquote

from relaypost.api.contexts import publish_context
from relaypost.api.http import Request, Response
from relaypost.api.publish import find_groups_for
from relaypost.domain.errors import Invalid
from relaypost.service import schedules
from relaypost.service.context import Service
from relaypost.wire.schedule_responses import created_answer, schedule_body, schedules_body
from relaypost.wire.schedules import ID_RULE, Planning, check_id, read_schedule

SLICE = 200
"""Schedules that are written without letting other requests come in between."""


async def create_schedule(service: Service, request: Request, rest: bytes = b"") -> Response:
    """`POST /v2/schedules/{destination}`; `rest` is the raw target behind the route."""
    groups = await find_groups_for(service, request, rest)
    asked = read_schedule(
        rest,
        request.query,
        headers=request.headers,
        body=request.body,
        context=publish_context(service, request, groups=groups),
        planning=Planning(
            zones=service.zones,
            now=service.clock.system_now(),
            new_id=service.ids.new("scd_"),
        ),
    )
    planned = await schedules.create(service, asked)
    return Response(*created_answer(planned.id or asked.id, is_duplicate=planned.is_duplicate))


async def list_schedules(service: Service, request: Request) -> Response:
    """`GET /v2/schedules`: all of them, in one array."""
    found = await schedules.list_schedules(service, request.caller.project_id)
    slices = []
    for start in range(0, len(found), SLICE):
        slices.append(schedules_body(found[start : start + SLICE])[1:-1])
        await asyncio.sleep(0)
    return Response(200, b"[%s]" % b",".join(slices))


async def get_schedule(service: Service, request: Request, raw_id: bytes) -> Response:
    """`GET /v2/schedules/{scheduleId}`."""
    found = await schedules.get(service, request.caller.project_id, _id(raw_id))
    return Response(200, schedule_body(found))


async def delete_schedule(service: Service, request: Request, raw_id: bytes) -> Response:
    """`DELETE /v2/schedules/{scheduleId}`."""
    await schedules.delete(service, request.caller.project_id, _id(raw_id))
    return Response(200)


async def pause_schedule(service: Service, request: Request, raw_id: bytes) -> Response:
    """`PATCH` or `POST /v2/schedules/{scheduleId}/pause`."""
    await schedules.pause(service, request.caller.project_id, _id(raw_id))
    return Response(200)


async def resume_schedule(service: Service, request: Request, raw_id: bytes) -> Response:
    """`PATCH` or `POST /v2/schedules/{scheduleId}/resume`."""
    await schedules.resume(service, request.caller.project_id, _id(raw_id))
    return Response(200)


async def refuse_id(service: Service, request: Request, rest: bytes) -> Response:
    """`PATCH` of what can't be an id."""
    raise Invalid(ID_RULE)


def _id(raw: bytes) -> str:
    id = unquote(raw.decode("latin-1"), errors="replace")
    check_id(id)
    return id
