"""Where a message may go: kinds of destinations, and what is wrong with a URL (1.7, 2.2)."""

import re
from functools import lru_cache
from typing import Final

from relaypost.domain.addresses import AddressPolicy, judge_destination, literal_address
from relaypost.domain.errors import Invalid, NotFound
from relaypost.domain.urls import InvalidUrl, split_url
from relaypost.wire import llm
from relaypost.wire.headers import shown_text
from relaypost.wire.options import CALLBACK

MAX_NAME_BYTES: Final = 256
API_PREFIX: Final = "api/"
NO_SCHEME: Final = "endpoint has invalid scheme, add http:// or https://"

NAME_PATTERN: Final = r"[A-Za-z0-9_.\-]+"
"""Of names, but for `.` and `..`."""

_NAME = re.compile(NAME_PATTERN)


def is_name(text: str) -> bool:
    """Tell whether a text can name a URL group or a queue (section 1.6)."""
    return len(text) <= MAX_NAME_BYTES and bool(_NAME.fullmatch(text)) and text not in (".", "..")


def is_url(text: str) -> bool:
    return text[:8].lower().startswith(("http://", "https://"))


def check_destination(text: str, policy: AddressPolicy) -> bool:
    """Let pass what can be published to; answers whether that is the name of a URL group."""
    if is_url(text):
        defect = url_defect(text, policy)
        if defect is not None:
            raise Invalid(f"invalid destination url: {defect}")
        return False
    name = text.partition("?")[0]
    if name.startswith(API_PREFIX):
        _check_api(name.removeprefix(API_PREFIX))
        return False
    if not is_name(name):
        raise Invalid(f"invalid destination url: {NO_SCHEME}")
    return True


def unknown_group(name: str) -> NotFound:
    """The original's text, letter for letter: clients' tests look for it (section 1.7)."""
    return NotFound(f"topic {name} not found")


def api_of(destination: str) -> str | None:
    """The API that a checked destination names; there is one (section 7.4)."""
    return llm.API if destination.startswith(API_PREFIX) else None


def _check_api(name: str) -> None:
    if name != llm.API:
        raise Invalid(f"invalid destination url: unknown api {name}")


def callback_url(text: str, prefix: str, policy: AddressPolicy) -> str:
    """Check the URL of a callback; names and `api/...` are none."""
    url = shown_text(text)
    defect = url_defect(url, policy)
    if defect is not None:
        kind = "callback" if prefix == CALLBACK else "failure callback"
        raise Invalid(f"invalid {kind} url: {defect}")
    return url


def url_defect(text: str, policy: AddressPolicy) -> str | None:
    """Say why a URL cannot be dialled, or `None` if it may be tried; names are judged later."""
    try:
        destination = split_url(text)
    except InvalidUrl as error:
        return error.reason
    if literal_address(destination.host) is None:
        return None
    return _judge_literal(destination, policy)


_judge_literal = lru_cache(maxsize=256)(judge_destination)
