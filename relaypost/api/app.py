"""The ASGI application: routing, authentication, errors, CORS (section 1)."""

import contextlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from relaypost.api.bodies import Disconnected, OverLimit, Receive, drain, read_body
from relaypost.api.bursts import Bursts
from relaypost.api.callers import INVALID, CallerAddresses, authenticate
from relaypost.api.clients import while_connected
from relaypost.api.cors import Cors
from relaypost.api.http import (
    FOR_CLIENT_ONLY,
    Caller,
    Pieces,
    RawHeaders,
    Request,
    Response,
    Scope,
)
from relaypost.api.openapi.document import document_bytes
from relaypost.api.openapi.page import page_bytes
from relaypost.api.public import Probe, Public
from relaypost.api.routes import PUBLIC, Route, match
from relaypost.domain.errors import (
    BodyTooLarge,
    BurstLimitReached,
    Forbidden,
    QuotaExceeded,
    RateLimited,
    RelaypostError,
    StoreUnavailable,
    Unauthorized,
)
from relaypost.domain.limits import Limits
from relaypost.domain.tokens import TokenKind
from relaypost.service.context import Service
from relaypost.service.directory import Directory
from relaypost.wire.bindings import NOT_ALLOWED as NOT_ALLOWED_TO_TOKEN
from relaypost.wire.errors import error_body, status_of
from relaypost.wire.rate_limits import burst_headers, refusal_headers

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

NOT_FOUND = Response(404, b'{"error":"not found"}')
NOT_ALLOWED = b'{"error":"method not allowed"}'
INTERNAL = Response(500, b'{"error":"internal error"}')
READ_ONLY = "read-only token is not allowed to perform this operation"
RETRY_AFTER = (b"retry-after", b"1")
CLOSE = (b"connection", b"close")
NO_CONTENT = 204
SAFE = frozenset({"GET", "HEAD"})
BURST = "relaypost.burst"
"""Where a request keeps the headers that each answer of a limited route carries."""

log = logging.getLogger(__name__)


