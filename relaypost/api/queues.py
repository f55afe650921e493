"""Queues: list, put, get, delete, pause, resume (section 4.3)."""

from relaypost.api.http import Request, Response
from relaypost.service import queues
from relaypost.service.context import Service
from relaypost.wire.queues import check_queue_name, queue_body, queues_body, read_queue_update


async def list_queues(service: Service, request: Request) -> Response:
    """`GET /v2/queues`."""
    return Response(200, queues_body(await queues.list_queues(service, request.caller.project_id)))


async def put_queue(service: Service, request: Request) -> Response:
    """`POST /v2/queues`."""
    update = read_queue_update(request.body, service.limits_of(request.caller.project_id))
    await queues.put_queue(service, request.caller.project_id, update)
    return Response(200)


async def get_queue(service: Service, request: Request, name: str) -> Response:
    """`GET /v2/queues/{name}`."""
    name = check_queue_name(name)
    return Response(
        200, queue_body(await queues.get_queue(service, request.caller.project_id, name))
    )


async def delete_queue(service: Service, request: Request, name: str) -> Response:
    """`DELETE /v2/queues/{name}`."""
    await queues.delete_queue(service, request.caller.project_id, check_queue_name(name))
    return Response(200)


async def pause_queue(service: Service, request: Request, name: str) -> Response:
    """`POST /v2/queues/{name}/pause`; the body says nothing."""
    return await _set_paused(service, request, name, is_paused=True)


async def resume_queue(service: Service, request: Request, name: str) -> Response:
    """`POST /v2/queues/{name}/resume`; the body says nothing."""
    return await _set_paused(service, request, name, is_paused=False)


async def _set_paused(
    service: Service, request: Request, name: str, *, is_paused: bool
) -> Response:
    name = check_queue_name(name)
    await queues.set_paused(service, request.caller.project_id, name, is_paused)
    return Response(200)
