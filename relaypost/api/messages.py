"""Messages: get, cancel one, cancel many (sections 6.2 to 6.4)."""

from relaypost.api.http import Request, Response
from relaypost.service import messages
from relaypost.service.context import Service
from relaypost.wire.queries import read_cancel_query
from relaypost.wire.responses import canceled_body, message_body


async def get_message(service: Service, request: Request, id: str) -> Response:
    """`GET /v2/messages/{messageId}`."""
    message = await messages.get_message(service, request.caller.project_id, id)
    return Response(200, message_body(message))


async def cancel_message(service: Service, request: Request, id: str) -> Response:
    """`DELETE /v2/messages/{messageId}`."""
    await messages.cancel_message(service, request.caller.project_id, id)
    return Response(200, canceled_body(1))


async def cancel_messages(service: Service, request: Request) -> Response:
    """`DELETE /v2/messages`."""
    query = read_cancel_query(request.query, request.body)
    count = await messages.cancel_messages(service, request.caller.project_id, query)
    return Response(200, canceled_body(count))
