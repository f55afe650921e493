"""A project: who owns messages, tokens and signing keys (a user, in the words of the protocol)."""

import re
from dataclasses import dataclass

from relaypost.domain.types import ProjectId, UnixMs

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """`current` signs; receivers accept both."""

    current: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: ProjectId
    name: str
    """The user id of the protocol, as `is_project_name` has it."""
    keys: SigningKeys
    keys_rotated_at: UnixMs | None = None
    created_at: UnixMs | None = None


def is_project_name(text: str) -> bool:
    """Tell whether a text can be a user id: it stands in tokens and in URLs (section 7.2)."""
    return bool(_NAME.fullmatch(text))
