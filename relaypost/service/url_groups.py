"""URL groups: read, change, delete (sections 4.6, 4.7), and find for those who publish (2.2)."""

from collections.abc import Collection, Mapping
from collections.abc import Sequence as Items
from typing import Final

from relaypost.domain.limits import Limits
from relaypost.domain.types import Headers, ProjectId
from relaypost.domain.url_groups import Endpoint, EndpointFilter, Excess, UrlGroup
from relaypost.service.context import Service
from relaypost.store.base import UrlGroups
from relaypost.wire.destinations import unknown_group
from relaypost.wire.option_values import exceeded

NO_GROUPS: Final[Mapping[str, UrlGroup]] = {}


async def find_groups(
    store: UrlGroups, project: ProjectId, names: Collection[str]
) -> Mapping[str, UrlGroup]:
    """The groups that a request may mean, by name, as of one moment; without names none is read.

    Who publishes to them publishes at that moment: a change that comes later changes nothing.
    """
    if not names:
        return NO_GROUPS
    return {group.name: group for group in await store.get(project, names)}


async def list_groups(service: Service, project: ProjectId) -> list[UrlGroup]:
    return await service.store.url_groups.all(project)


async def get_group(service: Service, project: ProjectId, name: str) -> UrlGroup:
    """Find one by its name.

    Raises:
        NotFound: there is none.
    """
    groups = await find_groups(service.store.url_groups, project, (name,))
    if name not in groups:
        raise unknown_group(name)
    return groups[name]


async def add_endpoints(
    service: Service, project: ProjectId, name: str, endpoints: Items[Endpoint]
) -> None:
    """Add or update endpoints, and make the group if there is none.

    Raises:
        QuotaExceeded: there would be too many groups, or endpoints in this one.
    """
    excess = await service.store.url_groups.add_endpoints(
        project, name, endpoints, limits=service.limits_of(project), now=service.clock.now()
    )
    if excess is not None:
        raise exceeded(excess.value, _limit(excess, service.limits_of(project)))


async def remove_endpoints(
    service: Service, project: ProjectId, name: str, endpoints: Items[EndpointFilter]
) -> None:
    """Remove endpoints; what is not there is as good as removed."""
    now = service.clock.now()
    await service.store.url_groups.remove_endpoints(project, name, endpoints, now=now)


async def delete_group(service: Service, project: ProjectId, name: str) -> None:
    """Delete a group; one that is not there is as good as deleted."""
    await service.store.url_groups.delete(project, name)


async def set_headers(
    service: Service, project: ProjectId, name: str, headers: Headers | None
) -> UrlGroup:
    """Replace the default headers, if any are given; answers the group.

    Raises:
        NotFound: there is none.
    """
    if headers is None:
        return await get_group(service, project, name)
    now = service.clock.now()
    changed = await service.store.url_groups.set_headers(project, name, headers, now=now)
    if changed is None:
        raise unknown_group(name)
    return changed


def _limit(excess: Excess, limits: Limits) -> int:
    return limits.max_url_groups if excess is Excess.GROUPS else limits.max_endpoints
