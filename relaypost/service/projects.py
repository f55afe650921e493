"""Making projects: the first one of a server, and those of development."""

from dataclasses import dataclass

from relaypost.domain.projects import Project, SigningKeys, Token, TokenKind
from relaypost.domain.types import ProjectId
from relaypost.runtime import Ids
from relaypost.store.base import Projects
from relaypost.wire import tokens

FIRST = ProjectId(1)
FIRST_NAME = "default"
SECRET_LENGTH = 32
KEY_LENGTH = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a program needs to use a project. `None` was neither made now nor given."""

    token: str | None = None
    read_only_token: str | None = None
    keys: SigningKeys | None = None


async def ensure_first_project(
    projects: Projects, given: Credentials, *, ids: Ids
) -> Credentials | None:
    """Make the first project of a new server; later, bring its tokens up to what is given.

    Signing keys that are given count for a new project only: later ones come by rotation.
    Answers what was made now and can't be read again, `None` when there is nothing to show.
    """
    known = {project.id: project for project in await projects.all()}
    if FIRST in known:
        await _replace_tokens(projects, FIRST, given)
        return None
    made = _complete(given, ids)
    assert made.token is not None
    assert made.keys is not None
    name = tokens.user_of(made.token) or FIRST_NAME
    await projects.add(Project(id=FIRST, name=name, keys=made.keys), _tokens(FIRST, made))
    return made


async def ensure_development_projects(projects: Projects) -> None:
    """The four well-known users; a restart restores their tokens and keys (section 7.8)."""
    known = {project.id: project for project in await projects.all()}
    for number, user in enumerate(tokens.DEVELOPMENT_USERS, start=1):
        id = ProjectId(number)
        credentials = Credentials(token=user.token, keys=user.keys)
        if id in known:
            await _replace_tokens(projects, id, credentials)
            await projects.set_keys(id, user.keys, was=known[id].keys, now=None)
        else:
            project = Project(id=id, name=user.name, keys=user.keys)
            await projects.add(project, _tokens(id, credentials))


async def _replace_tokens(projects: Projects, id: ProjectId, given: Credentials) -> None:
    """Given tokens replace stored ones; one of a kind that is not given stays."""
    wanted = _tokens(id, given)
    kinds = {token.kind for token in wanted}
    kept = [
        token
        for token in await projects.tokens()
        if token.project_id == id and token.kind not in kinds
    ]
    if wanted:
        await projects.set_tokens(id, [*wanted, *kept])


def _complete(given: Credentials, ids: Ids) -> Credentials:
    def new_token() -> str:
        return tokens.make_token(FIRST_NAME, ids.text(SECRET_LENGTH))

    return Credentials(
        token=given.token or new_token(),
        read_only_token=given.read_only_token or new_token(),
        keys=given.keys or SigningKeys(current=new_key(ids), next=new_key(ids)),
    )


def new_key(ids: Ids) -> str:
    """A signing key: at least 32 bytes, as verifiers ask for (section 7.1)."""
    return ids.new("sig_", KEY_LENGTH)


def _tokens(project: ProjectId, credentials: Credentials) -> list[Token]:
    given = (
        (credentials.token, TokenKind.FULL),
        (credentials.read_only_token, TokenKind.READ_ONLY),
    )
    return [
        Token(digest=tokens.digest(token), project_id=project, kind=kind)
        for token, kind in given
        if token is not None
    ]
