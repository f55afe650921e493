"""Schedules: create, list, get, delete, pause, resume (section 5.1)."""

import asyncio
from urllib.parse import unquote

from relaypost.api.contexts import publish_context
from relaypost.api.http import Request, Response
from relaypost.api.operations import Answer, Described, Link
from relaypost.api.publish import MESSAGE, REFUSED, find_groups_for
from relaypost.domain.errors import Invalid, NotFound
from relaypost.service import schedules
from relaypost.service.context import Service
from relaypost.wire.options import MESSAGE_ONLY, SHARED_OPTIONS
from relaypost.wire.schedule_responses import (
    Created,
    ScheduleRecord,
    created_answer,
    schedule_body,
    schedules_body,
)
from relaypost.wire.schedules import ID_RULE, Planning, check_id, read_schedule

SLICE = 200
"""Schedules that are written without letting other requests come in between."""

OPTIONS = (SHARED_OPTIONS | MESSAGE_ONLY) - {"Not-Before"}
CREATED = ("scheduleId", "$response.body#/scheduleId")


@Described(
    "POST /v2/schedules/{destination}",
    "Create or replace a schedule",
    "The expression may begin with a time zone, as in `CRON_TZ=Europe/Berlin 0 4 * * *`. All other "
    "options are those of the messages. A schedule with the same id is replaced as a whole, but a "
    "pause stays.",
    answers={
        200: Answer(
            Created,
            links=(
                Link("getSchedule", *CREATED),
                Link("pauseSchedule", *CREATED),
                Link("deleteSchedule", *CREATED),
            ),
        ),
        202: Answer(Created, "Created before, under the same deduplication id."),
    },
    errors=REFUSED,
    options=OPTIONS,
    body=MESSAGE,
)
async def create_schedule(service: Service, request: Request, rest: bytes = b"") -> Response:
    """`rest` is the raw target behind the route."""
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


@Described("GET /v2/schedules", "List schedules", answers={200: Answer(list[ScheduleRecord])})
async def list_schedules(service: Service, request: Request) -> Response:
    found = await schedules.list_schedules(service, request.caller.project_id)
    slices = []
    for start in range(0, len(found), SLICE):
        slices.append(schedules_body(found[start : start + SLICE])[1:-1])
        await asyncio.sleep(0)
    return Response(200, b"[%s]" % b",".join(slices))


@Described(
    "GET /v2/schedules/{scheduleId}",
    "Get a schedule",
    answers={200: Answer(ScheduleRecord)},
    errors=(Invalid, NotFound),
)
async def get_schedule(service: Service, request: Request, raw_id: bytes) -> Response:
    found = await schedules.get(service, request.caller.project_id, _id(raw_id))
    return Response(200, schedule_body(found))


@Described(
    "DELETE /v2/schedules/{scheduleId}",
    "Delete a schedule",
    "Messages that it has made stay.",
    answers={200: Answer(says="There is no such schedule, whether or not there was one.")},
    errors=(Invalid,),
)
async def delete_schedule(service: Service, request: Request, raw_id: bytes) -> Response:
    await schedules.delete(service, request.caller.project_id, _id(raw_id))
    return Response(200)


@Described(
    "PATCH /v2/schedules/{scheduleId}/pause",
    "Pause a schedule",
    "What would have run meanwhile never does.",
    errors=(Invalid, NotFound),
    aliases=("POST /v2/schedules/{scheduleId}/pause",),
)
async def pause_schedule(service: Service, request: Request, raw_id: bytes) -> Response:
    await schedules.pause(service, request.caller.project_id, _id(raw_id))
    return Response(200)


@Described(
    "PATCH /v2/schedules/{scheduleId}/resume",
    "Resume a schedule",
    errors=(Invalid, NotFound),
    aliases=("POST /v2/schedules/{scheduleId}/resume",),
)
async def resume_schedule(service: Service, request: Request, raw_id: bytes) -> Response:
    await schedules.resume(service, request.caller.project_id, _id(raw_id))
    return Response(200)


@Described("")
async def refuse_id(service: Service, request: Request, rest: bytes) -> Response:
    """A step of a schedule whose id can't be one."""
    raise Invalid(ID_RULE)


def _id(raw: bytes) -> str:
    id = unquote(raw.decode("latin-1"), errors="replace")
    check_id(id)
    return id
