"""What an attempt came to. A failed delivery is a value, not an exception."""

import enum
from dataclasses import dataclass
from http import HTTPStatus

from relaypost.domain.types import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRequest:
    """One HTTP request, ready to be sent; `Host` and `Content-Length` are the sender's to add."""

    url: str
    """The destination, verbatim; escapes in its path and query must reach the wire untouched."""
    method: str
    headers: Headers
    body: bytes
    timeout_ms: int
    """For the whole attempt, from its start to the last byte of the answer."""
    keep_body: bool = True
    """Whether the body of a 2xx answer is of interest; the body of a failure always is."""


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class Responded:
    """A complete HTTP answer; the body is cut at the configured limit."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def error(self) -> str:
        """What logs show of a failure, in the words of section 3.8."""
        phrase = _PHRASES.get(self.status)
        text = f"{self.status} {phrase}" if phrase else str(self.status)
        location = self._location() if 300 <= self.status < 400 else None
        return f"{text}: {location}" if location else text

    def _location(self) -> str | None:
        found = (value for name, value in self.headers if name == "Location")
        return next((_readable(value) for value in found), None)


def _readable(value: str) -> str:
    """A header value as text: bytes that are not UTF-8 read as ISO-8859-1 (section 1.4)."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape").decode("latin-1")
    return value


class Trouble(enum.Enum):
    """Why no complete answer arrived (section 3.8)."""

    TIMEOUT = "timeout"
    DNS = "dns"
    CONNECTION = "connection"
    TLS = "tls"
    INVALID_RESPONSE = "invalid response"
    REFUSED_ADDRESS = "refused address"
    NOT_CONFIGURED = "not configured"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReached:
    """No complete answer. `error` is the text that logs show, in the words of section 3.8."""

    trouble: Trouble
    error: str

    @property
    def status(self) -> int:
        """The synthetic status that callbacks and dead letters carry."""
        return 504 if self.trouble is Trouble.TIMEOUT else 502

    @property
    def is_success(self) -> bool:
        return False


Outcome = Responded | NotReached


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What the destination asked for in the headers of its answer (sections 3.10, 3.11)."""

    retry_after_ms: int | None = None
    """A valid pause of at most one day, else `None`."""
    non_retryable: bool = False


NO_HINTS = Hints()
