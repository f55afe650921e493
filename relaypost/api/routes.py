"""Which function answers which method and path."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

from relaypost.api import dead_letters, keys, logs, messages, publish
from relaypost.api.http import Response

Handler = Callable[..., Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """The methods of a path."""

    methods: dict[str, Handler]
    is_readable: bool = True
    """Whether a read-only token may GET it."""
    takes_batch: bool = False
    publishes: bool = False
    """It takes messages in: open for publish-only tokens, and without a limit of bursts."""
    is_polled: bool = False
    """SDKs ask for it before every call in development, where it so has no limit of bursts."""

    def handler(self, method: str) -> Handler | None:
        return self.methods.get("GET" if method == "HEAD" else method)

    @property
    def allowed(self) -> str:
        """The value of the header `Allow`."""
        head = ["HEAD"] if "GET" in self.methods else []
        return ", ".join(sorted([*self.methods, *head]))


class Match(NamedTuple):
    route: Route
    parameters: tuple[Any, ...] = ()


RAW = (
    (b"/v2/publish/", Route({"POST": publish.publish_one}, publishes=True)),
    (b"/v2/enqueue/", Route({"POST": publish.enqueue_one}, publishes=True)),
)
"""Routes that take the rest of the raw path: it holds a whole URL."""

COLLECTIONS = {
    b"/v2/batch": Route({"POST": publish.publish_batch}, takes_batch=True, publishes=True),
    b"/v2/events": Route({"GET": logs.list_events}),
    b"/v2/logs": Route({"GET": logs.list_logs}),
    b"/v2/keys": Route({"GET": keys.get_keys}, is_readable=False, is_polled=True),
    b"/v2/keys/rotate": Route({"POST": keys.rotate_keys}),
    b"/v2/rotate": Route({"POST": keys.rotate_keys}),
}
"""Routes that a trailing slash does not change."""

BULK = {
    b"/v2/messages": Route({"DELETE": messages.cancel_messages}),
    b"/v2/dlq": Route(
        {"GET": dead_letters.list_dead_letters, "DELETE": dead_letters.delete_dead_letters}
    ),
    b"/v2/dlq/retry": Route({"POST": dead_letters.retry_dead_letters}),
}
"""Routes where a trailing slash means an empty id, which must not become a bulk call."""

ITEMS = (
    (b"/v2/messages/", Route({"GET": messages.get_message, "DELETE": messages.cancel_message})),
    (b"/v2/dlq/retry/", Route({"POST": dead_letters.retry_dead_letter})),
    (
        b"/v2/dlq/",
        Route({"GET": dead_letters.get_dead_letter, "DELETE": dead_letters.delete_dead_letter}),
    ),
)
"""Routes of one element, by the id that follows; the longer prefix first."""


def match(path: bytes) -> Match | None:
    """Find the route of a raw path; `None` when there is none."""
    for prefix, route in RAW:
        if path.startswith(prefix):
            return Match(route, (path[len(prefix) :],))
    route_or_none = BULK.get(path) or COLLECTIONS.get(path.removesuffix(b"/"))
    return Match(route_or_none) if route_or_none else _match_item(path)


def _match_item(path: bytes) -> Match | None:
    for prefix, route in ITEMS:
        if path.startswith(prefix):
            id = unquote(path[len(prefix) :].decode("latin-1"), errors="replace")
            return Match(route, (id,)) if id else None
    return None
