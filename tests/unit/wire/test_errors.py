import json

import pytest

from relaypost.domain.errors import (
    BodyTooLarge,
    DailyLimitReached,
    Forbidden,
    Invalid,
    NotFound,
    QuotaExceeded,
    RelaypostError,
    StoreUnavailable,
    Unauthorized,
)
from relaypost.domain.rate_limits import daily_limit
from relaypost.domain.types import UnixMs
from relaypost.domain.urls import InvalidUrl
from relaypost.wire.errors import STATUSES, error_body, status_of


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid("x"), 400),
        (InvalidUrl("x"), 400),
        (Unauthorized("x"), 401),
        (Forbidden("x"), 403),
        (NotFound("x"), 404),
        (QuotaExceeded("x"), 412),
        (BodyTooLarge("x"), 413),
        (DailyLimitReached(daily_limit(1, used=1, now=UnixMs(0))), 429),
        (StoreUnavailable("x"), 503),
        (RelaypostError("x"), 500),
    ],
    ids=lambda case: type(case).__name__,
)
def test_each_kind_has_a_status(error: RelaypostError, status: int) -> None:
    assert status_of(error) == status


def test_no_kind_is_without_status() -> None:
    assert set(RelaypostError.__subclasses__()) <= set(STATUSES)


@pytest.mark.parametrize("kind", [Invalid, NotFound])
def test_in_a_workflow_there_is_no_400(kind: type[Invalid | NotFound]) -> None:
    error = kind("x")
    error.in_workflow = True
    assert status_of(error) == 412


def test_the_body_is_one_json_object() -> None:
    assert error_body(NotFound("topic x not found")) == b'{"error":"topic x not found"}'


def test_the_index_of_an_item() -> None:
    error = Invalid("DeduplicationId cannot contain ':'")
    error.index = 0
    assert error_body(error) == b'{"error":"DeduplicationId cannot contain \':\'","index":0}'


@pytest.mark.parametrize(
    ("text", "shown"), [("a\r\nb\x00c", "a b c"), ("x\udcff", "x?"), ("é", "é")]
)
def test_a_text_is_one_line_of_unicode(text: str, shown: str) -> None:
    assert json.loads(error_body(Invalid(text))) == {"error": shown}
