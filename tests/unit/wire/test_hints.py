import pytest

from relaypost.domain.outcomes import NO_HINTS, Hints
from relaypost.domain.retries import pause_ms
from relaypost.domain.types import Headers, UnixMs
from relaypost.wire.hints import read_hints

SECOND, MINUTE, DAY = 1000, 60_000, 86_400_000
NOW = UnixMs(1_719_490_574_250)
"""Thu, 27 Jun 2024 12:16:14.250 GMT"""


def retry_after(value: str, *, now: UnixMs = NOW) -> int | None:
    return read_hints(503, (("Retry-After", value),), now=now).retry_after_ms


@pytest.mark.conformance("D-16")
@pytest.mark.parametrize(
    ("value", "pause"),
    [
        ("0", 0),
        ("10", 10 * SECOND),
        ("6m5s", 365 * SECOND),
        ("Mon, 27 Jun 2024 12:16:24 GMT", 9750),
    ],
)
def test_retry_after_of_the_protocol(value: str, pause: int) -> None:
    assert retry_after(value) == pause


@pytest.mark.parametrize(
    ("value", "pause"),
    [
        ("1.5", 1500),
        (" 10\t", 10 * SECOND),
        ("+10", 10 * SECOND),
        ("+1m", MINUTE),
        ("1.5h", 90 * MINUTE),
        ("250ms", 250),
        ("1500us", 1),
        ("1500\u00b5s", 1),
        ("1500\u03bcs", 1),
        ("2000000ns", 2),
        ("600us600us", 1),
        ("999999ns", 0),
    ],
)
def test_numbers_and_durations(value: str, pause: int) -> None:
    assert retry_after(value) == pause


@pytest.mark.parametrize(
    "value",
    [
        "Thu, 27 Jun 2024 12:16:24 GMT",
        "Someday, 27 Jun 2024 12:16:24 GMT",
        "Thursday, 27-Jun-24 12:16:24 GMT",
        "Wed, 27-Jun-24 12:16:24 GMT",
        "Thu Jun 27 12:16:24 2024",
        "Sun Jun 27 12:16:24 2024",
    ],
)
def test_dates(value: str) -> None:
    assert retry_after(value) == 9750


def test_a_date_with_a_one_digit_day() -> None:
    now = UnixMs(1_717_677_000_000)  # 6 June 2024, 12:30:00 UTC
    assert retry_after("Thu Jun  6 12:30:07 2024", now=now) == 7000
    assert retry_after("Thu, 06 Jun 2024 12:30:07 GMT", now=now) == 7000


def test_a_leap_second_is_the_start_of_the_next_minute() -> None:
    assert retry_after("Thu, 27 Jun 2024 12:16:60 GMT") == 45_750


@pytest.mark.parametrize(
    "value",
    [
        "Thu, 27 Jun 2024 12:16:14 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Friday, 27-Jun-75 12:16:24 GMT",
        "Sun Nov  6 08:49:37 1994",
    ],
)
def test_a_date_in_the_past_is_at_once(value: str) -> None:
    assert retry_after(value) == 0


def test_a_two_digit_year_is_at_most_fifty_years_ahead() -> None:
    assert retry_after("Wednesday, 27-Jun-74 12:16:24 GMT") is None
    century_end = UnixMs(4_102_444_795_000)  # 31 December 2099, 23:59:55 UTC
    assert retry_after("Friday, 01-Jan-00 00:00:00 GMT", now=century_end) == 5000


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-1",
        "-5s",
        "soon",
        "10 s",
        "1w",
        "5S",
        "1e3",
        ".5",
        "5.",
        "++5",
        "NaN",
        "10, 20",
        "Thu, 27 Jun 2024 12:16:24",
        "Thu, 27 Jun 2024 12:16:24 CET",
        "Thu, 7 Jun 2024 12:16:24 GMT",
        "Thu, 27 Foo 2024 12:16:24 GMT",
        "Thu, 31 Jun 2024 12:16:24 GMT",
        "Thu, 00 Jun 2024 12:16:24 GMT",
        "Thu, 27 Jun 0000 12:16:24 GMT",
        "Thu, 27 Jun 2024 24:00:00 GMT",
        "Thu, 27 Jun 2024 12:60:00 GMT",
        "Thu, 27 Jun 2024 12:16:61 GMT",
        "2024-06-27T12:16:24Z",
        "27 Jun 2024 12:16:24 GMT",
    ],
)
def test_an_invalid_value_counts_as_absent(value: str) -> None:
    assert retry_after(value) is None
    headers = (("Retry-After", value), ("X-RateLimit-Reset", "3"))
    assert read_hints(429, headers, now=NOW).retry_after_ms == 3000


