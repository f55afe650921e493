"""A project: who owns messages, tokens and signing keys (a user, in the words of the protocol)."""

import enum
from dataclasses import dataclass

from relaypost.domain.types import ProjectId, UnixMs


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """`current` signs; receivers accept both."""

    current: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: ProjectId
    name: str
    """The user id of the protocol: 1 to 64 of `[A-Za-z0-9_-]`."""
    keys: SigningKeys
    keys_rotated_at: UnixMs | None = None


class TokenKind(enum.IntEnum):
    """What a token may do (section 7.2)."""

    FULL = 0
    READ_ONLY = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is kept: its SHA-256 only."""

    digest: bytes
    project_id: ProjectId
    kind: TokenKind
