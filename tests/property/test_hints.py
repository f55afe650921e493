import datetime
import email.utils

from hypothesis import given
from hypothesis import strategies as st

from relaypost.domain.types import UnixMs
from relaypost.wire.hints import read_hints

DAY = 86_400_000
NOW = UnixMs(1_795_525_409_034)
NAMES = st.sampled_from(
    [
        "Retry-After",
        "X-RateLimit-Reset",
        "X-RateLimit-Reset-Requests",
        "X-RateLimit-Reset-Tokens",
        "retry-after",
        "Upstash-NonRetryable-Error",
        "Date",
    ]
)
FORMS = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]


def pause(name: str, value: str) -> int | None:
    return read_hints(500, ((name, value),), now=NOW).retry_after_ms


@given(st.integers(-40 * 365 * 86_400, 86_400), st.sampled_from(FORMS))
def test_every_date_of_each_form(ahead: int, form: str) -> None:
    seconds = NOW // 1000 + ahead
    instant = datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)
    expected = max(0, seconds * 1000 - NOW)
    assert pause("Retry-After", instant.strftime(form)) == expected
    assert pause("Retry-After", email.utils.format_datetime(instant, usegmt=True)) == expected


@given(st.integers(0, 3 * DAY))
def test_one_pause_in_many_units(milliseconds: int) -> None:
    expected = milliseconds if milliseconds <= DAY else None
    for value in (
        f"{milliseconds // 1000}.{milliseconds % 1000:03}",
        f"{milliseconds}ms",
        f"{milliseconds}000us",
        f"{milliseconds}000000ns",
        f"{milliseconds // 60_000}m{milliseconds % 60_000}ms",
    ):
        assert pause("X-RateLimit-Reset", value) == expected


@given(st.lists(st.integers(0, 86_400), min_size=3, max_size=3))
def test_the_largest_reset_counts(seconds: list[int]) -> None:
    names = ["X-RateLimit-Reset", "X-RateLimit-Reset-Requests", "X-RateLimit-Reset-Tokens"]
    headers = tuple((name, f"{value}s") for name, value in zip(names, seconds, strict=True))
    assert read_hints(429, headers, now=NOW).retry_after_ms == max(seconds) * 1000


@given(st.integers(100, 999), st.lists(st.tuples(NAMES, st.text(max_size=40))))
def test_any_answer_can_be_read(status: int, headers: list[tuple[str, str]]) -> None:
    hints = read_hints(status, tuple(headers), now=NOW)
    assert hints.retry_after_ms is None or 0 <= hints.retry_after_ms <= DAY
    assert not hints.non_retryable or status == 489
