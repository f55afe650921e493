import pytest

from relaypost.wire.durations import (
    parse_boolean,
    parse_duration_ms,
    parse_integer,
    parse_not_before,
)

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


@pytest.mark.conformance("P-16")
@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("5", 5 * SECOND),
        ("5s", 5 * SECOND),
        ("1h30m3s", 5403 * SECOND),
        ("1d10h30m", DAY + 10 * HOUR + 30 * MINUTE),
        ("0.5s", 500),
    ],
)
def test_durations_of_the_protocol(text: str, milliseconds: int) -> None:
    assert parse_duration_ms(text) == milliseconds


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0", 0),
        ("00012", 12 * SECOND),
        ("1.5", 1500),
        ("0.0009", 0),
        ("250ms", 250),
        ("1m", MINUTE),
        ("1m5ms", MINUTE + 5),
        ("5ms1m", MINUTE + 5),
        ("1s1s1s", 3 * SECOND),
        ("1.5d", 36 * HOUR),
        ("0.5ms0.5ms", 1),
        ("0.6ms0.3ms", 0),
        ("0.1s0.2s", 300),
        ("1.0050s", 1005),
        ("0.29s", 290),
        ("365d", 365 * DAY),
    ],
)
def test_more_durations(text: str, milliseconds: int) -> None:
    assert parse_duration_ms(text) == milliseconds


@pytest.mark.conformance("P-16")
@pytest.mark.parametrize("text", ["5 s", "10 s", "-5s", "NaNs", "1w"])
def test_malformed_durations_of_the_protocol(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration_ms(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "5S",
        "1H",
        "+5s",
        "5.s",
        ".5s",
        "5.",
        ".5",
        "1e3",
        "1e3s",
        "1h30",
        "301h5",
        " 5s",
        "5s ",
        "1h 30m",
        "5,5s",
        "1_0s",
        "\u0665s",
        "5s\n",
        "1us",
        "1ns",
        "1\u00b5s",
        "5s-5s",
        "s5",
    ],
)
def test_malformed_durations(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration_ms(text)


@pytest.mark.parametrize("text", ["9" * 25, "9" * 40 + "d", "9" * 100_000, "9" * 100_000 + ".9ms"])
def test_any_number_of_digits_is_a_huge_duration(text: str) -> None:
    assert parse_duration_ms(text) > 2**64


def test_leading_zeros_and_decimals_without_end_are_no_trouble() -> None:
    assert parse_duration_ms("0" * 100_000 + "7s") == 7000
    assert parse_duration_ms("7." + "0" * 100_000 + "s") == 7000
    assert parse_duration_ms("7." + "9" * 100_000 + "s") == 7999


@pytest.mark.conformance("P-10")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("1", True),
        ("false", False),
        ("False", False),
        ("fAlSe", False),
        ("0", False),
    ],
)
def test_booleans(text: str, value: bool) -> None:
    assert parse_boolean(text) is value


@pytest.mark.parametrize("text", ["", "yes", "2", "truee", "t", "on", "00"])
def test_malformed_booleans(text: str) -> None:
    with pytest.raises(ValueError, match="not a boolean"):
        parse_boolean(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("3", 3), ("+3", 3), (" 3\t", 3), ("007", 7), ("000", 0), (str(10**20), 10**20)],
)
def test_integers(text: str, value: int) -> None:
    assert parse_integer(text) == value


@pytest.mark.conformance("P-19")
@pytest.mark.parametrize(
    "text", ["", "+", "-1", "3.5", "NaN", "abc", "x", "++3", "+ 3", "1_0", "0x1", "\u0663", "3\n"]
)
def test_malformed_integers(text: str) -> None:
    with pytest.raises(ValueError, match="not an integer"):
        parse_integer(text)


def test_any_number_of_digits_is_a_huge_integer() -> None:
    assert parse_integer("9" * 100_000) > 2**64
    assert parse_integer("0" * 100_000 + "5") == 5


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1795525409", 1_795_525_409_000),
        ("1795525409.25", 1_795_525_409_250),
        ("1795525409.0349", 1_795_525_409_034),
        ("0", 0),
    ],
)
def test_not_before(text: str, at: int) -> None:
    assert parse_not_before(text) == at


def test_a_distant_not_before_is_huge() -> None:
    assert parse_not_before("9" * 10_000) > 2**64


@pytest.mark.parametrize("text", ["", "-5", "+5", "5s", "1e9", "5.", ".5", "now", " 5"])
def test_malformed_not_before(text: str) -> None:
    with pytest.raises(ValueError, match="not a number of seconds"):
        parse_not_before(text)