class Api:
    """One instance answers all requests."""

    def __init__(
        self,
        service: Service,
        directory: Directory,
        *,
        is_ready: Probe,
        base_path: str = "",
        cors: Cors | None = None,
        addresses: CallerAddresses | None = None,
    ) -> None:
        self._service = service
        self._directory = directory
        self._base_path = base_path.encode()
        self._public = Public(
            is_ready=is_ready,
            document=lambda: document_bytes(base_path),
            page=lambda: page_bytes(base_path),
        )
        self._cors = cors or Cors()
        self._addresses = addresses or CallerAddresses(())
        self._bursts = Bursts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            response = await self._answer(scope, receive)
        except RelaypostError as error:
            response = _error(error)
        except Disconnected:
            return
        except OverLimit as error:
            response = _error(self._over_limit(scope, error.limit))
            await self._respond(scope, send, response, closes=True)
            await drain(receive)
            await send({"type": "http.response.body"})
            return
        except Exception:
            log.exception("request failed", extra={"method": scope["method"]})
            response = INTERNAL
        if response.pieces is None:
            await self._respond(scope, send, response)
            return
        with contextlib.suppress(Disconnected):
            await while_connected(receive, self._stream(scope, send, response, response.pieces))

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        method: str = scope["method"]
        if method == "OPTIONS":
            return self._cors.preflight(scope["headers"])
        path = self._path(scope)
        public = PUBLIC.get(path)
        if public is not None:
            answer = public.handler(method)
            return await answer.handle(self._public) if answer else _not_allowed(public)
        found = match(path)
        if found is None or (found.route.needs_llm and self._service.llm is None):
            return NOT_FOUND
        handler = found.route.handler(method)
        if handler is None:
            return _not_allowed(found.route)
        caller = authenticate(self._directory, scope["headers"], scope["query_string"])
        if caller.kind is not TokenKind.FULL:
            _check_right(caller.kind, method, found.route)
        limits = self._service.limits_of(caller.project_id)
        if limits.max_requests_per_second and self._has_bursts(found.route):
            self._take_burst(scope, caller, limits.max_requests_per_second)
        request = Request(
            method=method,
            path=path,
            query=scope["query_string"],
            headers=scope["headers"],
            body=await self._body(scope, receive, _body_limit(found.route, limits)),
            caller=caller,
            caller_ip=self._addresses.of(scope),
        )
        if not self._directory.has(caller.project_id):  # removed while the body came in
            raise Unauthorized(INVALID)
        answering = handler.handle(self._service, request, *found.parameters)
        if not found.route.is_slow:
            return await answering
        scope[FOR_CLIENT_ONLY] = True
        return await while_connected(receive, answering)

    def _has_bursts(self, route: Route) -> bool:
        return not route.publishes and not (route.is_polled and self._directory.development)

    def _take_burst(self, scope: Scope, caller: Caller, limit: int) -> None:
        has_room, standing = self._bursts.take(
            caller.project_id, limit, now=self._service.clock.now()
        )
        scope[BURST] = burst_headers(standing)
        if not has_room:
            raise BurstLimitReached(standing)

    def _path(self, scope: Scope) -> bytes:
        """The raw path below the base path."""
        path: bytes = scope["raw_path"]
        return path.removeprefix(self._base_path) if self._base_path else path

    async def _body(self, scope: Scope, receive: Receive, limit: int) -> bytes:
        if limit and _announced(scope) > limit:
            raise OverLimit(limit)
        return await read_body(receive, limit)

    def _over_limit(self, scope: Scope, limit: int) -> RelaypostError:
        found = match(self._path(scope))
        assert found is not None
        if found.route.takes_batch:
            return BodyTooLarge(f"request body too large, current limit: {limit}")
        return QuotaExceeded(f"quota maxMessageSize exceeded, current limit: {limit}")

    async def _respond(
        self, scope: Scope, send: Send, response: Response, *, closes: bool = False
    ) -> None:
        body = response.body
        headers = self._headers(scope, response)
        if response.status != NO_CONTENT:
            headers.append((b"content-length", b"%d" % len(body)))
        if body:
            headers.append((b"content-type", response.media_type))
        if closes:
            headers.append(CLOSE)
        shown = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": shown, "more_body": closes})

    async def _stream(self, scope: Scope, send: Send, response: Response, pieces: Pieces) -> None:
        """Send piece by piece; a body that breaks off ends the connection, not the response."""
        headers = [*self._headers(scope, response), (b"content-type", response.media_type)]
        start = {"type": "http.response.start", "status": response.status, "headers": headers}
        with contextlib.closing(pieces):
            await send(start)
            while piece := await pieces.read():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            if piece is not None:
                await send({"type": "http.response.body"})

    def _headers(self, scope: Scope, response: Response) -> RawHeaders:
        headers = [*response.headers, *self._cors.headers(scope["headers"])]
        if BURST in scope:
            headers += scope[BURST]
        return headers


def _not_allowed(route: Route) -> Response:
    return Response(405, NOT_ALLOWED, [(b"allow", route.allowed.encode())])


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _body_limit(route: Route, limits: Limits) -> int:
    return limits.max_batch_bytes if route.takes_batch else limits.max_message_bytes


def _check_right(kind: TokenKind, method: str, route: Route) -> None:
    """What tokens that are not full may do (section 7.2)."""
    if kind is TokenKind.PUBLISH_ONLY:
        if not route.publishes:
            raise Forbidden(NOT_ALLOWED_TO_TOKEN)
    elif method not in SAFE or not route.is_readable:
        raise Forbidden(READ_ONLY)


def _error(error: RelaypostError) -> Response:
    headers = [RETRY_AFTER] if isinstance(error, StoreUnavailable) else []
    if isinstance(error, RateLimited):
        headers = refusal_headers(error)
    return Response(status_of(error), error_body(error), headers)
