"""Tokens of a project, for its operator (section 7.2): added, listed, revoked, rolled, reset.

Only here and now a token is known; what is kept of it is a hash.
"""

from collections.abc import Callable
from collections.abc import Sequence as Items
from dataclasses import dataclass

from relaypost.domain import tokens as rules
from relaypost.domain.errors import Invalid
from relaypost.domain.projects import Project
from relaypost.domain.tokens import NOT_BOUND, Bindings, Token, TokenKind, TokenSlot
from relaypost.service.administration import Administration
from relaypost.service.credentials import Credentials, new_pair, new_token
from relaypost.wire.destinations import is_name
from relaypost.wire.tokens import PUBLIC_DIGESTS, digest

MAX_LENGTH = 512
TRIES = 10
TAKEN = "this token is in use already"


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPair:
    credentials: Credentials
    sha256: str
    """Of the full token, in hexadecimal digits: what a roll asks for."""


async def list_tokens(office: Administration, name: str) -> list[Token]:
    return await _stored(office, office.project(name))


async def add_token(
    office: Administration,
    name: str,
    kind: TokenKind,
    *,
    bindings: Bindings = NOT_BOUND,
    given: str | None = None,
) -> str:
    """Accept one more token: a new one, or `given`, which clients may hold already.

    Raises:
        NotFound: there is no such project.
        Invalid: the token or a binding can't be one, or the token is in use.
    """
    project = office.project(name)
    bindings = _checked(kind, bindings)
    text = new_token(project.name, office.ids) if given is None else _check_form(office, given)
    token = Token(
        digest=digest(text),
        project_id=project.id,
        kind=kind,
        slot=TokenSlot.ADDED,
        bindings=bindings,
        created_at=office.clock.now(),
    )
    if any(known.digest == token.digest for known in await office.projects.tokens()):
        raise Invalid(TAKEN)
    await _change(office, project, lambda stored: [*stored, token])
    return text


async def revoke_token(office: Administration, name: str, fingerprint: str) -> None:
    """Refuse a token from now on.

    Raises:
        NotFound: no project, or not exactly one token, is so called.
        Invalid: the next start would bring it back.
    """
    await _change(office, office.project(name), lambda stored: rules.revoked(stored, fingerprint))


async def make_next(office: Administration, name: str, *, replace: bool) -> NextPair:
    """Accept a next pair beside the current one.

    Raises:
        NotFound: there is no such project.
        Invalid: there is a next pair, and it is not to be replaced.
    """
    project = office.project(name)
    stored = await _stored(office, project)
    if not replace and any(token.slot is TokenSlot.NEXT for token in stored):
        raise Invalid("there is a next pair already, and only its hash is kept")
    pair = new_pair(project.name, office.ids)
    kept = pair.kept(project.id, now=office.clock.now())
    await _change(office, project, lambda stored: rules.with_next(stored, kept))
    assert pair.token is not None
    return NextPair(credentials=pair, sha256=digest(pair.token).hex())


async def roll(office: Administration, name: str, sha256: str) -> None:
    """Make the next pair the current one; what was current is refused from now on.

    Raises:
        NotFound: there is no such project.
        Invalid: `sha256` is not that of the next full token; a repeated call so changes nothing.
    """
    project = office.project(name)
    try:
        expected = bytes.fromhex(sha256)
    except ValueError:
        raise Invalid("a SHA-256 has 64 hexadecimal digits") from None
    await _change(office, project, lambda stored: rules.rolled(stored, expected))


async def reset(office: Administration, name: str, *, everything: bool) -> Credentials:
    """Make a new pair, and refuse the current and the next one from now on.

    Raises:
        NotFound: there is no such project.
        Invalid: the next start would bring them back.
    """
    project = office.project(name)
    pair = new_pair(project.name, office.ids)
    kept = pair.kept(project.id, now=office.clock.now())
    await _change(office, project, lambda stored: rules.reset(stored, kept, everything=everything))
    return pair


async def _change(
    office: Administration, project: Project, rule: Callable[[Items[Token]], list[Token]]
) -> None:
    """Put down what a rule makes of the tokens, again if somebody else was faster."""
    for _ in range(TRIES):
        stored = await _stored(office, project)
        wanted = rule(stored)
        if await office.projects.set_tokens(project.id, wanted, was=stored):
            office.directory.set_tokens(project.id, wanted)
            return
    raise Invalid("the tokens are being changed by somebody else: try again")


async def _stored(office: Administration, project: Project) -> list[Token]:
    return [one for one in await office.projects.tokens() if one.project_id == project.id]


def _checked(kind: TokenKind, bindings: Bindings) -> Bindings:
    if bindings.are_none:
        return bindings
    if kind is not TokenKind.PUBLISH_ONLY:
        raise Invalid("only publish-only tokens can be bound to destinations")
    for group in bindings.groups:
        if not is_name(group):
            raise Invalid(f"{group!r} is no name of a URL group")
    hosts = tuple(rules.bound_host(host) for host in bindings.hosts)
    return Bindings(hosts=hosts, groups=bindings.groups)


def _check_form(office: Administration, token: str) -> str:
    if not 1 <= len(token) <= MAX_LENGTH or not all("!" <= letter <= "~" for letter in token):
        raise Invalid(f"a token has 1 to {MAX_LENGTH} visible ASCII characters")
    if digest(token) in PUBLIC_DIGESTS and not office.directory.development:
        raise Invalid("this is a public token of development mode: choose another")
    return token
