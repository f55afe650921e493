"""How long things are kept."""

from relaypost.domain.retention import Horizon, RetentionPeriods
from relaypost.domain.types import UnixMs
from tests.support.messages import NOW


def test_what_is_older_than_its_period_may_go() -> None:
    periods = RetentionPeriods(
        logs_ms=5000, dead_letters_ms=700, finished_messages_ms=30, keys_ms=90
    )
    assert periods.horizon(NOW) == Horizon(
        logs_before=UnixMs(NOW - 5000),
        dead_letters_before=UnixMs(NOW - 700),
        keys_before=UnixMs(NOW - 90),
        now=NOW,
    )


def test_a_finished_message_is_kept_with_its_log() -> None:
    periods = RetentionPeriods(logs_ms=10, finished_messages_ms=6000)
    assert periods.horizon(NOW).logs_before == NOW - 6000
