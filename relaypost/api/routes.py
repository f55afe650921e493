"""Which function answers which method and path."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from relaypost.api import dead_letters, keys, logs, messages, publish
from relaypost.api.http import Response

Handler = Callable[..., Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """A path and its methods. A pattern ends with the name of what follows its last slash."""

    methods: dict[str, Handler]
    read_only_may: bool = True
    """Whether a read-only token may GET it."""
    is_batch: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    route: Route
    parameters: tuple[Any, ...] = field(default=())


RAW_PREFIXES = (
    (b"/v2/publish/", Route({"POST": publish.publish_one})),
    (b"/v2/enqueue/", Route({"POST": publish.enqueue_one})),
)
"""Routes that take the raw rest of the path: a whole URL."""

COLLECTIONS = {
    b"/v2/batch": Route({"POST": publish.publish_batch}, is_batch=True),
    b"/v2/events": Route({"GET": logs.list_events}),
    b"/v2/logs": Route({"GET": logs.list_logs}),
    b"/v2/keys": Route({"GET": keys.get_keys}, read_only_may=False),
    b"/v2/keys/rotate": Route({"POST": keys.rotate_keys}, read_only_may=False),
    b"/v2/rotate": Route({"POST": keys.rotate_keys}, read_only_may=False),
}
"""Routes that a trailing slash does not change."""

BULK = {
    b"/v2/messages": Route({"DELETE": messages.cancel_messages}),
    b"/v2/dlq": Route({"GET": dead_letters.list_dead_letters, "DELETE": dead_letters.delete_dead_letters}),
    b"/v2/dlq/retry": Route({"POST": dead_letters.retry_dead_letters}),
}
"""Routes where a trailing slash means an empty id, which must not become a bulk call."""

ITEMS = (
    (b"/v2/messages/", Route({"GET": messages.get_message, "DELETE": messages.cancel_message})),
    (b"/v2/dlq/retry/", Route({"POST": dead_letters.retry_dead_letter})),
    (b"/v2/dlq/", Route({"GET": dead_letters.get_dead_letter, "DELETE": dead_letters.delete_dead_letter})),
)
"""Routes of one element; its id is what follows, percent-decoded."""
