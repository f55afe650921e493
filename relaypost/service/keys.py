"""Signing keys: what they are, and their rotation (section 7.1)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from relaypost.domain.errors import Forbidden
from relaypost.domain.projects import Project, SigningKeys
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.store.base import Projects

FIXED: Final = "the signing keys of this development user are fixed"


class KnownProjects(Protocol):
    """Projects in memory: attempts sign with the keys that it answers."""

    def project(self, id: ProjectId) -> Project: ...

    def replace(self, project: Project) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """What requests about signing keys need."""

    projects: KnownProjects
    new_key: Callable[[], str]
    guard_ms: int = 30_000
    """A rotation so soon after another one is taken for its repetition; zero for none."""
    fixed: frozenset[str] = frozenset()
    """Names of projects whose keys are public and never change."""


def get_keys(ring: KeyRing, project: ProjectId) -> SigningKeys:
    return ring.projects.project(project).keys


async def rotate_keys(
    ring: KeyRing, project: ProjectId, *, store: Projects, now: UnixMs
) -> SigningKeys:
    """Make the next key the current one; the answer is the pair as it stands then.

    Clients repeat a request whose answer was lost, and a second rotation would lock out every
    receiver: of two that come close together, only the first changes anything.
    """
    known = ring.projects.project(project)
    if known.name in ring.fixed:
        raise Forbidden(FIXED)
    while not _is_guarded(known, ring, now):
        keys = SigningKeys(current=known.keys.next, next=ring.new_key())
        if await store.set_keys(project, keys, was=known.keys, now=now):
            ring.projects.replace(replace(known, keys=keys, keys_rotated_at=now))
            return keys
        known = next(one for one in await store.all() if one.id == project)
        ring.projects.replace(known)
    return known.keys


def _is_guarded(project: Project, ring: KeyRing, now: UnixMs) -> bool:
    rotated_at = project.keys_rotated_at
    return rotated_at is not None and now - rotated_at < ring.guard_ms
