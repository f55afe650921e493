"""Messages: get, cancel one, cancel many (sections 6.2 to 6.4)."""

from relaypost.api.http import Request, Response
from relaypost.api.operations import Answer, Described
from relaypost.domain.errors import Invalid, NotFound
from relaypost.service import messages
from relaypost.service.context import Service
from relaypost.wire.queries import CANCEL_NAMES, read_cancel_query
from relaypost.wire.responses import Canceled, MessageRecord, canceled_body, message_body


@Described(
    "GET /v2/messages/{messageId}",
    "Get a message",
    "One that has ended can be read for a short time; its history stays in the logs.",
    answers={200: Answer(MessageRecord)},
    errors=(NotFound,),
)
async def get_message(service: Service, request: Request, id: str) -> Response:
    message = await messages.get_message(service, request.caller.project_id, id)
    return Response(200, message_body(message))


@Described(
    "DELETE /v2/messages/{messageId}",
    "Cancel a message",
    "One that waits ends at once. One that is being delivered is not retried any more.",
    answers={200: Answer(Canceled)},
    errors=(NotFound,),
)
async def cancel_message(service: Service, request: Request, id: str) -> Response:
    await messages.cancel_message(service, request.caller.project_id, id)
    return Response(200, canceled_body(1))


@Described(
    "DELETE /v2/messages",
    "Cancel many messages",
    "All that match, or that are named by `messageIds`; **without any filter, all there are**.",
    answers={200: Answer(Canceled)},
    errors=(Invalid,),
    filters=CANCEL_NAMES,
    takes_filters_in_body=True,
)
async def cancel_messages(service: Service, request: Request) -> Response:
    query = read_cancel_query(request.query, request.body)
    count = await messages.cancel_messages(service, request.caller.project_id, query)
    return Response(200, canceled_body(count))
