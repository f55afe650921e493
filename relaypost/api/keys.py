"""Signing keys (section 7.1); none of it for read-only tokens."""

from relaypost.api.http import Request, Response
from relaypost.api.operations import Answer, Described
from relaypost.domain.errors import Forbidden
from relaypost.service import keys
from relaypost.service.context import Service
from relaypost.wire.responses import KeyPair, keys_body


@Described(
    "GET /v2/keys",
    "Get the signing keys",
    "Receivers verify `Upstash-Signature` with them. A read-only token may not see them.",
    answers={200: Answer(KeyPair)},
)
async def get_keys(service: Service, request: Request) -> Response:
    return Response(200, keys_body(keys.get_keys(service.keys, request.caller.project_id)))


@Described(
    "POST /v2/keys/rotate",
    "Rotate the signing keys",
    "The next key becomes the current one, and there is a new next one. A second rotation soon "
    "after the first, as of a request that is repeated, changes nothing.",
    answers={200: Answer(KeyPair, "The pair as it is now.")},
    errors=(Forbidden,),
    aliases=("POST /v2/rotate",),
)
async def rotate_keys(service: Service, request: Request) -> Response:
    pair = await keys.rotate_keys(
        service.keys,
        request.caller.project_id,
        store=service.store.projects,
        now=service.clock.now(),
    )
    return Response(200, keys_body(pair))
