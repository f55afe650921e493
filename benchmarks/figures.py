"""Arithmetic of a report: percentiles of a sample, medians of rounds, ratios of two trees."""

import math
import statistics
from collections.abc import Sequence

import msgspec

NS_PER_MS = 1_000_000


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """A sample of latencies in short; all 0 for an empty one."""

    count: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """One figure over all rounds."""

    median: float
    low: float
    high: float


def percentile(ordered: Sequence[int], percent: float) -> float:
    """Nearest rank: the smallest value that `percent` of the sample does not exceed."""
    if not ordered:
        return 0
    rank = math.ceil(len(ordered) * percent / 100)
    return ordered[max(rank, 1) - 1]


def summarize(nanoseconds: Sequence[int]) -> Latency:
    ordered = sorted(nanoseconds)
    return Latency(
        count=len(ordered),
        p50_ms=percentile(ordered, 50) / NS_PER_MS,
        p90_ms=percentile(ordered, 90) / NS_PER_MS,
        p99_ms=percentile(ordered, 99) / NS_PER_MS,
        max_ms=percentile(ordered, 100) / NS_PER_MS,
    )


def spread(values: Sequence[float]) -> Spread:
    return Spread(median=statistics.median(values), low=min(values), high=max(values))


def ratio(value: float, base: float) -> float:
    return value / base if base else math.nan


def ratios(values: Sequence[float], bases: Sequence[float]) -> Spread:
    """Compare two trees round by round, since neighbours in time share the machine's mood."""
    return spread([ratio(value, base) for value, base in zip(values, bases, strict=True)])


def show(value: float) -> str:
    """Write a figure with three digits that count, or all of a whole number."""
    if not math.isfinite(value):
        return "n/a"
    if abs(value) >= 100 or value == 0:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
