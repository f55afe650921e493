"""The signature of a delivery (section 3.5): a compact JWS over its URL and its body.

One is made for each attempt, so all that depends on the key alone is computed once; and hashing
goes through `copy` and `update`, since a one-shot HMAC gives up the GIL and waits to get it back.
"""

import binascii
import functools
import hashlib
import string
from json.encoder import encode_basestring_ascii
from typing import Final

LIFETIME_SECONDS: Final = 300
KEY_PREFIX: Final = "sig_"
KEY_LENGTH: Final = 28
"""Random characters of a key; with the prefix it has the 32 bytes that verifiers ask for."""
KEY_RANDOM_BYTES: Final = 32
"""So many that no character of a key is noticeably likelier than another."""

_ALPHANUMERIC = string.ascii_uppercase + string.ascii_lowercase + string.digits
_BLOCK_SIZE = 64
_KEYS_CACHED = 1024


def sign(url: str, body: bytes, *, key: str, now_seconds: int, jti: str) -> str:
    """Make the token for one attempt; `jti` must need no escaping in JSON."""
    payload = _base64url(_further_claims(url, body, now_seconds=now_seconds, jti=jti)).rstrip(b"=")
    inner_state, outer_state = _states(key)
    inner = inner_state.copy()
    inner.update(payload)
    outer = outer_state.copy()
    outer.update(inner.digest())
    signature = _base64url(outer.digest()).rstrip(b"=")
    return (b"%b%b.%b" % (_TOKEN_START, payload, signature)).decode("ascii")


def make_signing_key(random_bytes: bytes) -> str:
    """Turn at least `KEY_RANDOM_BYTES` secret random bytes into a key."""
    if len(random_bytes) < KEY_RANDOM_BYTES:
        raise ValueError(f"a signing key needs {KEY_RANDOM_BYTES} random bytes")
    number, characters = int.from_bytes(random_bytes), []
    for _ in range(KEY_LENGTH):
        number, index = divmod(number, len(_ALPHANUMERIC))
        characters.append(_ALPHANUMERIC[index])
    return KEY_PREFIX + "".join(characters)


def _further_claims(url: str, body: bytes, *, now_seconds: int, jti: str) -> bytes:
    """The claims from the text of `sub` on; `_FIRST_CLAIMS` has the opening quote of it."""
    subject = encode_basestring_ascii(url)[1:]
    body_hash = _base64url(hashlib.sha256(body).digest()).decode("ascii")
    return (
        f'{subject},"exp":{now_seconds + LIFETIME_SECONDS},"nbf":0,"iat":{now_seconds},'
        f'"jti":"{jti}","body":"{body_hash}"}}'
    ).encode("ascii")


@functools.lru_cache(maxsize=_KEYS_CACHED)
def _states(key: str) -> "tuple[hashlib._Hash, hashlib._Hash]":
    """HMAC's two hashes of a key, the inner one already past what every token starts with."""
    secret = key.encode()
    if len(secret) > _BLOCK_SIZE:
        secret = hashlib.sha256(secret).digest()
    block = secret.ljust(_BLOCK_SIZE, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + _TOKEN_START)
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))
    return inner, outer


def _base64url(data: bytes) -> bytes:
    encoded = binascii.b2a_base64(data, newline=False)
    return encoded.replace(b"+", b"-").replace(b"/", b"_")


_JOSE_HEADER = b'{"alg":"HS256","typ":"JWT"}'
_FIRST_CLAIMS = b'{"iss":"Upstash","sub":"'
# Three divides the length of the first claims, so their encoding starts that of all claims.
_TOKEN_START = _base64url(_JOSE_HEADER) + b"." + _base64url(_FIRST_CLAIMS)