@pytest.mark.conformance("D-32")
def test_a_day_is_waited_for() -> None:
    assert retry_after("1d") == DAY
    assert retry_after("86400") == DAY
    assert pause_ms(0, retry_delay="1000", hint_ms=retry_after("1d")) == DAY


@pytest.mark.conformance("D-17")
@pytest.mark.parametrize("value", ["172800", "86401", "24h1ms", "1719490584", "9" * 5000 + "s"])
def test_more_than_a_day_is_not_used(value: str) -> None:
    assert retry_after(value) is None
    assert pause_ms(0, retry_delay="1000", hint_ms=retry_after(value)) == 1000
    assert pause_ms(0, retry_delay=None, hint_ms=retry_after(value)) == 12182


def test_what_is_valid_and_not_used_still_comes_first() -> None:
    headers = (("Retry-After", "172800"), ("X-RateLimit-Reset", "3"))
    assert read_hints(429, headers, now=NOW) == NO_HINTS
    headers = (("X-RateLimit-Reset", "1719490584"), ("X-RateLimit-Reset-Tokens", "3"))
    assert read_hints(429, headers, now=NOW) == NO_HINTS


@pytest.mark.conformance("D-18")
def test_the_largest_reset_counts_and_retry_after_before_all() -> None:
    resets: Headers = (("X-RateLimit-Reset-Requests", "1s"), ("X-RateLimit-Reset-Tokens", "6m0s"))
    assert read_hints(429, resets, now=NOW).retry_after_ms == 360 * SECOND
    headers = (*resets, ("Retry-After", "2"))
    assert read_hints(429, headers, now=NOW).retry_after_ms == 2 * SECOND


def test_an_invalid_reset_does_not_hide_the_others() -> None:
    headers = (("X-RateLimit-Reset", "never"), ("X-RateLimit-Reset-Requests", "1s"))
    assert read_hints(500, headers, now=NOW).retry_after_ms == 1 * SECOND


def test_names_in_any_case_and_the_first_value_of_several() -> None:
    headers = (("RETRY-after", "4"), ("retry-After", "9"))
    assert read_hints(404, headers, now=NOW).retry_after_ms == 4 * SECOND
    headers = (("x-ratelimit-RESET", "5"), ("Date", "10"))
    assert read_hints(404, headers, now=NOW).retry_after_ms == 5 * SECOND


def test_no_headers_give_no_hints() -> None:
    assert read_hints(500, (), now=NOW) == NO_HINTS


@pytest.mark.conformance("D-19")
@pytest.mark.parametrize("value", ["true", "1", "", "yes", " true "])
def test_489_with_the_header_is_final(value: str) -> None:
    headers = (("upstash-nonretryable-error", value),)
    assert read_hints(489, headers, now=NOW) == Hints(non_retryable=True)


@pytest.mark.conformance("D-19")
def test_489_without_the_header_and_the_header_without_489_are_not() -> None:
    assert read_hints(489, (), now=NOW) == NO_HINTS
    assert read_hints(400, (("Upstash-NonRetryable-Error", "true"),), now=NOW) == NO_HINTS


@pytest.mark.parametrize("value", ["false", "False", " FALSE "])
def test_a_header_that_says_false_is_not(value: str) -> None:
    headers = (("Upstash-NonRetryable-Error", value),)
    assert read_hints(489, headers, now=NOW) == NO_HINTS
