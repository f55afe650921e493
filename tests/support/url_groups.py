"""URL groups as tests write them: URLs, or URLs by name, and headers as a mapping."""

from collections.abc import Mapping

from relaypost.domain.types import UnixMs
from relaypost.domain.url_groups import Endpoint, UrlGroup

NOW = UnixMs(1_795_525_409_034)
MAIL = Endpoint(url="https://mail.example.com/hook", name="mail")
CHAT = Endpoint(url="https://chat.example.com/hook")


def url_group(
    *endpoints: Endpoint, name: str = "grp", headers: Mapping[str, str] | None = None
) -> UrlGroup:
    return UrlGroup(
        name=name,
        endpoints=endpoints or (MAIL, CHAT),
        headers=tuple((headers or {}).items()),
        created_at=NOW,
        updated_at=NOW,
    )


def known(*groups: UrlGroup) -> dict[str, UrlGroup]:
    """Groups by name, as a request finds them."""
    return {group.name: group for group in groups or (url_group(),)}
