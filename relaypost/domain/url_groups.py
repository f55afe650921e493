"""URL groups: several endpoints under one name; what is published to it goes to each."""

from dataclasses import dataclass

from relaypost.domain.types import Headers, UnixMs


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    url: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlGroup:
    name: str
    endpoints: tuple[Endpoint, ...]
    """Never empty, in the order in which they were added; no two share a URL or a name."""
    headers: Headers = ()
    """Options and headers that hold for what is published to the group, below all others."""
    created_at: UnixMs
    updated_at: UnixMs
