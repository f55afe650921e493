"""The service behind `api/llm`, as requests see it: its URL, and chats with it."""

from typing import Protocol

from relaypost.domain.errors import Unreachable
from relaypost.domain.outcomes import NotReached, Responded
from relaypost.domain.types import Headers


class LlmAnswer(Protocol):
    """An answer that is read while it comes. Whoever gets one must close it."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Headers: ...

    async def read(self) -> bytes | NotReached:
        """The next piece of the body, empty at its end; or why it broke off."""
        ...

    def close(self) -> None:
        """Let go of it; what has not come yet never will."""
        ...


class Llm(Protocol):
    @property
    def url(self) -> str: ...

    async def ask(self, body: bytes, *, headers: Headers) -> LlmAnswer | NotReached:
        """Send a request; answers as soon as status and headers are there."""
        ...


async def open_chat(llm: Llm, body: bytes, *, headers: Headers) -> LlmAnswer:
    """Ask, and hand over what is answered.

    Raises:
        Unreachable: nothing is, or nothing that could be passed on.
    """
    answer = await llm.ask(body, headers=headers)
    if isinstance(answer, NotReached):
        raise Unreachable(answer.error)
    if 200 <= answer.status < 300 or 400 <= answer.status < 600:
        return answer
    answer.close()
    raise Unreachable(Responded(status=answer.status, headers=answer.headers).error)


async def read_whole(answer: LlmAnswer, *, limit: int) -> bytes:
    """The body of an answer; `limit` 0 means none.

    Raises:
        Unreachable: it broke off, or is longer.
    """
    pieces, size = [], 0
    while piece := await answer.read():
        if isinstance(piece, NotReached):
            raise Unreachable(piece.error)
        pieces.append(piece)
        size += len(piece)
        if size > limit > 0:
            raise Unreachable(f"invalid response: body longer than {limit} bytes")
    return b"".join(pieces)
