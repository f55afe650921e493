"""Reading request bodies up to a limit."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]

DRAIN_SECONDS = 10.0
DRAIN_BYTES = 1_073_741_824


class Disconnected(Exception):
    """The client went away before its request was complete."""


class OverLimit(Exception):
    """The body is longer than the route takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body; `limit` 0 means none.

    Raises:
        OverLimit: as soon as more than `limit` bytes have come in.
        Disconnected: the client went away.
    """
    event = await _next(receive)
    body: bytes = event.get("body", b"")
    if not event.get("more_body"):
        if limit and len(body) > limit:
            raise OverLimit(limit)
        return body
    parts, size = [body], len(body)
    while event.get("more_body"):
        if limit and size > limit:
            raise OverLimit(limit)
        event = await _next(receive)
        parts.append(event.get("body", b""))
        size += len(parts[-1])
    if limit and size > limit:
        raise OverLimit(limit)
    return b"".join(parts)


async def drain(receive: Receive) -> None:
    """Read on and throw away for a moment: a reset would hide the answer from the client."""
    size = 0
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while size < DRAIN_BYTES:
                event = await _next(receive)
                size += len(event.get("body", b""))
                if not event.get("more_body"):
                    return
    except (TimeoutError, Disconnected):
        return


async def _next(receive: Receive) -> Event:
    event = await receive()
    if event["type"] == "http.disconnect":
        raise Disconnected
    return event
