"""Requests and responses as the routes see them: raw, complete, authenticated."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from relaypost.domain.tokens import NOT_BOUND, Bindings, TokenKind
from relaypost.domain.types import ProjectId

Scope = MutableMapping[str, Any]
"""What ASGI says of a request."""

FOR_CLIENT_ONLY = "relaypost.for_client_only"
"""Set in the scope of a request that nobody needs any more when its client has gone."""

RawHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose token came with the request, and what it may do."""

    project_id: ProjectId
    kind: TokenKind
    token_in_query: bool = False
    bindings: Bindings = NOT_BOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: bytes
    """The raw path, nothing decoded, from `/v2` on."""
    query: bytes
    """Raw, without the token."""
    headers: RawHeaders
    """Names in lower case."""
    body: bytes
    caller: Caller
    caller_ip: str | None


class Pieces(Protocol):
    """A body that is sent while it is made. It is closed whatever happens."""

    async def read(self) -> bytes | None:
        """The next piece, empty at the end; `None` when it broke off."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Response:
    status: int = 200
    body: bytes = b""
    headers: RawHeaders = field(default_factory=list)
    """Beside `Content-Type`, `Content-Length` and those of CORS."""
    media_type: bytes = b"application/json"
    """Of the body; without one it is not sent."""
    pieces: Pieces | None = None
    """Instead of a body."""
