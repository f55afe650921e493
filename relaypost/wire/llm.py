"""What `api/llm` and the chat endpoint take, and what they pass on (sections 7.4, 7.5)."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from relaypost.domain.errors import Invalid
from relaypost.domain.types import Headers
from relaypost.wire.headers import encode_value
from relaypost.wire.outgoing import ACCEPT_ENCODING, USER_AGENT
from relaypost.wire.surrogates import mend_surrogates

API: Final = "llm"
PATH: Final = "/v1/chat/completions"
CHAT_HEADERS: Final[Headers] = (USER_AGENT, ACCEPT_ENCODING, ("Content-Type", "application/json"))
"""All that the service sees of a chat request beside its body and the operator's token."""

OF_THE_SDK: Final = ("provider", "analytics", "system", "user")
"""Keys that the SDK adds to a chat request, and that OpenAI-compatible services refuse."""

PASSED_ON: Final = ("Content-Encoding",)
RATE_LIMITS: Final = "X-Ratelimit-"

MAX_EVENT_BYTES: Final = 4_194_304

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_DATA_WITHOUT_BLANK = re.compile(rb"^data:(?! )", re.MULTILINE)
_DONE = re.compile(rb"^data: \[DONE\][^\n]*\n\n", re.MULTILINE)


def url_of_llm(url: str | None, texts: Mapping[str, str], body: bytes) -> str:
    """The URL that `api/llm` stands for, once the message is fit for it."""
    url = configured_url(url)
    if "Callback" not in texts:
        raise Invalid("Upstash-Callback is required for api/llm")
    if _is_true(_read_object(body).get("stream")):
        raise Invalid("invalid body: api/llm does not stream")
    return url


def configured_url(url: str | None) -> str:
    if url is None:
        raise Invalid("invalid destination url: api llm is not configured")
    return url


def chat_body(body: bytes) -> bytes:
    """A chat request as the service takes it; all other values pass untouched."""
    fields = _read_object(body)
    for name in OF_THE_SDK:
        fields.pop(name, None)
    return msgspec.json.encode(fields)


def chat_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """What a chat answer keeps of the headers of the service's, beside `Content-Type`."""
    return [
        (name.lower().encode(), encode_value(value))
        for name, value in headers
        if name in PASSED_ON or name.startswith(RATE_LIMITS)
    ]


def media_type_of(headers: Headers) -> bytes:
    """The `Content-Type` of an answer; most that have none are JSON."""
    types = (encode_value(value) for name, value in headers if name == "Content-Type")
    return next(types, b"application/json")


def is_event_stream(media_type: bytes) -> bool:
    return media_type.partition(b";")[0].strip().lower() == b"text/event-stream"


class EventCutter:
    """Cuts a stream of events into pieces of whole ones: the JavaScript SDK reads each piece of a
    body on its own. Lines end as it expects, and begin as it expects."""

    def __init__(self) -> None:
        self._rest = b""
        self.is_done = False
        """The last event has come, as the format says."""

    @property
    def is_overfull(self) -> bool:
        return len(self._rest) > MAX_EVENT_BYTES

    def feed(self, data: bytes) -> bytes:
        """Take a piece of any length; answers the events that it completes, if any."""
        text = self._rest + data
        held = text[-1:] if text.endswith(b"\r") else b""  # a line feed may follow
        text = text.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = text.rfind(b"\n\n") + 2
        if end < 2:
            self._rest = text + held
            return b""
        self._rest = text[end:] + held
        return self._finished(text[:end])

    def end(self) -> bytes:
        """What is left when the service has ended."""
        return self._finished(self._rest.replace(b"\r", b"\n"))

    def _finished(self, events: bytes) -> bytes:
        events = _DATA_WITHOUT_BLANK.sub(b"data: ", events)
        done = _DONE.search(events)
        if done is None:
            return events
        self.is_done = True
        return events[: done.end()]


def _read_object(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _decode(body)
    except msgspec.ValidationError:
        raise Invalid("invalid body: not a JSON object") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid("invalid body: not JSON") from None


def _decode(body: bytes) -> dict[str, msgspec.Raw]:
    body.decode()  # values are not looked into
    try:
        return _object.decode(body)
    except msgspec.DecodeError:
        return _object.decode(mend_surrogates(body))


def _is_true(raw: msgspec.Raw | None) -> bool:
    return raw is not None and bytes(raw) == b"true"
