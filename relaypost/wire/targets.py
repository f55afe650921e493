"""What a raw request target says: queue, destination, options and token (sections 1.3, 2.2, 7.3).

Works on bytes: the destination's escapes, slashes and query must survive untouched.
"""

import re
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from relaypost.wire.headers import Pairs

TOKEN: Final = b"qstash_token"
OPTION_PREFIX: Final = b"upstash-"

_ONE_SLASH = re.compile(rb"(https?:/)(?!/)", re.IGNORECASE)
_ENCODED_SCHEME = re.compile(rb"https?%3A", re.IGNORECASE)


class Target(NamedTuple):
    destination: str
    """Verbatim; parameters that are not the server's still in place."""
    parameters: Pairs
    """Options of the query, names in lower case and values form-decoded."""


def cut_target(path: bytes, query: bytes) -> Target:
    """Take the destination, and the options in its query, out of what follows the route."""
    parameters: Pairs = ()
    if query and _may_hold_ours(query):
        query, parameters = _cut_parameters(query)
    if not path.startswith((b"https://", b"http://")):
        path = repair_scheme(path)
    if query:
        path = path + (b"&" if b"?" in path else b"?") + query
    return Target(decode_text(path), parameters)


def repair_scheme(path: bytes) -> bytes:
    """Undo what stands between client and server: an encoded URL, merged slashes."""
    if _ENCODED_SCHEME.match(path):
        path = unquote_to_bytes(path)
    return _ONE_SLASH.sub(rb"\1/", path, count=1) if _ONE_SLASH.match(path) else path


def query_options(query: bytes) -> Pairs:
    """The options of a query that belongs to no destination."""
    return _cut_parameters(query)[1] if query and _may_hold_ours(query) else ()


def repair_text(destination: str) -> str:
    """Repair a destination that was given as data."""
    if destination.startswith(("https://", "http://")):
        return destination
    return decode_text(repair_scheme(destination.encode()))


def cut_queue(remainder: bytes) -> tuple[str, bytes]:
    """Split `{queueName}/{destination}`; the queue is one percent-decoded segment."""
    segment, _, path = remainder.partition(b"/")
    return decode_text(unquote_to_bytes(segment)), path


def query_token(query: bytes) -> str | None:
    """Find the token of a query; base64 may have lost its `+` to form-decoding."""
    if not query or not _may_hold_ours(query):
        return None
    for parameter in query.split(b"&"):
        name, _, value = parameter.partition(b"=")
        if value and _parameter_name(name) == TOKEN:
            return decode_text(_form_decoded(value)).replace(" ", "+")
    return None


def decode_text(raw: bytes) -> str:
    """Read bytes as UTF-8, or as ISO-8859-1 if they are not (section 1.4)."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _may_hold_ours(query: bytes) -> bool:
    """Say no only when no parameter can be the server's; an escape may hide any name."""
    return b"%" in query or b"stash" in query.lower()


def _cut_parameters(query: bytes) -> tuple[bytes, Pairs]:
    kept: list[bytes] = []
    options: list[tuple[bytes, bytes]] = []
    for parameter in query.split(b"&"):
        raw_name, _, value = parameter.partition(b"=")
        name = _parameter_name(raw_name)
        if name.startswith(OPTION_PREFIX):
            options.append((name, _form_decoded(value)))
        elif name != TOKEN:
            kept.append(parameter)
    return b"&".join(kept), options


def _parameter_name(raw: bytes) -> bytes:
    """Bytes, not text, are lowered: no foreign letter may fold into one of ours."""
    return _form_decoded(raw).lower()


def _form_decoded(raw: bytes) -> bytes:
    return unquote_to_bytes(raw.replace(b"+", b" "))
