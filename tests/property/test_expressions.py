import math

from hypothesis import assume, given
from hypothesis import strategies as st

from relaypost.domain.expressions import ExpressionError, delay_ms, parse

NUMBERS = st.floats(min_value=0, max_value=1e6).map(repr) | st.integers(0, 1000).map(
    lambda number: f"{number}."
)
BINARY = st.sampled_from(["+", "-", "*", "/", "**"])
CALLS = st.sampled_from(["abs", "floor", "ceil", "sqrt", "exp", "min", "max"])
BLANKS = st.sampled_from(["", " ", "\t", "  "])
PYTHON = {
    "abs": abs,
    "floor": lambda x: float(math.floor(x)),
    "ceil": lambda x: float(math.ceil(x)),
    "sqrt": math.sqrt,
    "exp": math.exp,
    "min": lambda *values: min(values),
    "max": lambda *values: max(values),
    "pow": math.pow,
}


def _compounds(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.builds("{}{}{}{}{}".format, inner, BLANKS, BINARY, BLANKS, inner)
        | st.builds("({}{})".format, st.sampled_from("+-"), inner)
        | st.builds("(-{}**-{}**{})".format, NUMBERS, NUMBERS, NUMBERS)
        | st.builds("({})".format, inner)
        | st.builds("{}({})".format, CALLS, inner)
        | st.builds("pow({},{}{})".format, inner, BLANKS, inner)
    )


EXPRESSIONS = st.recursive(NUMBERS | st.just("retried"), _compounds, max_leaves=12).filter(
    lambda text: len(text) <= 500
)
PIECES = st.sampled_from(
    [
        "1",
        "2.5",
        ".",
        "e",
        "retried",
        "pow",
        "min",
        "sqrt",
        "(",
        ")",
        ",",
        "+",
        "-",
        "*",
        "**",
        "^",
        "/",
        "%",
        " ",
        "1e308",
        "0",
    ]
)


def reason_to_refuse(text: str) -> str:
    try:
        parse(text)
    except ExpressionError as error:
        return str(error)
    return ""


@given(EXPRESSIONS, st.integers(0, 100))
def test_where_python_has_a_value_ours_is_the_same(text: str, retried: int) -> None:
    try:
        expected = eval(text, {"__builtins__": {}}, {**PYTHON, "retried": float(retried)})
    except (ArithmeticError, ValueError, SyntaxError):
        assume(False)
    assume(not isinstance(expected, complex))
    actual = parse(text).evaluate(retried)
    assert actual == expected or (math.isnan(actual) and math.isnan(expected))


@given(EXPRESSIONS, st.integers(0, 100))
def test_every_expression_has_a_value(text: str, retried: int) -> None:
    try:
        value = parse(text).evaluate(retried)
    except ExpressionError:
        assume(False)
    assert isinstance(value, float)
    assert (delay_ms(text, retried) is None) == math.isnan(value)


@given(st.text() | st.lists(PIECES, max_size=30).map("".join), st.integers(0, 100))
def test_any_text_is_refused_or_gives_a_pause_within_a_day(text: str, retried: int) -> None:
    pause = delay_ms(text, retried)
    assert pause is None or 0 <= pause <= 86_400_000


@given(st.text() | st.lists(PIECES, max_size=30).map("".join))
def test_a_reason_is_one_line_of_ascii(text: str) -> None:
    reason = reason_to_refuse(text)
    assert reason.isascii()
    assert "\n" not in reason


@given(EXPRESSIONS, st.integers(0, 100))
def test_parentheses_and_blanks_around_change_nothing(text: str, retried: int) -> None:
    try:
        plain = parse(text)
    except ExpressionError:
        assume(False)
    assert parse(f" ({text}\t) ").steps == plain.steps
