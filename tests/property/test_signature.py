import base64
import hashlib
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaypost.wire.signature import make_signing_key, sign

KEYS = st.binary(min_size=32, max_size=64).map(make_signing_key)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(TEXT, st.binary(max_size=3000), KEYS, st.integers(0, 2**33))
def test_verifiers_read_what_was_signed(url: str, body: bytes, key: str, now_seconds: int) -> None:
    token = sign(url, body, key=key, now_seconds=now_seconds, jti="jwt_1")
    claims = jwt.decode(
        token, key, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False}
    )
    assert claims["sub"] == url
    assert claims["iat"] == now_seconds
    assert base64.urlsafe_b64decode(claims["body"]) == hashlib.sha256(body).digest()


@given(TEXT)
def test_the_token_is_what_a_common_library_makes_of_the_claims(url: str) -> None:
    token = sign(url, b"", key="k" * 32, now_seconds=7, jti="jwt_1")
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert token == jwt.encode(claims, "k" * 32, algorithm="HS256")


@given(TEXT, KEYS, KEYS)
def test_no_other_key_verifies(url: str, key: str, other: str) -> None:
    token = sign(url, b"", key=key, now_seconds=7, jti="jwt_1")
    if key == other:
        return
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, other, algorithms=["HS256"])


@given(st.binary(min_size=32, max_size=100))
def test_every_signing_key_has_the_published_form(random_bytes: bytes) -> None:
    key = make_signing_key(random_bytes)
    assert key.startswith("sig_")
    assert key.isascii()
    assert key[4:].isalnum()
    assert len(key) == 32
