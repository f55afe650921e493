"""Which operation answers which method and path."""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

from relaypost.api import (
    dead_letters,
    flow_control_keys,
    keys,
    llm,
    logs,
    messages,
    public,
    publish,
    queues,
    schedules,
    url_groups,
)
from relaypost.api.operations import Operation

Handler = Operation[...]


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
    needs_llm: bool = False
    """Whether there is none where `api/llm` is not configured."""
    is_slow: bool = False
    """Whether its answer takes so long that it is given up when the client goes away."""

    def handler(self, method: str) -> Handler | None:
        return self.methods.get("GET" if method == "HEAD" else method)

    @property
    def allowed(self) -> str:
        """The value of the header `Allow`; HEAD, which goes wherever GET does, is not listed."""
        return ", ".join(sorted(self.methods))


class Match(NamedTuple):
    route: Route
    parameters: tuple[Any, ...] = ()


PUBLIC = {
    b"/healthz": Route({"GET": public.get_health}),
    b"/readyz": Route({"GET": public.get_readiness}),
    b"/openapi.json": Route({"GET": public.get_document}),
    b"/docs": Route({"GET": public.get_page}),
}
"""Routes that need no token."""

RAW = (
    (b"/v2/publish/", Route({"POST": publish.publish_one}, publishes=True)),
    (b"/v2/enqueue/", Route({"POST": publish.enqueue_one}, publishes=True)),
)
"""Routes that take the rest of the raw path: it holds a whole URL."""

SCHEDULES = b"/v2/schedules"
"""Matched in any letter case: a client writes a capital (section 5.1)."""

SCHEDULE: dict[str, Handler] = {
    "POST": schedules.create_schedule,
    "GET": schedules.get_schedule,
    "DELETE": schedules.delete_schedule,
}
PAUSE = Route({"PATCH": schedules.pause_schedule, "POST": schedules.pause_schedule})
RESUME = Route({"PATCH": schedules.resume_schedule, "POST": schedules.resume_schedule})

SCHEDULE_PATHS = (
    (re.compile(rb"([A-Za-z0-9_.-]+)/pause"), PAUSE),
    (re.compile(rb"([A-Za-z0-9_.-]+)/resume"), RESUME),
    (
        re.compile(rb"(.+/(?:pause|resume))", re.DOTALL),
        Route({**SCHEDULE, "PATCH": schedules.refuse_id}),
    ),
    (re.compile(rb"(.+)", re.DOTALL), Route(SCHEDULE)),
)
"""What may follow: an id with a step to take, or an id, or a destination."""

COLLECTIONS = {
    b"/v2/batch": Route({"POST": publish.publish_batch}, takes_batch=True, publishes=True),
    b"/v2/queues": Route({"GET": queues.list_queues, "POST": queues.put_queue}),
    b"/v2/flowControl": Route({"GET": flow_control_keys.list_keys}),
    b"/v2/globalParallelism": Route({"GET": flow_control_keys.get_global_parallelism}),
    b"/v2/events": Route({"GET": logs.list_events}),
    b"/v2/logs": Route({"GET": logs.list_logs}),
    b"/v2/keys": Route({"GET": keys.get_keys}, is_readable=False, is_polled=True),
    b"/v2/keys/rotate": Route({"POST": keys.rotate_keys}),
    b"/v2/rotate": Route({"POST": keys.rotate_keys}),
    b"/v2/topics": Route({"GET": url_groups.list_groups}),
    b"/llm/v1/chat/completions": Route({"POST": llm.complete_chat}, needs_llm=True, is_slow=True),
    SCHEDULES: Route({"GET": schedules.list_schedules, "POST": schedules.create_schedule}),
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
    (b"/v2/queues/", Route({"GET": queues.get_queue, "DELETE": queues.delete_queue})),
    (
        b"/v2/topics/",
        Route(
            {
                "GET": url_groups.get_group,
                "DELETE": url_groups.delete_group,
                "PATCH": url_groups.change_group,
            }
        ),
    ),
)
"""Routes of one element, by the id that follows; the longer prefix first."""

ENDPOINTS = Route({"POST": url_groups.add_endpoints, "DELETE": url_groups.remove_endpoints})

ACTIONS = {
    b"/v2/queues/": {
        b"/pause": Route({"POST": queues.pause_queue}),
        b"/resume": Route({"POST": queues.resume_queue}),
    },
    b"/v2/topics/": {b"/endpoints": ENDPOINTS, b"/endpoints/": ENDPOINTS},
}
"""What can be done to one element: routes by the end of the path, behind the id."""

KEYS = b"/v2/flowControl/"
KEY = Route({"GET": flow_control_keys.get_key})
KEY_ACTIONS = {
    action: Route({"GET": flow_control_keys.get_key, "POST": handler})
    for action, handler in flow_control_keys.ACTIONS.items()
}
"""Flow-control keys take the rest of the raw path, slashes and all; a key may end as an action."""


def match(path: bytes) -> Match | None:
    """Find the route of a raw path; `None` when there is none."""
    for prefix, route in RAW:
        if path.startswith(prefix):
            return Match(route, (path[len(prefix) :],))
    if path[: len(SCHEDULES)].lower() == SCHEDULES:
        return _match_schedule(path[len(SCHEDULES) :])
    route_or_none = BULK.get(path) or COLLECTIONS.get(path.removesuffix(b"/"))
    if route_or_none is not None:
        return Match(route_or_none)
    if path.startswith(KEYS):
        rest = path[len(KEYS) :]
        return Match(KEY_ACTIONS.get(rest.rpartition(b"/")[2], KEY), (rest,))
    return _match_item(path)


def _match_schedule(rest: bytes) -> Match | None:
    if rest in (b"", b"/"):
        return Match(COLLECTIONS[SCHEDULES])
    if not rest.startswith(b"/"):
        return None
    matches = ((pattern.fullmatch(rest[1:]), route) for pattern, route in SCHEDULE_PATHS)
    return next(Match(route, (match[1],)) for match, route in matches if match)


def _match_item(path: bytes) -> Match | None:
    for prefix, route in ITEMS:
        if path.startswith(prefix):
            return _match_action(path, prefix) or _match_id(route, path[len(prefix) :])
    return None


def _match_action(path: bytes, prefix: bytes) -> Match | None:
    """An id may be empty here: that is a mistake of the caller's, not another route."""
    for ending, route in ACTIONS.get(prefix, {}).items():
        if path.endswith(ending) and len(path) >= len(prefix) + len(ending):
            return Match(route, (_id(path[len(prefix) : -len(ending)]),))
    return None


def _match_id(route: Route, raw: bytes) -> Match | None:
    return Match(route, (_id(raw),)) if raw else None


def _id(raw: bytes) -> str:
    return unquote(raw.decode("latin-1"), errors="replace")
