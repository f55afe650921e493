"""Flow-control keys: list, get, steer; and all open attempts of a project (sections 4.11 to 4.13).

`rest` is the raw path behind `/v2/flowControl/`.
"""

from relaypost.api.http import Request, Response
from relaypost.api.operations import Answer, Described, Parameter
from relaypost.domain.errors import Invalid, NotFound, QuotaExceeded
from relaypost.service import flow_control_keys
from relaypost.service.context import Service
from relaypost.wire.flow_control_keys import (
    GlobalRecord,
    KeyRecord,
    global_parallelism_body,
    key_body,
    keys_body,
    read_key,
    read_pin,
    read_search,
    read_steered_key,
    read_unpin,
)

COUNT = {"type": "integer", "minimum": 1}
FLAG = {"type": "boolean"}


@Described(
    "GET /v2/flowControl",
    "List flow-control keys",
    answers={200: Answer(list[KeyRecord])},
    query=(Parameter("search", "Keys that contain this text, whatever its letter case."),),
    id="listFlowControlKeys",
)
async def list_keys(service: Service, request: Request) -> Response:
    found = await flow_control_keys.list_keys(
        service, request.caller.project_id, containing=read_search(request.query)
    )
    return Response(200, keys_body(found, now=service.clock.now()))


@Described(
    "GET /v2/flowControl/{flowControlKey}",
    "Get a flow-control key",
    answers={200: Answer(KeyRecord)},
    errors=(NotFound,),
    id="getFlowControlKey",
)
async def get_key(service: Service, request: Request, rest: bytes) -> Response:
    status = await flow_control_keys.get_key(service, request.caller.project_id, read_key(rest))
    return Response(200, key_body(status, now=service.clock.now()))


@Described(
    "GET /v2/globalParallelism",
    "Count the open deliveries of the project",
    answers={200: Answer(GlobalRecord)},
)
async def get_global_parallelism(service: Service, request: Request) -> Response:
    count = await flow_control_keys.count_open_attempts(service, request.caller.project_id)
    return Response(
        200,
        global_parallelism_body(
            service.limits_of(request.caller.project_id).max_global_parallelism, count
        ),
    )


@Described(
    "POST /v2/flowControl/{flowControlKey}/pause",
    "Pause a flow-control key",
    "Deliveries that are open end; no other starts. Messages go on to be accepted.",
    errors=(Invalid,),
    id="pauseFlowControlKey",
)
async def pause_key(service: Service, request: Request, rest: bytes) -> Response:
    await flow_control_keys.pause_key(service, request.caller.project_id, read_steered_key(rest))
    return Response(200)


@Described(
    "POST /v2/flowControl/{flowControlKey}/resume",
    "Resume a flow-control key",
    errors=(Invalid,),
    id="resumeFlowControlKey",
)
async def resume_key(service: Service, request: Request, rest: bytes) -> Response:
    await flow_control_keys.resume_key(service, request.caller.project_id, read_steered_key(rest))
    return Response(200)


@Described(
    "POST /v2/flowControl/{flowControlKey}/pin",
    "Fix the limits of a flow-control key",
    "What is fixed counts whatever messages bring. At least one of the two limits.",
    errors=(Invalid, QuotaExceeded),
    query=(
        Parameter("parallelism", "How many deliveries may be open at once.", COUNT),
        Parameter("rate", "How many deliveries may start in each period.", COUNT),
        Parameter("period", "In seconds; 1 unless told.", COUNT),
    ),
    id="pinFlowControlKey",
)
async def pin_key(service: Service, request: Request, rest: bytes) -> Response:
    limits = service.limits_of(request.caller.project_id)
    key, pin = read_steered_key(rest), read_pin(request.query, limits)
    await flow_control_keys.pin_key(service, request.caller.project_id, key, pin)
    return Response(200)


@Described(
    "POST /v2/flowControl/{flowControlKey}/unpin",
    "Release the limits of a flow-control key",
    "They stay until the next message brings others.",
    errors=(Invalid,),
    query=(
        Parameter("parallelism", "Whether this limit is released.", FLAG),
        Parameter("rate", "Whether this limit is released, and its period.", FLAG),
    ),
    id="unpinFlowControlKey",
)
async def unpin_key(service: Service, request: Request, rest: bytes) -> Response:
    key, parts = read_steered_key(rest), read_unpin(request.query)
    await flow_control_keys.unpin_key(service, request.caller.project_id, key, parts)
    return Response(200)


@Described(
    "POST /v2/flowControl/{flowControlKey}/resetRate",
    "Start a new window of the rate",
    errors=(Invalid,),
    aliases=("POST /v2/flowControl/{flowControlKey}/reset",),
    id="resetFlowControlKey",
)
async def reset_key(service: Service, request: Request, rest: bytes) -> Response:
    await flow_control_keys.reset_key(service, request.caller.project_id, read_steered_key(rest))
    return Response(200)


ACTIONS = {
    b"pause": pause_key,
    b"resume": resume_key,
    b"pin": pin_key,
    b"unpin": unpin_key,
    b"resetRate": reset_key,
    b"reset": reset_key,
}
"""What can be done to a key, by the last segment of the path."""
