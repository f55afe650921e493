"""The headers of rate limits (section 1.8)."""

from relaypost.domain.errors import BurstLimitReached, DailyLimitReached
from relaypost.domain.rate_limits import burst_limit, daily_limit
from relaypost.domain.types import UnixMs
from relaypost.wire.errors import error_body, status_of
from relaypost.wire.rate_limits import burst_headers, refusal_headers

NOW = UnixMs(1_761_782_399_500)


def test_a_used_up_day_as_the_original_shows_it() -> None:
    error = DailyLimitReached(daily_limit(1000, used=1000, now=NOW))
    assert (status_of(error), error_body(error)) == (
        429,
        b'{"error":"daily rate limit exceeded"}',
    )
    assert refusal_headers(error) == [
        (b"ratelimit-limit", b"1000"),
        (b"ratelimit-remaining", b"0"),
        (b"ratelimit-reset", b"1761782400"),
        (b"retry-after", b"1"),
    ]


def test_a_burst_is_told_apart_by_its_headers() -> None:
    standing = burst_limit(100, used=100, now=NOW)
    error = BurstLimitReached(standing)
    assert (status_of(error), error_body(error)) == (
        429,
        b'{"error":"burst rate limit exceeded"}',
    )
    headers = [*burst_headers(standing), *refusal_headers(error)]
    assert headers == [
        (b"burst-ratelimit-limit", b"100"),
        (b"burst-ratelimit-remaining", b"0"),
        (b"burst-ratelimit-reset", b"1761782400"),
        (b"retry-after", b"1"),
    ]
