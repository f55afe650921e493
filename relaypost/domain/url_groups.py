"""URL groups: several endpoints under one name; what is published to it goes to each (4.6)."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace

from relaypost.domain.limits import Limits
from relaypost.domain.types import Headers, UnixMs


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    url: str
    name: str | None = None


Endpoints = tuple[Endpoint, ...]
"""In the order in which they were added; no two share a URL or a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFilter:
    """Which endpoint is meant: by one of these, or by both together."""

    url: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlGroup:
    name: str
    endpoints: Endpoints
    """Never empty."""
    headers: Headers = ()
    """Options and headers that hold for what is published to the group, below all others."""
    created_at: UnixMs
    updated_at: UnixMs


class Excess(enum.Enum):
    """What there would be too much of."""

    GROUPS = "maxUrlGroups"
    ENDPOINTS = "maxEndpoints"


def add_endpoints(endpoints: Endpoints, added: Iterable[Endpoint]) -> Endpoints:
    """Add or update one after the other:

    its name is that of an endpoint   that one gets the URL, and another with this URL goes
    else its URL is that of one       that one gets the name, if there is one to get
    else                              it comes last
    """
    table = _Table(endpoints)
    for endpoint in added:
        table.put(endpoint)
    return tuple(table.rows.values())


def remove_endpoints(endpoints: Endpoints, removed: Iterable[EndpointFilter]) -> Endpoints:
    """Leave out all that are meant; what is not there is skipped."""
    meant = {(one.url, one.name) for one in removed}
    return tuple(
        one
        for one in endpoints
        if meant.isdisjoint({(one.url, one.name), (one.url, None), (None, one.name)})
    )


def excess(
    group: UrlGroup | None, endpoints: Endpoints, *, groups: int, limits: Limits
) -> Excess | None:
    """The limit that forbids these endpoints; there are `groups` groups.

    What exists may stay above a limit that was lowered, but grows no further.
    """
    if group is None and 0 < limits.max_url_groups <= groups:
        return Excess.GROUPS
    count = len(endpoints)
    if count > limits.max_endpoints > 0 and (group is None or count > len(group.endpoints)):
        return Excess.ENDPOINTS
    return None


def with_endpoints(group: UrlGroup, endpoints: Endpoints, *, now: UnixMs) -> UrlGroup:
    """The group with these endpoints: the same one if they are the same."""
    if endpoints == group.endpoints:
        return group
    return replace(group, endpoints=endpoints, updated_at=now)


def with_headers(group: UrlGroup, headers: Headers, *, now: UnixMs) -> UrlGroup:
    """The group with these headers: the same one if they are the same."""
    if headers == group.headers:
        return group
    return replace(group, headers=headers, updated_at=now)


class _Table:
    """Endpoints by position, found by name and by URL."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.rows = dict(enumerate(endpoints))
        self._next = len(endpoints)
        self._named = {one.name: position for position, one in self.rows.items() if one.name}
        self._at = {one.url: position for position, one in self.rows.items()}

    def put(self, endpoint: Endpoint) -> None:
        with_url = self._at.get(endpoint.url)
        with_name = self._named.get(endpoint.name) if endpoint.name else None
        if with_name is None:
            if with_url is None:
                self._write(self._next, endpoint)
                self._next += 1
            elif endpoint.name:
                self._write(with_url, endpoint)
        elif with_name != with_url:
            if with_url is not None:
                self._forget(with_url)
                del self.rows[with_url]
            self._write(with_name, endpoint)

    def _write(self, position: int, endpoint: Endpoint) -> None:
        if position in self.rows:
            self._forget(position)
        self.rows[position] = endpoint
        self._at[endpoint.url] = position
        if endpoint.name:
            self._named[endpoint.name] = position

    def _forget(self, position: int) -> None:
        endpoint = self.rows[position]
        del self._at[endpoint.url]
        if endpoint.name:
            del self._named[endpoint.name]
