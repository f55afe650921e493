import math
from dataclasses import FrozenInstanceError

import pytest

from relaypost.domain.expressions import ExpressionError, delay_ms, parse

DAY = 86_400_000


@pytest.mark.conformance("P-20")
@pytest.mark.parametrize(
    ("expression", "pauses"),
    [
        ("1000", [1000, 1000, 1000, 1000]),
        ("1000 * (1 + retried)", [1000, 2000, 3000, 4000]),
        ("1000 * retried", [0, 1000, 2000, 3000]),
        ("pow(2, retried) * 1000", [1000, 2000, 4000, 8000]),
        ("max(1000, pow(2, retried) * 100)", [1000, 1000, 1000, 1000]),
        ("min(pow(3, retried) * 1000, 300000)", [1000, 3000, 9000, 27000]),
        ("1000 / retried", [DAY, 1000, 500, 333]),
    ],
)
def test_published_examples(expression: str, pauses: list[int]) -> None:
    assert [delay_ms(expression, retried) for retried in range(4)] == pauses


@pytest.mark.conformance("P-21")
@pytest.mark.parametrize("expression", ["sqrt(-1)", "0/0", "retried % 0", "(-8) ** 0.5", "sqrt("])
def test_a_fault_is_no_delay(expression: str) -> None:
    assert delay_ms(expression, 0) is None


@pytest.mark.parametrize(
    ("expression", "pause"),
    [
        ("1500.999", 1500),
        ("0.999", 0),
        ("-0.5", 0),
        ("-5", 0),
        ("86400000", DAY),
        ("86400000.9", DAY),
        ("86400001", DAY),
        ("1e999", DAY),
        ("exp(1000)", DAY),
        ("-exp(1000)", 0),
        ("-1/0", 0),
    ],
)
def test_a_delay_is_whole_and_within_a_day(expression: str, pause: int) -> None:
    assert delay_ms(expression, 0) == pause


def test_a_parsed_expression_has_a_delay_too() -> None:
    assert delay_ms(parse("retried * 10"), 4) == 40


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1", 1.0),
        ("1.", 1.0),
        ("1.5e3", 1500.0),
        ("1.e2", 100.0),
        (".5", 0.5),
        (".5E-1", 0.05),
        ("2e+3", 2000.0),
        ("retried", 7.0),
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 3 - 2", 5.0),
        ("100 / 10 / 2", 5.0),
        ("2 * 7 % 4", 2.0),
        ("-7 % 4", -3.0),
        ("-2**2", -4.0),
        ("(-2)**2", 4.0),
        ("2**3**2", 512.0),
        ("2^3^2", 512.0),
        ("2**-1", 0.5),
        ("2**-2**2", 0.0625),
        ("-2**-3**2", -(2.0**-9)),
        ("2**+3", 8.0),
        ("+5", 5.0),
        ("3 - -2", 5.0),
        ("3 * -2", -6.0),
        ("pow(2, 10)", 1024.0),
        ("exp(0)", 1.0),
        ("sqrt(16)", 4.0),
        ("abs(-3)", 3.0),
        ("floor(-1.5)", -2.0),
        ("ceil(1.2)", 2.0),
        ("round(2.5) + round(-2.5)", 0.0),
        ("min(3)", 3.0),
        ("min(3, 1, 2)", 1.0),
        ("max(3, 1, 2, 4)", 4.0),
        ("max(min(1, 2), (3))", 3.0),
        ("pow (\t2 , 3 )", 8.0),
        (" \t1\t+ 2 ", 3.0),
    ],
)
def test_evaluate(expression: str, value: float) -> None:
    assert parse(expression).evaluate(7) == value


@pytest.mark.conformance("P-20")
@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("pow(2)", '"pow" takes 2 arguments, got 1'),
        ("pow(1, 2, 3)", '"pow" takes 2 arguments, got 3'),
        ("abs(1, 2)", '"abs" takes 1 argument, got 2'),
        ("foo", 'unknown name "foo"'),
        ("Retried", 'unknown name "Retried"'),
        ("POW(1, 2)", 'unknown name "POW"'),
        ("__import__(1)", 'unknown name "__import__"'),
        ("pow", '"pow" needs arguments in parentheses'),
        ("min()", 'unexpected ")"'),
        ("retried(1)", 'unexpected "("'),
        ("", "unexpected end of the expression"),
        ("  ", "unexpected end of the expression"),
        ("1 +", "unexpected end of the expression"),
        ("(1", "unexpected end of the expression"),
        ("min(1,", "unexpected end of the expression"),
        ("1 2", 'unexpected "2"'),
        ("1.2.3", 'unexpected ".3"'),
        ("2retried", 'unexpected "retried"'),
        ("1_000", 'unexpected "_000"'),
        ("2e", 'unexpected "e"'),
        ("(1))", 'unexpected ")"'),
        ("(1, 2)", 'unexpected ","'),
        ("* 2", 'unexpected "*"'),
        ("--2", 'unexpected "-"'),
        ("2 ** ** 2", 'unexpected "**"'),
        ("1 < 2", "unexpected character at position 3"),
        ("1 +\n2", "unexpected character at position 4"),
        (".", "unexpected character at position 1"),
        ("\u0661", "unexpected character at position 1"),
        ("1;\udcff", "unexpected character at position 2"),
    ],
)
def test_malformed(expression: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse(expression)
    assert str(error.value) == reason


@pytest.mark.parametrize(
    ("opening", "value"), [("(", 1.0), ("-(", 1.0), ("abs(", 1.0), ("1+max(1,", 51.0)]
)
def test_fifty_levels_are_the_limit(opening: str, value: float) -> None:
    assert parse(opening * 50 + "1" + ")" * 50).evaluate(0) == value
    with pytest.raises(ExpressionError, match="nested deeper than 50 levels"):
        parse(opening * 51 + "1" + ")" * 51)


def test_levels_are_not_counted_side_by_side() -> None:
    assert parse("+".join(["(1)"] * 100)).evaluate(0) == 100.0


def test_five_hundred_characters_are_the_limit() -> None:
    assert math.isinf(parse("9" * 500).evaluate(0))
    with pytest.raises(ExpressionError, match="longer than 500 characters"):
        parse("9" * 501)


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "%", "^"])
def test_long_chains_are_no_nesting(operator: str) -> None:
    assert isinstance(parse(operator.join("9" * 250)).evaluate(0), float)


def test_towers_of_powers_end_at_once() -> None:
    assert delay_ms("9^" * 249 + "9", 0) == DAY
    assert delay_ms("pow(9e300," * 40 + "9e300" + ")" * 40, 0) == DAY


def test_expressions_are_frozen_and_read_once() -> None:
    expression = parse("1 + retried")
    assert parse("1 + retried") is expression
    with pytest.raises(FrozenInstanceError):
        expression.steps = ()  # type: ignore[misc]
