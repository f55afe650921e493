"""Projects that a server has from its start: the first one, and those of development."""

from dataclasses import replace

from relaypost.domain.errors import Invalid
from relaypost.domain.projects import Project
from relaypost.domain.tokens import Token, TokenKind, TokenSlot
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.runtime import Ids
from relaypost.service.credentials import Credentials, new_keys, new_token
from relaypost.store.base import Projects
from relaypost.wire import tokens

FIRST = ProjectId(1)
FIRST_NAME = "default"
REMOVED = (
    "a token is given, and the first project, which it is for, was removed: take the token out of "
    "the settings, and add it to another project with `relaypost tokens add`"
)


async def ensure_first_project(
    projects: Projects, given: Credentials, *, ids: Ids, now: UnixMs
) -> Credentials | None:
    """Make the first project of a new server; later, bring its tokens up to what is given.

    Signing keys that are given count for a new project only: later ones come by rotation.
    Answers what was made now and can't be read again, `None` when there is nothing to show.

    Raises:
        Invalid: a token is given that is another project's, or for one that is not there any more.
    """
    if any(project.id == FIRST for project in await projects.all()):
        await _put_given(projects, FIRST, given, now=now)
        return None
    if await projects.next_id() > FIRST:
        if given.token is not None or given.read_only_token is not None:
            raise Invalid(REMOVED)
        return None
    made = _complete(given, ids)
    assert made.token is not None
    assert made.keys is not None
    name = tokens.user_of(made.token) or FIRST_NAME
    project = Project(id=FIRST, name=name, keys=made.keys, created_at=now)
    await projects.add(project, _marked(made.kept(FIRST, now=now), given))
    return made


async def ensure_development_projects(projects: Projects, *, now: UnixMs) -> None:
    """The four well-known users; a restart restores their tokens and keys (section 7.8)."""
    known = {project.name: project for project in await projects.all()}
    for user in tokens.DEVELOPMENT_USERS:
        credentials = Credentials(token=user.token, keys=user.keys)
        if (project := known.get(user.name)) is not None:
            await _put_given(projects, project.id, credentials, now=now)
            await projects.set_keys(project.id, user.keys, was=project.keys, now=None)
        else:
            id = await projects.next_id()
            made = Project(id=id, name=user.name, keys=user.keys, created_at=now)
            await projects.add(made, _marked(credentials.kept(id, now=now), credentials))


async def _put_given(projects: Projects, id: ProjectId, given: Credentials, *, now: UnixMs) -> None:
    """Given tokens replace the current ones; one of a kind that is not given stays, as its own."""
    stored = [token for token in await projects.tokens() if token.project_id == id]
    wanted = _with_given(stored, _marked(given.kept(id, now=now), given))
    if wanted != stored and not await projects.set_tokens(id, wanted, was=stored):
        raise Invalid("a token is given that is one of another project: choose another")


def _with_given(stored: list[Token], given: list[Token]) -> list[Token]:
    """A next token that is given now is rolled to, with the other one of its pair."""
    digests = {token.digest for token in given}
    kinds = {token.kind for token in given}
    is_rolled = any(
        token.digest in digests and token.slot is TokenSlot.NEXT and token.kind is TokenKind.FULL
        for token in stored
    )
    following = [token for token in stored if token.slot is TokenSlot.NEXT and is_rolled]
    gone = kinds | {token.kind for token in following}
    kept = [
        token
        for token in stored
        if token.digest not in digests
        and token not in following
        and not (token.slot is TokenSlot.CURRENT and token.kind in gone)
    ]
    rolled = [token for token in following if token.kind not in kinds]
    current = [replace(token, slot=TokenSlot.CURRENT) for token in rolled]
    return [*given, *current, *(replace(token, is_given=False) for token in kept)]


def _marked(kept: list[Token], given: Credentials) -> list[Token]:
    """Mark those that come from the settings: every start would bring them back."""
    texts = [text for text in (given.token, given.read_only_token) if text is not None]
    digests = {tokens.digest(text) for text in texts}
    return [replace(token, is_given=token.digest in digests) for token in kept]


def _complete(given: Credentials, ids: Ids) -> Credentials:
    return Credentials(
        token=given.token or new_token(FIRST_NAME, ids),
        read_only_token=given.read_only_token or new_token(FIRST_NAME, ids),
        keys=given.keys or new_keys(ids),
    )
