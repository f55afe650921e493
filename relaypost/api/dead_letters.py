"""The dead letter queue: list, get, delete, retry (sections 6.7 to 6.11)."""

from relaypost.api.http import Request, Response
from relaypost.api.operations import Answer, Described, Link
from relaypost.domain.errors import Invalid, NotFound, QuotaExceeded
from relaypost.service import dead_letters
from relaypost.service.context import Service
from relaypost.wire.options import SHARED_OPTIONS
from relaypost.wire.overrides import Overrides, read_overrides
from relaypost.wire.publish import PublishContext
from relaypost.wire.queries import (
    BULK_DEAD_LETTER_NAMES,
    DEAD_LETTER_NAMES,
    read_dead_letter_query,
    read_delete_query,
    read_retry_query,
)
from relaypost.wire.responses import (
    AllRetried,
    DeadLetterPage,
    DeadLetterRecord,
    Deleted,
    Retried,
    all_retried_body,
    dead_letter_body,
    dead_letters_body,
    deleted_body,
    retried_body,
)

OVERRIDES = SHARED_OPTIONS | {"Not-Before", "Queue-Name"}
REPLACED = "The new message is like the first one; options given here replace its own one by one."


@Described(
    "GET /v2/dlq",
    "List dead letters",
    answers={
        200: Answer(
            DeadLetterPage,
            links=(
                Link("getDeadLetter", "dlqId", "$response.body#/messages/0/dlqId"),
                Link("retryDeadLetter", "dlqId", "$response.body#/messages/0/dlqId"),
                Link("deleteDeadLetter", "dlqId", "$response.body#/messages/0/dlqId"),
            ),
        )
    },
    errors=(Invalid,),
    filters=DEAD_LETTER_NAMES,
)
async def list_dead_letters(service: Service, request: Request) -> Response:
    query = read_dead_letter_query(request.query)
    found = await dead_letters.list_dead_letters(service, request.caller.project_id, query)
    return Response(200, dead_letters_body(found.items, found.next))


@Described(
    "GET /v2/dlq/{dlqId}",
    "Get a dead letter",
    answers={200: Answer(DeadLetterRecord)},
    errors=(NotFound,),
)
async def get_dead_letter(service: Service, request: Request, id: str) -> Response:
    found = await dead_letters.get_dead_letter(service, request.caller.project_id, id)
    return Response(200, dead_letter_body(found))


@Described("DELETE /v2/dlq/{dlqId}", "Delete a dead letter", errors=(NotFound,))
async def delete_dead_letter(service: Service, request: Request, id: str) -> Response:
    await dead_letters.delete_dead_letter(service, request.caller.project_id, id)
    return Response(200)


@Described(
    "DELETE /v2/dlq",
    "Delete many dead letters",
    "The oldest that match, or those that `dlqIds` names; **without any filter, all there are**, "
    "page by page: go on while the answer has a cursor.",
    answers={200: Answer(Deleted)},
    errors=(Invalid,),
    filters=BULK_DEAD_LETTER_NAMES,
    takes_filters_in_body=True,
)
async def delete_dead_letters(service: Service, request: Request) -> Response:
    query = read_delete_query(request.query, request.body)
    count, following = await dead_letters.delete_dead_letters(
        service, request.caller.project_id, query
    )
    return Response(200, deleted_body(count, following))


@Described(
    "POST /v2/dlq/retry/{dlqId}",
    "Retry a dead letter",
    f"It becomes a new message and leaves the queue of dead letters. {REPLACED}",
    answers={
        201: Answer(Retried, links=(Link("getMessage", "messageId", "$response.body#/messageId"),))
    },
    errors=(Invalid, NotFound, QuotaExceeded),
    options=OVERRIDES,
)
async def retry_dead_letter(service: Service, request: Request, id: str) -> Response:
    made = await dead_letters.retry_dead_letter(
        service, request.caller.project_id, id, bring_back=_overrides(service, request).bring_back
    )
    return Response(201, retried_body(made))


@Described(
    "POST /v2/dlq/retry",
    "Retry many dead letters",
    "The oldest that match, or those that `dlqIds` names: all of them, or none if one is missing. "
    f"{REPLACED}",
    answers={201: Answer(AllRetried)},
    errors=(Invalid, NotFound, QuotaExceeded),
    filters=BULK_DEAD_LETTER_NAMES,
    takes_filters_in_body=True,
    options=OVERRIDES,
)
async def retry_dead_letters(service: Service, request: Request) -> Response:
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
