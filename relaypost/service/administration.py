"""What the functions for operators share: those for projects, tokens, keys and limits."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from relaypost.domain.errors import NotFound
from relaypost.domain.projects import Project
from relaypost.domain.types import ProjectId
from relaypost.runtime import Clock, Ids
from relaypost.service.directory import Directory
from relaypost.service.keys import KeyRing
from relaypost.store.base import Projects, Upkeep


async def _nothing_runs(_: ProjectId) -> None:
    """Without an engine there is no attempt to give up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """The same for a running server, and for a command that has the database to itself."""

    projects: Projects
    upkeep: Upkeep
    directory: Directory
    keys: KeyRing
    clock: Clock
    ids: Ids
    abandon: Callable[[ProjectId], Awaitable[None]] = _nothing_runs
    """Give up the open attempts of a project; when it returns there are none, for good."""

    def project(self, name: str) -> Project:
        """Find a project by its name.

        Raises:
            NotFound: there is none.
        """
        found = self.directory.named(name)
        if found is None:
            raise NotFound(f"there is no project {name!r}")
        return found
