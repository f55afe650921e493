"""Tokens and users as clients hold them (section 7.2), and the public ones of development (7.8)."""

import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass

import msgspec

from relaypost.domain.projects import SigningKeys


class _Credentials(msgspec.Struct):
    UserID: str
    Password: str


def make_token(user: str, secret: str) -> str:
    """Base64 of a JSON object: the workflow SDK reads the user id out of it."""
    return b64encode(msgspec.json.encode(_Credentials(user, secret))).decode("ascii")


def user_of(token: str) -> str | None:
    """The user id inside a token, `None` when it is of another form."""
    try:
        return msgspec.json.decode(b64decode(token, validate=True), type=_Credentials).UserID
    except (ValueError, msgspec.DecodeError):
        return None


def digest(token: str) -> bytes:
    """What is kept of a token, and what it is looked up by: guessing it byte by byte is no use."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


@dataclass(frozen=True, slots=True)
class DevelopmentUser:
    name: str
    password: str
    keys: SigningKeys

    @property
    def token(self) -> str:
        return make_token(self.name, self.password)


DEVELOPMENT_USERS = (
    DevelopmentUser(
        "defaultUser",
        "defaultPassword",
        SigningKeys(
            current="sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r", next="sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs"
        ),
    ),
    DevelopmentUser(
        "testUser1",
        "testPassword",
        SigningKeys(
            current="sig_7GVPjvuwsfqF65iC8fSrs1dfYruM", next="sig_5NoELc3EFnZn4DVS5bDs2Nk4b7Ua"
        ),
    ),
    DevelopmentUser(
        "testUser2",
        "testPassword",
        SigningKeys(
            current="sig_6jWGaWRxHsw4vMSPJprXadyvrybF", next="sig_7qHbvhmahe5GwfePDiS5Lg3pi6Qx"
        ),
    ),
    DevelopmentUser(
        "testUser3",
        "testPassword",
        SigningKeys(
            current="sig_5T8FcSsynBjn9mMLBsXhpacRovJf", next="sig_7GFR4YaDshFcqsxWRZpRB161jguD"
        ),
    ),
)

PUBLIC_DIGESTS = frozenset(digest(user.token) for user in DEVELOPMENT_USERS)
"""Tokens that everybody knows; outside development mode they open nothing."""
