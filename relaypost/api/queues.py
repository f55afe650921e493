"""Queues: list, put, get, delete, pause, resume (section 4.3)."""

from relaypost.api.http import Request, Response
from relaypost.api.operations import Answer, Body, Described, Link
from relaypost.domain.errors import Invalid, NotFound, QuotaExceeded
from relaypost.service import queues
from relaypost.service.context import Service
from relaypost.wire.queues import (
    QueueFields,
    QueueRecord,
    check_queue_name,
    queue_body,
    queues_body,
    read_queue_update,
)


@Described("GET /v2/queues", "List queues", answers={200: Answer(list[QueueRecord])})
async def list_queues(service: Service, request: Request) -> Response:
    return Response(200, queues_body(await queues.list_queues(service, request.caller.project_id)))


NAMED = ("queueName", "$request.body#/queueName")


@Described(
    "POST /v2/queues",
    "Create or change a queue",
    answers={
        200: Answer(
            links=(
                Link("getQueue", *NAMED),
                Link("pauseQueue", *NAMED),
                Link("deleteQueue", *NAMED),
            )
        )
    },
    errors=(Invalid, QuotaExceeded),
    body=Body(QueueFields, example={"queueName": "orders", "parallelism": 3}),
)
async def put_queue(service: Service, request: Request) -> Response:
    update = read_queue_update(request.body, service.limits_of(request.caller.project_id))
    await queues.put_queue(service, request.caller.project_id, update)
    return Response(200)


@Described(
    "GET /v2/queues/{queueName}",
    "Get a queue",
    answers={200: Answer(QueueRecord)},
    errors=(Invalid, NotFound),
)
async def get_queue(service: Service, request: Request, name: str) -> Response:
    name = check_queue_name(name)
    return Response(
        200, queue_body(await queues.get_queue(service, request.caller.project_id, name))
    )


@Described(
    "DELETE /v2/queues/{queueName}",
    "Delete a queue",
    answers={200: Answer(says="There is no such queue, whether or not there was one.")},
    errors=(Invalid,),
)
async def delete_queue(service: Service, request: Request, name: str) -> Response:
    await queues.delete_queue(service, request.caller.project_id, check_queue_name(name))
    return Response(200)


@Described(
    "POST /v2/queues/{queueName}/pause",
    "Pause a queue",
    "Deliveries that are open end; no other starts. Messages go on to be accepted.",
    errors=(Invalid, NotFound),
)
async def pause_queue(service: Service, request: Request, name: str) -> Response:
    return await _set_paused(service, request, name, is_paused=True)


@Described("POST /v2/queues/{queueName}/resume", "Resume a queue", errors=(Invalid, NotFound))
async def resume_queue(service: Service, request: Request, name: str) -> Response:
    return await _set_paused(service, request, name, is_paused=False)


async def _set_paused(
    service: Service, request: Request, name: str, *, is_paused: bool
) -> Response:
    name = check_queue_name(name)
    await queues.set_paused(service, request.caller.project_id, name, is_paused)
    return Response(200)
