import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaypost.wire.durations import parse_duration_ms, parse_integer, parse_not_before

MS_PER_UNIT = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
DIGITS = st.text("0123456789", min_size=1, max_size=20)
NUMBERS = DIGITS | st.builds("{}.{}".format, DIGITS, DIGITS)
PARTS = st.tuples(NUMBERS, st.sampled_from(sorted(MS_PER_UNIT)))


def written(parts: list[tuple[str, str]]) -> str:
    return "".join(number + unit for number, unit in parts)


@given(st.lists(PARTS, min_size=1, max_size=8))
def test_parts_add_up_exactly_and_the_sum_is_cut(parts: list[tuple[str, str]]) -> None:
    exact = sum(Fraction(number) * MS_PER_UNIT[unit] for number, unit in parts)
    assert parse_duration_ms(written(parts)) == exact // 1


@given(st.lists(PARTS, min_size=1, max_size=8))
def test_the_order_of_parts_does_not_matter(parts: list[tuple[str, str]]) -> None:
    assert parse_duration_ms(written(parts)) == parse_duration_ms(written(parts[::-1]))


@given(NUMBERS)
def test_a_bare_number_is_seconds(number: str) -> None:
    assert parse_duration_ms(number) == parse_duration_ms(number + "s")
    assert parse_not_before(number) == parse_duration_ms(number)


@given(st.lists(PARTS, min_size=1, max_size=3), st.sampled_from(" \t\n-+,wSMHD"), st.data())
def test_anything_in_between_spoils_it(
    parts: list[tuple[str, str]], intruder: str, data: st.DataObject
) -> None:
    text = written(parts)
    position = data.draw(st.integers(0, len(text)))
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration_ms(text[:position] + intruder + text[position:])


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_duration_ms(text) >= 0


@given(st.integers(min_value=0), st.sampled_from(["", "+", " ", "\t+", "000"]))
def test_integers_are_exact_or_huge(number: int, prefix: str) -> None:
    assert parse_integer(f"{prefix}{number}") == number or number > 10**30


@given(st.integers(min_value=0, max_value=10_000), st.integers(min_value=0, max_value=10_000))
def test_more_digits_never_make_it_smaller(whole: int, zeros: int) -> None:
    assert parse_integer(f"1{whole:05}" + "0" * zeros) >= 10**5 * min(10**zeros, 10**25)
