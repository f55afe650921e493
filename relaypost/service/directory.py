"""Projects, tokens, signing keys and limits in memory, for every request and every attempt."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from relaypost.domain.limits import Limits, overridden
from relaypost.domain.projects import Project, SigningKeys
from relaypost.domain.tokens import Token
from relaypost.domain.types import ProjectId
from relaypost.store.base import Projects
from relaypost.wire import tokens


class Directory:
    """Mirrors the store's projects; whoever changes those reports it here."""

    def __init__(self, *, development: bool, limits: Limits | None = None) -> None:
        self.development = development
        self._limits = limits or Limits()
        self._projects: dict[ProjectId, Project] = {}
        self._tokens: dict[bytes, Token] = {}
        self._tokens_of: dict[ProjectId, list[Token]] = {}
        self._own: dict[ProjectId, Mapping[str, int]] = {}
        self._own_limits: dict[ProjectId, Limits] = {}

    async def load(self, projects: Projects) -> None:
        stored: defaultdict[ProjectId, list[Token]] = defaultdict(list)
        for token in await projects.tokens():
            stored[token.project_id].append(token)
        limits = await projects.limits()
        for project in await projects.all():
            self.replace(project)
            self.set_tokens(project.id, stored[project.id])
            self.set_limits(project.id, limits.get(project.id, {}))

    def authenticate(self, token: str) -> Token | None:
        return self._tokens.get(tokens.digest(token))

    def all(self) -> list[Project]:
        return sorted(self._projects.values(), key=lambda project: project.id)

    def named(self, name: str) -> Project | None:
        return next((one for one in self._projects.values() if one.name == name), None)

    def has(self, id: ProjectId) -> bool:
        return id in self._projects

    def project(self, id: ProjectId) -> Project:
        return self._projects[id]

    def keys_of(self, id: ProjectId) -> SigningKeys:
        return self._projects[id].keys

    def own_limits(self, id: ProjectId) -> Limits | None:
        """The limits of a project; `None` when none is its own."""
        return self._own_limits.get(id)

    def limits_set(self, id: ProjectId) -> Mapping[str, int]:
        """Only those that are its own."""
        return self._own.get(id, {})

    def limits_of(self, id: ProjectId) -> Limits:
        return self._own_limits.get(id, self._limits)

    def replace(self, project: Project) -> None:
        self._projects[project.id] = project

    def set_tokens(self, id: ProjectId, wanted: Iterable[Token]) -> None:
        """Accept these for the project; outside development, never one that everybody knows."""
        for token in self._tokens_of.pop(id, ()):
            del self._tokens[token.digest]
        accepted = [
            token
            for token in wanted
            if self.development or token.digest not in tokens.PUBLIC_DIGESTS
        ]
        self._tokens_of[id] = accepted
        self._tokens.update((token.digest, token) for token in accepted)

    def set_limits(self, id: ProjectId, own: Mapping[str, int]) -> None:
        self._own[id] = own
        self._own_limits.pop(id, None)
        if own:
            self._own_limits[id] = overridden(self._limits, own)

    def forget(self, id: ProjectId) -> None:
        self.set_tokens(id, ())
        self.set_limits(id, {})
        del self._projects[id], self._tokens_of[id], self._own[id]
