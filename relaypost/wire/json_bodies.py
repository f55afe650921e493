"""JSON bodies of requests that are not messages (section 1.2)."""

from typing import Any

import msgspec

from relaypost.domain.errors import Invalid


def read_object(body: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"invalid JSON body: {decoding_reason(error)}") from None
    if not isinstance(fields, dict):
        raise Invalid("invalid JSON body: must be an object")
    return fields


def decoding_reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not valid UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error).removeprefix("JSON is malformed: ")
