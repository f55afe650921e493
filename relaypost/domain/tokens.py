"""Tokens: what each may do, and how the tokens in use are replaced (section 7.2).

                next               roll
    (nothing) -------> NEXT pair -------> CURRENT pair      what was current is refused
                         accepted beside
                         the current one

A reset puts a new pair in the place of both. What was added stands beside them until it is revoked.
"""

import enum
from collections.abc import Iterable
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace

from relaypost.domain.errors import Invalid, NotFound
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.domain.urls import InvalidUrl, split_url

FINGERPRINT_DIGITS = 12


class TokenKind(enum.IntEnum):
    """What a token may do."""

    FULL = 0
    READ_ONLY = 1
    PUBLISH_ONLY = 2


class TokenSlot(enum.IntEnum):
    """Why a token is accepted."""

    CURRENT = 0
    NEXT = 1
    ADDED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bindings:
    """All that a token may publish to; nothing named is everything."""

    hosts: tuple[str, ...] = ()
    """`host`, for each of its ports, or `host:port`; as `bound_host` writes them."""
    groups: tuple[str, ...] = ()

    @property
    def are_none(self) -> bool:
        return not self.hosts and not self.groups

    def permit_url(self, url: str) -> bool:
        """Judge by what would be dialled, not by how the URL is written."""
        try:
            place = split_url(url)
        except InvalidUrl:
            return False
        return place.host in self.hosts or f"{_bracketed(place.host)}:{place.port}" in self.hosts

    def permit_group(self, name: str) -> bool:
        return name in self.groups


NOT_BOUND = Bindings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is kept: its SHA-256 only."""

    digest: bytes
    project_id: ProjectId
    kind: TokenKind
    slot: TokenSlot = TokenSlot.CURRENT
    bindings: Bindings = NOT_BOUND
    is_given: bool = False
    """It comes from the settings, so that every start would bring it back."""
    created_at: UnixMs | None = None

    @property
    def fingerprint(self) -> str:
        """Tells tokens apart, and tells nothing of them."""
        return self.digest.hex()[:FINGERPRINT_DIGITS]


def bound_host(text: str) -> str:
    """A host to bind a token to, in the form in which destinations are compared.

    Raises:
        Invalid: it is none.
    """
    if any(mark in text for mark in "/?#@"):
        raise Invalid(f"{text} is no host: write it without scheme, user, path and query")
    try:
        place = split_url(f"https://{text}")
    except InvalidUrl as error:
        raise Invalid(f"{text} is no host: {error.reason}") from None
    has_port = ":" in text.rpartition("]")[2]
    return f"{_bracketed(place.host)}:{place.port}" if has_port else place.host


def with_next(tokens: Items[Token], pair: Iterable[Token]) -> list[Token]:
    """Accept a next pair too, in place of the one before."""
    kept = [token for token in tokens if token.slot is not TokenSlot.NEXT]
    return kept + [replace(token, slot=TokenSlot.NEXT) for token in pair]


def rolled(tokens: Items[Token], digest: bytes) -> list[Token]:
    """Make the next pair the current one.

    Raises:
        Invalid: `digest` is not that of the next full token, or the current one would come back.
    """
    waiting = [token for token in tokens if token.slot is TokenSlot.NEXT]
    if not waiting:
        raise Invalid("there is no next pair to roll to")
    if not any(token.digest == digest and token.kind is TokenKind.FULL for token in waiting):
        raise Invalid("this is not the SHA-256 of the next token")
    kinds = {token.kind for token in waiting}
    old = [token for token in tokens if token.slot is TokenSlot.CURRENT and token.kind in kinds]
    _check_own(old)
    added = [token for token in tokens if token not in old and token not in waiting]
    return [replace(token, slot=TokenSlot.CURRENT) for token in waiting] + added


def reset(tokens: Items[Token], pair: Iterable[Token], *, everything: bool) -> list[Token]:
    """Put a new pair in the place of the current and the next one; `everything` drops the rest too.

    Raises:
        Invalid: the current ones would come back.
    """
    kept = [token for token in tokens if token.slot is TokenSlot.ADDED and not everything]
    _check_own([token for token in tokens if token not in kept])
    return [*pair, *kept]


def revoked(tokens: Items[Token], fingerprint: str) -> list[Token]:
    """All but one.

    Raises:
        NotFound: none has the fingerprint, or more than one.
        Invalid: it would come back.
    """
    named = [token for token in tokens if token.digest.hex().startswith(fingerprint.lower())]
    if len(named) != 1 or not fingerprint:
        raise NotFound(f"{len(named) or 'no'} tokens have the fingerprint {fingerprint!r}")
    _check_own(named)
    return [token for token in tokens if token not in named]


def _check_own(tokens: Items[Token]) -> None:
    if any(token.is_given for token in tokens):
        raise Invalid("the token is given by a setting: the next start would bring it back")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
