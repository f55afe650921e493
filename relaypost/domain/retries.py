"""How long to wait before the next attempt of a message (section 3.9)."""

import math

from relaypost.domain.expressions import MAX_PAUSE_MS, delay_ms

_CAPPED_FROM = 5
"""The first failure whose backoff is above the cap; the exponential of later ones may overflow."""


def default_backoff_ms(failures: int) -> int:
    """The pause after the given number of failures: e^(2.5 n) seconds, at most a day."""
    seconds = math.exp(2.5 * min(failures, _CAPPED_FROM))
    return min(MAX_PAUSE_MS, int(seconds * 1000))


def pause_ms(retried: int, *, retry_delay: str | None, hint_ms: int | None) -> int:
    """The pause after a failed attempt: what the destination asked for, else the message's own
    expression, else the default backoff.
    """
    if hint_ms is not None:
        return hint_ms
    if retry_delay is not None:
        pause = delay_ms(retry_delay, retried)
        if pause is not None:
            return pause
    return default_backoff_ms(retried + 1)
