"""What answers show of headers and bodies; what must be hidden becomes its hash (section 2.14)."""

import hashlib
from base64 import b64encode
from typing import Final

from relaypost.domain.messages import Redaction
from relaypost.domain.types import Headers
from relaypost.wire.headers import encode_value, header_map, shown_text

HIDDEN: Final = "REDACTED:"


def hidden_text(raw: bytes) -> str:
    return HIDDEN + hashlib.sha256(raw).hexdigest()


def shown_headers(headers: Headers, redaction: Redaction | None) -> dict[str, list[str]]:
    if redaction is None or not (redaction.all_headers or redaction.headers):
        return header_map(headers)
    shown: dict[str, list[str]] = {}
    for name, value in headers:
        is_hidden = redaction.all_headers or name in redaction.headers
        text = hidden_text(encode_value(value)) if is_hidden else shown_text(value)
        shown.setdefault(name, []).append(text)
    return shown


def hides_body(redaction: Redaction | None) -> bool:
    return redaction is not None and redaction.body


def utf8_text(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def base64_text(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")
