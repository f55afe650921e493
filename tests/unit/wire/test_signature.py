import base64
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from qstash import Receiver
from qstash.errors import SignatureError

from relaypost.runtime import Ids, SystemClock
from relaypost.wire.signature import make_signing_key, sign

KEY = "sig_4Jt9sQ2mVbX7kLw1Zr8dNf5YcHgP"
NEXT_KEY = "sig_7RtYuIoPaSdFgHjKlZxCvBnM2q3w"
URL = "https://api.example.com/orders?src=web"
JTI = "jwt_2vQx8Lk0pTzR5nWcYb7MdA"
SIGNED_AT = 1795525409
GOLDEN = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "golden/signatures.jsonl").read_text().splitlines()
]


def token(
    *, url: str = URL, body: bytes = b"", key: str = KEY, now_seconds: int = SIGNED_AT
) -> str:
    return sign(url, body, key=key, now_seconds=now_seconds, jti=JTI)


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims_of(signature: str) -> dict[str, Any]:
    claims = json.loads(decoded(signature.split(".")[1]))
    assert isinstance(claims, dict)
    return claims


def receive(signature: str, *, body: str, url: str | None = URL) -> None:
    receiver = Receiver(current_signing_key=KEY, next_signing_key=NEXT_KEY)
    receiver.verify(signature=signature, body=body, url=url)


def system_seconds() -> int:
    """The receivers read the system clock, so what they shall accept is signed by it."""
    return SystemClock().system_now() // 1000


@pytest.mark.conformance("D-9")
def test_the_published_vector() -> None:
    signature = token(body=b'{"hello":"world"}')
    header, claims, mac = signature.split(".")
    assert decoded(header) == b'{"alg":"HS256","typ":"JWT"}'
    assert decoded(claims) == (
        b'{"iss":"Upstash","sub":"https://api.example.com/orders?src=web","exp":1795525709,"nbf":0,'
        b'"iat":1795525409,"jti":"jwt_2vQx8Lk0pTzR5nWcYb7MdA",'
        b'"body":"k6I5cakU5erL8KjSUVTNownDwccvu5kU1Hxg88toFYg="}'
    )
    assert mac == "Q_7id-i2YAEbASbDQ2TLzrKVbmOxg6y_WzsFykVrK-0"


@pytest.mark.conformance("D-9")
@pytest.mark.parametrize(
    ("body", "claim"),
    [
        (b"", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU="),
        (b'{"hello":"world"}', "k6I5cakU5erL8KjSUVTNownDwccvu5kU1Hxg88toFYg="),
        (b"\xff\x00\x01", "lC4eKmakJ7ZVFzL3WLwxTyK5zeyTZaNCXJGE3imTkrU="),
    ],
)
def test_the_body_claim(body: bytes, claim: str) -> None:
    assert claims_of(token(body=body))["body"] == claim


@pytest.mark.conformance("D-8")
def test_the_claims() -> None:
    assert claims_of(token()) == {
        "iss": "Upstash",
        "sub": URL,
        "exp": SIGNED_AT + 300,
        "nbf": 0,
        "iat": SIGNED_AT,
        "jti": JTI,
        "body": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
    }


@pytest.mark.conformance("D-8")
def test_each_attempt_has_an_id_of_its_own() -> None:
    ids = Ids()
    tokens = [sign(URL, b"", key=KEY, now_seconds=1, jti=ids.new("jwt_")) for _ in range(2)]
    first, second = (claims_of(signature)["jti"] for signature in tokens)
    assert first != second
    assert first.startswith("jwt_")
    assert len(first) >= 24


@pytest.mark.conformance("D-7")
@pytest.mark.parametrize(
    "url",
    [
        "https://h",
        "https://h/",
        "https://API.example.com:443/a%2Fb/?q=1&r=%20",
        "http://localhost:3000/hook",
        "https://h/\u00fcml\u00e4ut/\U0001f600?q=\u4e2d",
        'https://h/"quoted"\\path',
    ],
)
def test_the_official_receiver_accepts(url: str) -> None:
    body = '{"hello":"w\u00f6rld"}'
    receive(token(url=url, body=body.encode(), now_seconds=system_seconds()), body=body, url=url)


@pytest.mark.conformance("D-10")
def test_the_official_receiver_accepts_the_next_key() -> None:
    receive(token(key=NEXT_KEY, now_seconds=system_seconds()), body="")


@pytest.mark.parametrize(
    ("overrides", "body", "url"),
    [
        ({}, "other", URL),
        ({}, "", URL + "/"),
        ({"key": "sig_" + "x" * 28}, "", URL),
        ({"now_seconds": 1_700_000_000}, "", URL),
    ],
)
def test_the_official_receiver_refuses(overrides: dict[str, Any], body: str, url: str) -> None:
    signature = token(**{"now_seconds": system_seconds(), **overrides})
    with pytest.raises(SignatureError):
        receive(signature, body=body, url=url)


@pytest.mark.parametrize("length", [1, 31, 32, 63, 64, 65, 200])
@pytest.mark.filterwarnings("ignore:The HMAC key is")
def test_keys_of_any_length(length: int) -> None:
    key = "k" * length
    options: Any = {"verify_exp": False, "verify_iat": False}
    assert jwt.decode(token(key=key), key, algorithms=["HS256"], options=options)["sub"] == URL


def test_a_url_that_is_not_unicode_is_signed_too() -> None:
    url = b"https://h/\xff".decode(errors="surrogateescape")
    assert claims_of(token(url=url))["sub"] == url


def verdict(row: dict[str, Any]) -> tuple[bool, str | None]:
    keys = row["keys"]
    receiver = Receiver(current_signing_key=keys["current"], next_signing_key=keys["next"])
    try:
        receiver.verify(signature=row["signature"], body=row["body"], url=row["url"])
    except (SignatureError, KeyError) as error:
        return False, type(error).__name__
    return True, None


@pytest.mark.conformance("K-25")
@pytest.mark.parametrize("row", GOLDEN, ids=[row["case"] for row in GOLDEN])
@pytest.mark.filterwarnings("ignore:The HMAC key is")
def test_recorded_verdicts(row: dict[str, Any]) -> None:
    assert verdict(row) == (row["py"]["ok"], row["py"].get("error"))


def test_a_signing_key_has_the_published_form() -> None:
    key = make_signing_key(bytes(range(32)))
    assert key.startswith("sig_")
    assert len(key) == 32
    assert key.removeprefix("sig_").isalnum()
    assert key.isascii()


def test_a_signing_key_depends_on_the_bytes_alone() -> None:
    assert make_signing_key(b"a" * 32) == make_signing_key(b"a" * 32)
    assert make_signing_key(b"a" * 32) != make_signing_key(b"a" * 31 + b"b")
    assert make_signing_key(b"\0" * 32) == "sig_" + "A" * 28


def test_a_signing_key_needs_enough_bytes() -> None:
    with pytest.raises(ValueError, match="needs 32 random bytes"):
        make_signing_key(b"a" * 31)
