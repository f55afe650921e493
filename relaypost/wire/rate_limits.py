"""Rate limits as answers show them: SDKs tell the kinds apart by their headers (section 1.8)."""

from relaypost.domain.errors import DailyLimitReached, RateLimited
from relaypost.domain.rate_limits import RateLimit

RawHeaders = list[tuple[bytes, bytes]]


def burst_headers(standing: RateLimit) -> RawHeaders:
    """What each answer of a limited route carries."""
    return _headers(b"burst-ratelimit-", standing)


def refusal_headers(error: RateLimited) -> RawHeaders:
    """What a refusal carries beside `burst_headers`; never both kinds with one 429."""
    standing = error.standing
    retry_after = (b"retry-after", b"%d" % standing.resets_in_s)
    if isinstance(error, DailyLimitReached):
        return [*_headers(b"ratelimit-", standing), retry_after]
    return [retry_after]


def _headers(prefix: bytes, standing: RateLimit) -> RawHeaders:
    return [
        (prefix + b"limit", b"%d" % standing.limit),
        (prefix + b"remaining", b"%d" % standing.remaining),
        (prefix + b"reset", b"%d" % (standing.resets_at // 1000)),
    ]
