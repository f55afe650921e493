"""Names and values of HTTP headers as QStash reads, shows and withholds them (1.4, 2.10)."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from relaypost.domain.errors import Invalid
from relaypost.domain.types import Headers

Pairs = Sequence[tuple[bytes, bytes]]
"""Header lines as a server gets them: names in lower case, values untouched."""

BLANKS: Final = b" \t"

CACHED_NAME: Final = 128
"""Longer names are computed each time, so that a cache of names stays small."""

NEVER_DELIVERED: Final = frozenset(
    {
        "Connection",
        "Content-Length",
        "Expect",
        "Host",
        "Http2-Settings",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
        "Te",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    }
)
"""Headers of one connection: none reaches a destination, not even with a prefix."""

SERVER_OWNED: Final = frozenset(
    {
        "Upstash-Caller-Ip",
        "Upstash-Message-Id",
        "Upstash-Region",
        "Upstash-Retried",
        "Upstash-Schedule-Id",
        "Upstash-Signature",
        "Upstash-Topic-Name",
    }
)
"""Headers that the server alone writes on a delivery (section 3.3)."""

WITHHELD: Final = NEVER_DELIVERED | SERVER_OWNED

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def is_token(name: str) -> bool:
    return _TOKEN.fullmatch(name) is not None


def canonical_name(name: str) -> str:
    """Write a name as it is shown: `x-API-key` becomes `X-Api-Key`."""
    return _cached_canonical(name) if len(name) <= CACHED_NAME else _canonical(name)


def _canonical(name: str) -> str:
    return "-".join([part.capitalize() for part in name.split("-")])


_cached_canonical = lru_cache(maxsize=4096)(_canonical)


def decode_value(raw: bytes) -> str:
    """Trim a value; bytes that are not UTF-8 stay in it as lone surrogates, so none is lost."""
    return raw.strip(BLANKS).decode("utf-8", "surrogateescape")


def encode_value(value: str) -> bytes:
    """Give back the bytes of a decoded value."""
    return value.encode("utf-8", "surrogateescape")


def shown_text(value: str) -> str:
    """The text of a decoded value for people and JSON: ISO-8859-1 if it is not UTF-8."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return encode_value(value).decode("latin-1")
    return value


def header_map(headers: Headers) -> dict[str, list[str]]:
    """Group header lines by name, as all answers show them."""
    shown: dict[str, list[str]] = {}
    for name, value in headers:
        shown.setdefault(name, []).append(shown_text(value))
    return shown


def encode_pairs(lines: Iterable[tuple[str, str]]) -> Pairs:
    """Bring headers that came as text into the form of a request; refuse what HTTP cannot carry."""
    return [(_pair_name(name), _pair_value(name, value.encode())) for name, value in lines]


def check_pairs(pairs: Pairs) -> None:
    """Refuse what HTTP cannot carry, in headers that came in a query."""
    for raw_name, value in pairs:
        name = raw_name.decode("latin-1")
        _pair_name(name)
        _pair_value(name, value)


def _pair_name(name: str) -> bytes:
    if not is_token(name):
        raise invalid_header(name)
    return name.lower().encode()


def _pair_value(name: str, value: bytes) -> bytes:
    if b"\n" in value or b"\r" in value or b"\0" in value:
        raise invalid_header(name)
    return value


def invalid_header(name: str) -> Invalid:
    return Invalid(f"invalid header {canonical_name(name)}")
