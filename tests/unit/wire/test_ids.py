import re

import pytest

from relaypost.domain.errors import Invalid
from relaypost.domain.sequences import COUNTER_MASK, EPOCH, sequence
from relaypost.domain.types import DeadLetterId, MessageId, Sequence, UnixMs
from relaypost.wire.ids import (
    cursor_text,
    dead_letter_text,
    message_text,
    parse_cursor,
    parse_dead_letter_id,
    parse_message_id,
)

ID = MessageId(sequence(UnixMs(1_795_531_012_345), 7))
LARGEST = 2**63 - 1


def test_a_message_id_is_opaque_text() -> None:
    text = message_text(ID)
    assert re.fullmatch(r"msg_[A-Za-z0-9_-]{11}", text)
    assert parse_message_id(text) == ID


def test_neighbours_look_apart() -> None:
    one, other = message_text(ID), message_text(MessageId(ID + 1))
    assert sum(a != b for a, b in zip(one[4:], other[4:], strict=True)) > 5


@pytest.mark.parametrize("id", [0, 1, LARGEST])
def test_the_first_and_the_last_id(id: int) -> None:
    assert parse_message_id(message_text(MessageId(id))) == id


@pytest.mark.parametrize(
    "text",
    ["", "msg_", "msg_1", "MSG_AAAAAAAAAAA", "AAAAAAAAAAA", "msg_AAAAAAAAAAAA", "msg_AAAAAAAAAA\n"],
)
def test_what_is_no_message_id(text: str) -> None:
    assert parse_message_id(text) is None


def test_an_id_has_one_spelling() -> None:
    text = message_text(ID)
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(text[-1])
    other = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last + 1]
    assert parse_message_id(text[:-1] + other) is None  # the same bytes, unused bits set


def test_a_number_that_no_store_holds_is_no_id() -> None:
    assert parse_message_id(message_text(MessageId(LARGEST + 1))) is None


def test_a_dead_letter_id_is_time_and_counter() -> None:
    id = DeadLetterId(sequence(UnixMs(1_795_531_012_345), 0))
    assert dead_letter_text(id) == "1795531012345-0"
    assert parse_dead_letter_id("1795531012345-0") == id
    assert parse_dead_letter_id(f"{EPOCH}-{COUNTER_MASK}") == COUNTER_MASK


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1795531012345",
        "1795531012345-",
        "-1",
        "1795531012345-00",
        "01795531012345-0",
        "1795531012345-4194304",
        "1795531012345-99999999",
        "1704067199999-0",
        "99999999999999-0",
        "1795531012345-0\n",
        "1795531012345-٣",
    ],
)
def test_what_is_no_dead_letter_id(text: str) -> None:
    assert parse_dead_letter_id(text) is None


def test_a_cursor_is_the_last_element_of_a_page() -> None:
    last = Sequence(ID)
    assert cursor_text(last) == "1795531012345-7"
    assert parse_cursor("1795531012345-7", latest_first=True, takes_time=False) == last


def test_an_empty_cursor_is_the_first_page() -> None:
    assert parse_cursor("", latest_first=True, takes_time=True) is None


def test_a_time_belongs_to_its_page() -> None:
    time = UnixMs(1_795_531_012_345)
    newest = parse_cursor(str(time), latest_first=True, takes_time=True)
    oldest = parse_cursor(str(time), latest_first=False, takes_time=True)
    assert newest == sequence(UnixMs(time + 1))
    assert oldest == sequence(time) - 1


@pytest.mark.parametrize(
    ("text", "latest_first", "after"),
    [
        ("0", False, -1),
        ("9" * 400, True, LARGEST),
        ("0" * 400 + "1795531012345", False, sequence(UnixMs(1_795_531_012_345)) - 1),
    ],
    ids=["early", "late", "zeros"],
)
def test_times_outside_of_all_numbers(text: str, latest_first: bool, after: int) -> None:
    assert parse_cursor(text, latest_first=latest_first, takes_time=True) == after


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "1-", "1795531012345-x", " ", "٣"])
def test_other_cursors_are_refused(text: str) -> None:
    with pytest.raises(Invalid, match="invalid cursor"):
        parse_cursor(text, latest_first=True, takes_time=True)


def test_a_time_is_no_cursor_of_dead_letters() -> None:
    with pytest.raises(Invalid, match="invalid cursor"):
        parse_cursor("1795531012345", latest_first=True, takes_time=False)
