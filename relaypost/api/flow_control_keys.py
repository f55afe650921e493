"""Flow-control keys: list, get, steer; and all open attempts of a project (sections 4.11 to 4.13).

`rest` is the raw path behind `/v2/flowControl/`.
"""

from relaypost.api.http import Request, Response
from relaypost.service import flow_control_keys
from relaypost.service.context import Service
from relaypost.wire.flow_control_keys import (
    global_parallelism_body,
    key_body,
    keys_body,
    read_key,
    read_pin,
    read_search,
    read_steered_key,
    read_unpin,
)


async def list_keys(service: Service, request: Request) -> Response:
    """`GET /v2/flowControl`."""
    found = await flow_control_keys.list_keys(
        service, request.caller.project_id, containing=read_search(request.query)
    )
    return Response(200, keys_body(found, now=service.clock.now()))


async def get_key(service: Service, request: Request, rest: bytes) -> Response:
    """`GET /v2/flowControl/{key}`."""
    status = await flow_control_keys.get_key(service, request.caller.project_id, read_key(rest))
    return Response(200, key_body(status, now=service.clock.now()))


async def get_global_parallelism(service: Service, request: Request) -> Response:
    """`GET /v2/globalParallelism`."""
    count = await flow_control_keys.count_open_attempts(service, request.caller.project_id)
    return Response(
        200,
        global_parallelism_body(
            service.limits_of(request.caller.project_id).max_global_parallelism, count
        ),
    )


async def pause_key(service: Service, request: Request, rest: bytes) -> Response:
    """`POST /v2/flowControl/{key}/pause`."""
    await flow_control_keys.pause_key(service, request.caller.project_id, read_steered_key(rest))
    return Response(200)


async def resume_key(service: Service, request: Request, rest: bytes) -> Response:
    """`POST /v2/flowControl/{key}/resume`."""
    await flow_control_keys.resume_key(service, request.caller.project_id, read_steered_key(rest))
    return Response(200)


async def pin_key(service: Service, request: Request, rest: bytes) -> Response:
    """`POST /v2/flowControl/{key}/pin`."""
    key, pin = (
        read_steered_key(rest),
        read_pin(request.query, service.limits_of(request.caller.project_id)),
    )
    await flow_control_keys.pin_key(service, request.caller.project_id, key, pin)
    return Response(200)


async def unpin_key(service: Service, request: Request, rest: bytes) -> Response:
    """`POST /v2/flowControl/{key}/unpin`."""
    key, parts = read_steered_key(rest), read_unpin(request.query)
    await flow_control_keys.unpin_key(service, request.caller.project_id, key, parts)
    return Response(200)


async def reset_key(service: Service, request: Request, rest: bytes) -> Response:
    """`POST /v2/flowControl/{key}/resetRate`, and `.../reset`, another name for it."""
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
