"""The dead letter queue: list, get, delete, retry (sections 6.7 to 6.11)."""

from relaypost.api.http import Request, Response
from relaypost.service import dead_letters
from relaypost.service.context import Service
from relaypost.wire.overrides import Overrides, read_overrides
from relaypost.wire.publish import PublishContext
from relaypost.wire.queries import read_dead_letter_query, read_delete_query, read_retry_query
from relaypost.wire.responses import (
    all_retried_body,
    dead_letter_body,
    dead_letters_body,
    deleted_body,
    retried_body,
)


async def list_dead_letters(service: Service, request: Request) -> Response:
    """`GET /v2/dlq`."""
    query = read_dead_letter_query(request.query)
    found = await dead_letters.list_dead_letters(service, request.caller.project_id, query)
    return Response(200, dead_letters_body(found.items, found.next))


async def get_dead_letter(service: Service, request: Request, id: str) -> Response:
    """`GET /v2/dlq/{dlqId}`."""
    found = await dead_letters.get_dead_letter(service, request.caller.project_id, id)
    return Response(200, dead_letter_body(found))


async def delete_dead_letter(service: Service, request: Request, id: str) -> Response:
    """`DELETE /v2/dlq/{dlqId}`."""
    await dead_letters.delete_dead_letter(service, request.caller.project_id, id)
    return Response(200)


async def delete_dead_letters(service: Service, request: Request) -> Response:
    """`DELETE /v2/dlq`."""
    query = read_delete_query(request.query, request.body)
    count, following = await dead_letters.delete_dead_letters(
        service, request.caller.project_id, query
    )
    return Response(200, deleted_body(count, following))


async def retry_dead_letter(service: Service, request: Request, id: str) -> Response:
    """`POST /v2/dlq/retry/{dlqId}`; the body says nothing."""
    made = await dead_letters.retry_dead_letter(
        service, request.caller.project_id, id, bring_back=_overrides(service, request).bring_back
    )
    return Response(201, retried_body(made))


async def retry_dead_letters(service: Service, request: Request) -> Response:
    """`POST /v2/dlq/retry`."""
    query = read_retry_query(request.query, request.body)
    made, following = await dead_letters.retry_dead_letters(
        service,
        request.caller.project_id,
        query,
        bring_back=_overrides(service, request).bring_back,
    )
    return Response(201, all_retried_body(made, following))


def _overrides(service: Service, request: Request) -> Overrides:
    context = PublishContext(
        project_id=request.caller.project_id,
        limits=service.limits_of(request.caller.project_id),
        policy=service.policy,
        now=service.clock.now(),
    )
    return read_overrides(request.headers, request.query, context)
