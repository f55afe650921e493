"""How errors are answered (section 1.7): one status for each kind, one JSON body for all."""

import re
from typing import Annotated, Final

import msgspec

from relaypost.domain.errors import (
    BodyTooLarge,
    Forbidden,
    Invalid,
    NotFound,
    QuotaExceeded,
    RateLimited,
    RelaypostError,
    StoreUnavailable,
    Unauthorized,
    Unreachable,
)

STATUSES: Final[dict[type[RelaypostError], int]] = {
    Invalid: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    QuotaExceeded: 412,
    BodyTooLarge: 413,
    RateLimited: 429,
    Unreachable: 502,
    StoreUnavailable: 503,
}

IN_WORKFLOW: Final = 412
"""Instead of 400 and 404 in a request with a workflow message: 400 would end its run silently."""


class Refusal(msgspec.Struct, omit_defaults=True):
    """What every answer from 400 on says."""

    error: str
    index: Annotated[int, msgspec.Meta(description="Which item of a batch it is.")] | None = None


_encode = msgspec.json.Encoder().encode
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")


def status_of(error: RelaypostError) -> int:
    if isinstance(error, Invalid | NotFound) and error.in_workflow:
        return IN_WORKFLOW
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def error_body(error: RelaypostError) -> bytes:
    text = _CONTROLS.sub(" ", str(error)).encode("utf-8", "replace").decode()
    return _encode(Refusal(text, getattr(error, "index", None)))
