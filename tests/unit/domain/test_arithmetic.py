import math

import pytest

from relaypost.domain import arithmetic

INF, NAN = math.inf, math.nan


def assert_same(actual: float, expected: float) -> None:
    """Equal as IEEE 754 sees it from outside: NaN is NaN, and zeros have a sign."""
    assert (math.isnan(actual) and math.isnan(expected)) or actual == expected
    assert math.isnan(expected) or math.copysign(1, actual) == math.copysign(1, expected)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (7.0, 2.0, 3.5),
        (1.0, 0.0, INF),
        (-1.0, 0.0, -INF),
        (1.0, -0.0, -INF),
        (-1.0, -0.0, INF),
        (INF, 0.0, INF),
        (0.0, 0.0, NAN),
        (NAN, 0.0, NAN),
        (1.0, NAN, NAN),
        (INF, INF, NAN),
        (1e308, 1e-10, INF),
    ],
)
def test_divide(x: float, y: float, expected: float) -> None:
    assert_same(arithmetic.divide(x, y), expected)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (7.0, 3.0, 1.0),
        (-7.0, 3.0, -1.0),
        (7.0, -3.0, 1.0),
        (5.5, 2.0, 1.5),
        (1.0, 0.0, NAN),
        (INF, 2.0, NAN),
        (2.0, INF, 2.0),
        (NAN, 2.0, NAN),
    ],
)
def test_remainder(x: float, y: float, expected: float) -> None:
    assert_same(arithmetic.remainder(x, y), expected)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (2.0, 10.0, 1024.0),
        (2.0, -1.0, 0.5),
        (0.0, 0.0, 1.0),
        (1e200, 2.0, INF),
        (-1e200, 2.0, INF),
        (-1e200, 3.0, -INF),
        (1e-200, -2.0, INF),
        (-1e-200, -3.0, -INF),
        (0.0, -1.0, INF),
        (-0.0, -1.0, -INF),
        (-0.0, -2.0, INF),
        (-0.0, -0.5, INF),
        (-8.0, 0.5, NAN),
        (0.0, -INF, INF),
        (2.0, INF, INF),
        (1e300, 1e300, INF),
        (0.5, 1e300, 0.0),
    ],
)
def test_power(x: float, y: float, expected: float) -> None:
    assert_same(arithmetic.power(x, y), expected)


@pytest.mark.parametrize(("x", "expected"), [(0.0, 1.0), (1e9, INF), (-1e9, 0.0), (NAN, NAN)])
def test_exp(x: float, expected: float) -> None:
    assert_same(arithmetic.exp(x), expected)


@pytest.mark.parametrize(
    ("x", "expected"), [(9.0, 3.0), (-1.0, NAN), (-0.0, -0.0), (INF, INF), (-INF, NAN), (NAN, NAN)]
)
def test_sqrt(x: float, expected: float) -> None:
    assert_same(arithmetic.sqrt(x), expected)


@pytest.mark.parametrize(
    ("x", "floor", "ceil", "nearest"),
    [
        (2.0, 2.0, 2.0, 2.0),
        (2.4, 2.0, 3.0, 2.0),
        (2.5, 2.0, 3.0, 3.0),
        (3.5, 3.0, 4.0, 4.0),
        (-2.4, -3.0, -2.0, -2.0),
        (-2.5, -3.0, -2.0, -3.0),
        (-0.2, -1.0, -0.0, -0.0),
        (0.49999999999999994, 0.0, 1.0, 0.0),
        (4503599627370497.0, 4503599627370497.0, 4503599627370497.0, 4503599627370497.0),
        (1e300, 1e300, 1e300, 1e300),
        (INF, INF, INF, INF),
        (-INF, -INF, -INF, -INF),
        (NAN, NAN, NAN, NAN),
    ],
)
def test_rounding(x: float, floor: float, ceil: float, nearest: float) -> None:
    assert_same(arithmetic.floor(x), floor)
    assert_same(arithmetic.ceil(x), ceil)
    assert_same(arithmetic.round_half_away(x), nearest)


@pytest.mark.parametrize(
    ("values", "least", "greatest"),
    [
        ((3.0,), 3.0, 3.0),
        ((3.0, 1.0, 2.0), 1.0, 3.0),
        ((-INF, 1.0), -INF, 1.0),
        ((NAN, 1.0), NAN, NAN),
        ((1.0, NAN), NAN, NAN),
    ],
)
def test_extremes(values: tuple[float, ...], least: float, greatest: float) -> None:
    assert_same(arithmetic.minimum(*values), least)
    assert_same(arithmetic.maximum(*values), greatest)
