"""Limits of a project of its own."""

from relaypost.domain.limits import NAMES, Limits, overridden


def test_what_is_set_replaces_the_limit_of_the_server() -> None:
    limits = Limits(max_retries=5, max_queues=7)
    own = overridden(limits, {"max_retries": 9, "max_daily_messages": 1000})
    assert own == Limits(max_retries=9, max_queues=7, max_daily_messages=1000)
    assert overridden(limits, {}) == limits


def test_limits_of_another_version_are_none() -> None:
    assert overridden(Limits(), {"max_of_tomorrow": 1}) == Limits()


def test_rate_limits_are_off() -> None:
    assert {"max_daily_messages", "max_requests_per_second"} <= NAMES
    assert Limits().max_daily_messages == Limits().max_requests_per_second == 0
