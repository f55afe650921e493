"""What a program needs to use a project, made of random text."""

from dataclasses import dataclass

from relaypost.domain.projects import SigningKeys
from relaypost.domain.tokens import Token, TokenKind
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.runtime import Ids
from relaypost.wire import tokens

SECRET_LENGTH = 32
KEY_LENGTH = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The one moment in which tokens are known. `None` was neither made now nor given."""

    token: str | None = None
    read_only_token: str | None = None
    keys: SigningKeys | None = None

    def kept(self, project: ProjectId, *, now: UnixMs) -> list[Token]:
        """The tokens as a store keeps them."""
        given = (
            (self.token, TokenKind.FULL),
            (self.read_only_token, TokenKind.READ_ONLY),
        )
        return [
            Token(digest=tokens.digest(token), project_id=project, kind=kind, created_at=now)
            for token, kind in given
            if token is not None
        ]


def new_key(ids: Ids) -> str:
    """A signing key: at least 32 bytes, as verifiers ask for (section 7.1)."""
    return ids.new("sig_", KEY_LENGTH)


def new_keys(ids: Ids) -> SigningKeys:
    return SigningKeys(current=new_key(ids), next=new_key(ids))


def new_token(name: str, ids: Ids) -> str:
    return tokens.make_token(name, ids.text(SECRET_LENGTH))


def new_pair(name: str, ids: Ids) -> Credentials:
    """A full and a read-only token."""
    return Credentials(token=new_token(name, ids), read_only_token=new_token(name, ids))
