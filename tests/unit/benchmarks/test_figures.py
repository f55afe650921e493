"""Percentiles, medians and ratios."""

import math

import pytest

from benchmarks.figures import percentile, ratio, ratios, show, spread, summarize


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (1, 1), (50, 50), (99, 99), (99.1, 100), (100, 100)]
)
def test_percentile_is_the_nearest_rank(percent: float, expected: int) -> None:
    assert percentile(range(1, 101), percent) == expected


def test_percentile_of_a_small_sample_is_one_of_its_values() -> None:
    assert percentile([7], 99) == 7
    assert percentile([1, 2, 3], 50) == 2
    assert percentile([], 50) == 0


def test_summary_sorts_and_converts_to_ms() -> None:
    latency = summarize([3_000_000, 1_000_000, 2_000_000])

    assert latency.count == 3
    assert latency.p50_ms == 2.0
    assert latency.max_ms == 3.0


def test_spread_of_rounds() -> None:
    over_rounds = spread([30.0, 10.0, 20.0])

    assert (over_rounds.median, over_rounds.low, over_rounds.high) == (20.0, 10.0, 30.0)


def test_ratios_pair_the_rounds() -> None:
    over_rounds = ratios([20.0, 30.0, 90.0], [10.0, 10.0, 10.0])

    assert (over_rounds.median, over_rounds.low, over_rounds.high) == (3.0, 2.0, 9.0)


def test_ratio_to_nothing_is_no_number() -> None:
    assert math.isnan(ratio(5, 0))


def test_ratios_need_as_many_rounds_on_both_sides() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0], [1.0, 2.0])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.0234, "0.023"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (12345.6, "12,346"),
        (math.nan, "n/a"),
        (math.inf, "n/a"),
    ],
)
def test_show_keeps_the_digits_that_count(value: float, text: str) -> None:
    assert show(value) == text
