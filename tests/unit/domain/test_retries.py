import pytest

from relaypost.domain.retries import default_backoff_ms, pause_ms


@pytest.mark.conformance("D-15")
def test_default_backoff() -> None:
    pauses = [default_backoff_ms(failures) for failures in range(1, 7)]
    assert pauses == [12182, 148413, 1808042, 22026465, 86400000, 86400000]


def test_default_backoff_of_many_failures() -> None:
    assert default_backoff_ms(10_000) == 86400000


@pytest.mark.conformance("D-15")
def test_without_anything_said_the_default_backoff_counts() -> None:
    pauses = [pause_ms(retried, retry_delay=None, hint_ms=None) for retried in range(5)]
    assert pauses == [12182, 148413, 1808042, 22026465, 86400000]


@pytest.mark.conformance("D-17")
def test_the_expression_replaces_the_default() -> None:
    assert pause_ms(0, retry_delay="1000", hint_ms=None) == 1000
    assert pause_ms(2, retry_delay="1000 * retried", hint_ms=None) == 2000
    assert pause_ms(0, retry_delay="1000 * retried", hint_ms=None) == 0


@pytest.mark.conformance("P-21")
def test_a_fault_of_the_expression_leads_to_the_default_of_this_retry() -> None:
    assert pause_ms(0, retry_delay="sqrt(-1)", hint_ms=None) == 12182
    assert pause_ms(1, retry_delay="sqrt(-1)", hint_ms=None) == 148413


@pytest.mark.conformance("D-16")
@pytest.mark.parametrize("hint_ms", [0, 5000])
def test_a_hint_comes_first(hint_ms: int) -> None:
    assert pause_ms(3, retry_delay="1000", hint_ms=hint_ms) == hint_ms
    assert pause_ms(3, retry_delay=None, hint_ms=hint_ms) == hint_ms
