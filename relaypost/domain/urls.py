"""URLs of destinations, cut into what a request needs (sections 2.2, 3.2).

The text itself is never rewritten: it is stored, shown and signed verbatim.
"""

import base64
import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import unquote_to_bytes

from relaypost.domain.errors import Invalid

MAX_URL_BYTES = 8192
MAX_HOST_CHARS = 254

_DEFAULT_PORTS = {"http": 80, "https": 443}
_PARTS = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NOT_IN_HOSTS = re.compile(r"[\x00-\x20\x7f\"#%/:<>?@\[\\\]^`{|}]")
_TO_ESCAPE = re.compile(r"[^\x21-\x7e]+")


class InvalidUrl(Invalid):
    """A text that can't be a destination; callers put their own words before `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"invalid destination url: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a request goes and how its first two lines read."""

    scheme: str
    host: str
    """ASCII, in lower case, an IPv6 address without its brackets."""
    port: int
    origin: str
    """Scheme, host and port: what one connection can serve."""
    authority: str
    """The value of `Host`: as written, less user info and default port."""
    target: bytes
    """The request target: path and query with escapes untouched."""
    authorization: str | None
    """Basic credentials from the URL, used if the message has no `Authorization`."""

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"


@lru_cache(maxsize=1024)
def split_url(text: str) -> Destination:
    """Split a destination, or raise `InvalidUrl`."""
    _check_text(text)
    parts = _PARTS.match(text)
    if parts is None:
        raise InvalidUrl("endpoint has invalid scheme, add http:// or https://")
    if "\\" in parts[2]:  # some clients read it as a slash, so that the host would be another
        raise InvalidUrl("endpoint has a backslash in its host")
    scheme = parts[1].lower()
    userinfo, _, place = parts[2].rpartition("@")
    host, written, port_text = _split_place(place)
    port = _port(port_text) if port_text else _DEFAULT_PORTS[scheme]
    bracketed = f"[{host}]" if ":" in host else host
    return Destination(
        scheme=scheme,
        host=host,
        port=port,
        origin=f"{scheme}://{bracketed}:{port}",
        authority=written if port == _DEFAULT_PORTS[scheme] else f"{written}:{port}",
        target=_target(parts[3], parts[4] or ""),
        authorization=_basic(userinfo),
    )


def host_of(url: str) -> str:
    """The host in lower case, with its port if the URL has one: what filters and gates compare."""
    parts = _PARTS.match(url)
    return parts[2].rpartition("@")[2].lower() if parts else ""


def name_of(url: str) -> str:
    """The host without its port."""
    host = host_of(url)
    return host[: host.rfind("]") + 1] if host.startswith("[") else host.partition(":")[0]


def path_of(url: str) -> str:
    parts = _PARTS.match(url)
    return (parts[3] if parts else "") or "/"


def append_query(url: str, query: str) -> str:
    """Add parameters behind those that a URL has, before its fragment, which is never sent."""
    whole, mark, fragment = url.partition("#")
    path, _, before = whole.partition("?")
    joint = "&" if before and not before.endswith("&") else ""
    return f"{path}?{before}{joint}{query}{mark}{fragment}"


def _check_text(text: str) -> None:
    if _CONTROLS.search(text):
        raise InvalidUrl("endpoint has control characters")
    try:
        size = len(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise InvalidUrl("endpoint has characters that are no text") from None
    if size > MAX_URL_BYTES:
        raise InvalidUrl(f"endpoint is longer than {MAX_URL_BYTES} bytes")


def _split_place(place: str) -> tuple[str, str, str]:
    """Host to connect to, host as written, and port text, of an authority without user info."""
    if place.startswith("["):
        return _split_ipv6(place)
    written, _, port_text = place.partition(":")
    written = _ascii_host(written)
    return written.lower(), written, port_text


def _split_ipv6(place: str) -> tuple[str, str, str]:
    literal, bracket, rest = place[1:].partition("]")
    if "%" in literal:
        raise InvalidUrl("endpoint has an IPv6 address with a zone")
    if not bracket or (rest and not rest.startswith(":")):
        raise InvalidUrl("endpoint has an invalid IPv6 address")
    try:
        host = str(IPv6Address(literal))
    except ValueError:
        raise InvalidUrl("endpoint has an invalid IPv6 address") from None
    return host, f"[{literal}]", rest[1:]


def _ascii_host(host: str) -> str:
    if not host.strip("."):
        raise InvalidUrl("endpoint has no host")
    if not host.isascii():
        host = _punycode(host)
    if len(host) > MAX_HOST_CHARS or _NOT_IN_HOSTS.search(host) or not host.strip("."):
        raise InvalidUrl("endpoint has an invalid host")
    return host


def _punycode(host: str) -> str:
    if len(host) > MAX_HOST_CHARS:
        raise InvalidUrl("endpoint has an invalid host")
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise InvalidUrl("endpoint has an invalid host") from None


def _port(text: str) -> int:
    digits = text.lstrip("0")
    if not (text.isascii() and text.isdecimal() and 1 <= len(digits) <= 5 and int(digits) < 65536):
        raise InvalidUrl("endpoint has an invalid port")
    return int(digits)


def _target(path: str, query: str) -> bytes:
    return _TO_ESCAPE.sub(_escape, f"{path or '/'}{query}").encode("ascii")


def _escape(run: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in run[0].encode("utf-8", "surrogateescape"))


def _basic(userinfo: str) -> str | None:
    user, _, password = userinfo.partition(":")
    if not (user or password):
        return None
    pair = b"%b:%b" % (_unescape(user), _unescape(password))
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


def _unescape(text: str) -> bytes:
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape"))
