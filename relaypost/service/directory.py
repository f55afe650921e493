"""Projects, tokens and signing keys in memory, for every request and every attempt."""

from relaypost.domain.projects import Project, SigningKeys, Token
from relaypost.domain.types import ProjectId
from relaypost.store.base import Projects
from relaypost.wire import tokens


class Directory:
    """Mirrors the store's projects; whoever changes those reports it here."""

    def __init__(self, *, development: bool) -> None:
        self.development = development
        self._projects: dict[ProjectId, Project] = {}
        self._tokens: dict[bytes, Token] = {}

    async def load(self, projects: Projects) -> None:
        self._projects = {project.id: project for project in await projects.all()}
        self._tokens = {
            token.digest: token
            for token in await projects.tokens()
            if self.development or token.digest not in tokens.PUBLIC_DIGESTS
        }

    def authenticate(self, token: str) -> Token | None:
        return self._tokens.get(tokens.digest(token))

    def project(self, id: ProjectId) -> Project:
        return self._projects[id]

    def keys_of(self, id: ProjectId) -> SigningKeys:
        return self._projects[id].keys

    def replace(self, project: Project) -> None:
        self._projects[project.id] = project
