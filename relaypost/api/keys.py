"""Signing keys (section 7.1); none of it for read-only tokens."""

from relaypost.api.http import Request, Response
from relaypost.service import keys
from relaypost.service.context import Service
from relaypost.wire.responses import keys_body


async def get_keys(service: Service, request: Request) -> Response:
    """`GET /v2/keys`."""
    return Response(200, keys_body(keys.get_keys(service.keys, request.caller.project_id)))


async def rotate_keys(service: Service, request: Request) -> Response:
    """`POST /v2/keys/rotate`, and `POST /v2/rotate` for an older client."""
    pair = await keys.rotate_keys(
        service.keys,
        request.caller.project_id,
        store=service.store.projects,
        now=service.clock.now(),
    )
    return Response(200, keys_body(pair))
