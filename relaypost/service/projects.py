"""Making, listing and removing projects, and the limits of each (sections 1.8, 1.10, 7.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from relaypost.domain.errors import Forbidden, Invalid, NotFound
from relaypost.domain.limits import NAMES, Limits
from relaypost.domain.projects import Project, is_project_name
from relaypost.service.administration import Administration
from relaypost.service.credentials import Credentials, new_keys, new_pair

CHUNK = 200
"""Rows that one transaction forgets: others don't wait long for theirs."""

GREATEST = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectLimits:
    own: Mapping[str, int]
    """Those that were set for the project."""
    all: Limits


def list_projects(office: Administration) -> list[Project]:
    return office.directory.all()


async def add_project(office: Administration, name: str) -> Credentials:
    """Make a project with keys, a full and a read-only token, which are known only now.

    Raises:
        Invalid: the name can't be one, or is taken.
    """
    if not is_project_name(name):
        raise Invalid(f"{name!r} is no name of a project: 1 to 64 letters, digits, - and _")
    pair, now = new_pair(name, office.ids), office.clock.now()
    keys = new_keys(office.ids)
    while office.directory.named(name) is None:
        project = Project(id=await office.projects.next_id(), name=name, keys=keys, created_at=now)
        tokens = pair.kept(project.id, now=now)
        if await office.projects.add(project, tokens):
            office.directory.replace(project)
            office.directory.set_tokens(project.id, tokens)
            return replace(pair, keys=keys)
        await office.directory.load(office.projects)
    raise Invalid(f"there is a project {name!r} already")


async def remove_project(office: Administration, name: str) -> int:
    """Remove a project and forget all that it owns; answers how many rows that were.

    Nothing of it is accepted or attempted any more from the first step on. If the rest is cut off,
    the next start goes on with it.

    Raises:
        NotFound: there is none.
        Forbidden: the next start would bring it back.
    """
    project = office.project(name)
    tokens = await office.projects.tokens()
    if any(token.is_given and token.project_id == project.id for token in tokens):
        raise Forbidden(f"the token of {name!r} is given by a setting: take it out there first")
    if not await office.projects.remove(project.id, now=office.clock.now()):
        raise NotFound(f"there is no project {name!r}")
    office.directory.set_tokens(project.id, ())
    await office.abandon(project.id)
    office.directory.forget(project.id)
    return await forget_removed(office)


async def forget_removed(office: Administration) -> int:
    """Forget all that is left of removed projects."""
    total = 0
    while forgotten := await office.upkeep.forget_removed(CHUNK, now=office.clock.now()):
        total += forgotten
    return total


def get_limits(office: Administration, name: str) -> ProjectLimits:
    id = office.project(name).id
    return ProjectLimits(own=office.directory.limits_set(id), all=office.directory.limits_of(id))


async def set_limit(
    office: Administration, name: str, limit: str, value: int | None
) -> ProjectLimits:
    """Give a project a limit of its own, or, with `None`, the server's again.

    Raises:
        NotFound: there is no such project.
        Invalid: there is no such limit, or the value can't be one.
    """
    id = office.project(name).id
    if limit not in NAMES:
        raise Invalid(f"there is no limit {limit!r}")
    if value is not None and not 0 <= value <= GREATEST:
        raise Invalid(f"{value} is no limit: it must be from 0, which is none, to {GREATEST}")
    if not await office.projects.set_limit(id, limit, value):
        raise NotFound(f"there is no project {name!r}")
    own = {**office.directory.limits_set(id), limit: value}
    office.directory.set_limits(id, {key: set for key, set in own.items() if set is not None})
    return get_limits(office, name)
