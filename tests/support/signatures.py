"""The signature of each delivery, as receivers check it."""

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

import jwt
from qstash import Receiver

from tests.support.servers import Account
from tests.support.sinks import Received


def signature_of(received: Received) -> str:
    signature = received.header("Upstash-Signature")
    assert signature is not None, f"{received.target} came unsigned"
    return signature


def claims_of(received: Received) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(signature_of(received), options={"verify_signature": False})
    return claims


def verify(received: Received, account: Account, *, url: str) -> None:
    """Verify by the Python receiver; it knows text only, so other bodies are hashed here."""
    receiver = Receiver(account.current_key, account.next_key)
    signature = signature_of(received)
    if is_text(received):
        receiver.verify(signature=signature, body=received.body.decode(), url=url)
    else:
        claims = jwt.decode(signature, account.current_key, algorithms=["HS256"], issuer="Upstash")
        digest = base64.urlsafe_b64encode(hashlib.sha256(received.body).digest()).decode()
        assert (claims["sub"], claims["body"]) == (url, digest)


def verify_all(received: Iterable[Received], account: Account, *, base_url: str) -> None:
    for each in received:
        verify(each, account, url=base_url + each.target)


def is_text(received: Received) -> bool:
    try:
        received.body.decode()
    except UnicodeDecodeError:
        return False
    return True
