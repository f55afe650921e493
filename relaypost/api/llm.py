"""Chat with the service behind `api/llm`: a thin proxy, which keeps nothing (section 7.5)."""

import logging
from typing import Any

from relaypost.api.http import Request, Response
from relaypost.api.operations import Answer, Body, Described
from relaypost.domain.errors import Invalid, NotFound, Unreachable
from relaypost.domain.outcomes import NotReached
from relaypost.service.context import Service
from relaypost.service.llm import LlmAnswer, open_chat, read_whole
from relaypost.wire.llm import (
    CHAT_HEADERS,
    EventCutter,
    chat_body,
    chat_headers,
    is_event_stream,
    media_type_of,
)

log = logging.getLogger(__name__)


@Described(
    "POST /llm/v1/chat/completions",
    "Chat with a language model",
    "Passed on to the service that the server is configured with; nothing is kept. "
    "There is no such route where none is.",
    answers={
        200: Answer(dict[str, Any], "What the service answered.", streams="text/event-stream"),
        "default": Answer(str, "What the service answered.", "*/*"),
    },
    errors=(Invalid, NotFound, Unreachable),
    body=Body(
        dict[str, Any],
        example={"model": "m", "messages": [{"role": "user", "content": "Say hello."}]},
    ),
)
async def complete_chat(service: Service, request: Request) -> Response:
    body = chat_body(request.body)
    assert service.llm is not None
    answer = await open_chat(service.llm, body, headers=CHAT_HEADERS)
    headers, media_type = chat_headers(answer.headers), media_type_of(answer.headers)
    if is_event_stream(media_type):
        return Response(answer.status, b"", headers, media_type, Events(answer))
    try:
        whole = await read_whole(
            answer, limit=service.limits_of(request.caller.project_id).max_message_bytes
        )
    finally:
        answer.close()
    return Response(answer.status, whole, headers, media_type)


class Events:
    """The events of a streamed answer, whole ones in each piece."""

    def __init__(self, answer: LlmAnswer) -> None:
        self._answer = answer
        self._cutter = EventCutter()
        self._has_ended = False

    async def read(self) -> bytes | None:
        while not self._has_ended:
            piece = await self._answer.read()
            if isinstance(piece, NotReached):
                return self._break_off(piece.error)
            events = self._cutter.feed(piece) if piece else self._cutter.end()
            if self._cutter.is_overfull:
                return self._break_off("an event is too long")
            self._has_ended = not piece or self._cutter.is_done
            if events:
                return events
        return b""

    def close(self) -> None:
        self._answer.close()

    def _break_off(self, reason: str) -> bytes | None:
        log.warning("a streamed answer broke off", extra={"error": reason})
        return None
