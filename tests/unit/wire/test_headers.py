import pytest

from relaypost.domain.errors import Invalid
from relaypost.wire.headers import (
    canonical_name,
    check_pairs,
    decode_value,
    encode_pairs,
    encode_value,
    header_map,
    is_token,
    shown_text,
)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("test-header", "Test-Header"),
        ("x-API-key", "X-Api-Key"),
        ("CONTENT-TYPE", "Content-Type"),
        ("x-1a--b", "X-1a--B"),
        ("te", "Te"),
        ("x" * 200, "X" + "x" * 199),
    ],
)
def test_names_are_shown_in_canonical_form(written: str, shown: str) -> None:
    assert canonical_name(written) == shown


def test_values_are_trimmed_of_blanks_and_tabs_only() -> None:
    assert decode_value(b" \t a b\x0b \t") == "a b\x0b"


@pytest.mark.parametrize(
    "raw", [b"plain", "grüße".encode(), "grüße".encode("latin-1"), b"\xff\xfe"]
)
def test_no_byte_of_a_value_is_lost(raw: bytes) -> None:
    assert encode_value(decode_value(raw)) == raw


@pytest.mark.parametrize(
    ("raw", "shown"),
    [(b"plain", "plain"), ("grüße".encode(), "grüße"), ("grüße".encode("latin-1"), "grüße")],
    ids=["ascii", "utf-8", "latin-1"],
)
def test_what_is_not_utf8_is_shown_as_latin1(raw: bytes, shown: str) -> None:
    assert shown_text(decode_value(raw)) == shown


def test_a_map_holds_a_list_for_each_name() -> None:
    lines = (("Content-Type", "a"), ("X-B", "1"), ("X-B", "\udce9"))
    assert header_map(lines) == {"Content-Type": ["a"], "X-B": ["1", "é"]}


@pytest.mark.parametrize("name", ["x", "X-Y_z.1", "!#$%&'*+-.^_`|~"])
def test_tokens(name: str) -> None:
    assert is_token(name)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "é", "a\n", "a\x00b", "(x)"])
def test_what_is_no_token(name: str) -> None:
    assert not is_token(name)


def test_text_pairs_take_the_form_of_a_request() -> None:
    assert encode_pairs([("X-Name", " é ")]) == [(b"x-name", " é ".encode())]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("x-a", "1\r2", "invalid header X-A"),
        ("x-b", "1\n2", "invalid header X-B"),
        ("x-c", "\0", "invalid header X-C"),
        ("x d", "1", "invalid header X d"),
        ("", "1", "invalid header "),
    ],
)
def test_text_pairs_that_http_cannot_carry_are_refused(name: str, value: str, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        encode_pairs([(name, value)])
    assert str(refused.value) == text
    with pytest.raises(Invalid):
        check_pairs([(name.encode(), value.encode())])
