"""The arithmetic of retry-delay expressions: IEEE 754 doubles.

Python raises where the standard has an infinity or a NaN; these functions return it instead.
"""

import math


def divide(x: float, y: float) -> float:
    if y:
        return x / y
    if not x or math.isnan(x):
        return math.nan
    return math.copysign(math.inf, x) * math.copysign(1.0, y)


def remainder(x: float, y: float) -> float:
    """What is left of `x`, with its sign; NaN for a division by zero."""
    try:
        return math.fmod(x, y)
    except ValueError:
        return math.nan


def power(x: float, y: float) -> float:
    try:
        return math.pow(x, y)
    except OverflowError:
        return _infinite_power(x, y)
    except ValueError:
        return math.nan if x else _infinite_power(x, y)


def _infinite_power(x: float, y: float) -> float:
    """Too large for a double, or zero to a negative power: odd powers keep the sign."""
    is_odd = abs(math.fmod(y, 2.0)) == 1.0
    return math.copysign(math.inf, x) if is_odd else math.inf


def exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def sqrt(x: float) -> float:
    return math.nan if x < 0 else math.sqrt(x)


def floor(x: float) -> float:
    fraction, whole = math.modf(x)
    return whole - 1.0 if fraction < 0 else whole


def ceil(x: float) -> float:
    fraction, whole = math.modf(x)
    return whole + 1.0 if fraction > 0 else whole


def round_half_away(x: float) -> float:
    """The nearest integer, halves away from zero."""
    fraction, whole = math.modf(x)
    return whole + math.copysign(1.0, x) if abs(fraction) >= 0.5 else whole


def minimum(*values: float) -> float:
    return math.nan if any(map(math.isnan, values)) else min(values)


def maximum(*values: float) -> float:
    return math.nan if any(map(math.isnan, values)) else max(values)
