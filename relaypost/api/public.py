"""What everyone is answered, without a token: probes, the document of the API, its page."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from relaypost.api.http import Response
from relaypost.api.operations import Answer, Described

HTML = "text/html; charset=utf-8"
Probe = Callable[[], Awaitable[bool]]


class Condition(msgspec.Struct):
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Public:
    """Where the answers come from."""

    is_ready: Probe
    document: Callable[[], bytes]
    page: Callable[[], bytes]


@Described("GET /healthz", "Tell that the process lives", answers={200: Answer(Condition)})
async def get_health(_: Public) -> Response:
    return Response(200, b'{"status":"ok"}')


@Described(
    "GET /readyz",
    "Tell whether messages can be taken",
    answers={200: Answer(Condition), 503: Answer(Condition)},
)
async def get_readiness(public: Public) -> Response:
    if await public.is_ready():
        return Response(200, b'{"status":"ok"}')
    return Response(503, b'{"status":"not ready"}')


@Described("GET /openapi.json", "Get this document", answers={200: Answer(dict[str, Any])})
async def get_document(public: Public) -> Response:
    return Response(200, public.document())


@Described("GET /docs", "Read this document", answers={200: Answer(str, media_type=HTML)})
async def get_page(public: Public) -> Response:
    return Response(200, public.page(), media_type=HTML.encode())
