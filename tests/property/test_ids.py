from hypothesis import given
from hypothesis import strategies as st

from relaypost.domain.types import DeadLetterId, MessageId
from relaypost.wire.ids import (
    dead_letter_text,
    message_text,
    parse_dead_letter_id,
    parse_message_id,
)

NUMBERS = st.integers(0, 2**63 - 1)


@given(NUMBERS)
def test_message_ids_are_read_back(number: int) -> None:
    assert parse_message_id(message_text(MessageId(number))) == number


@given(NUMBERS)
def test_dead_letter_ids_are_read_back(number: int) -> None:
    assert parse_dead_letter_id(dead_letter_text(DeadLetterId(number))) == number


@given(st.from_regex(r"msg_[A-Za-z0-9_-]{11}", fullmatch=True))
def test_a_text_is_an_id_only_in_the_one_spelling_of_that_id(text: str) -> None:
    id = parse_message_id(text)
    assert id is None or message_text(id) == text


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{13}-[0-9]{1,7}", fullmatch=True))
def test_a_text_is_a_dead_letter_id_only_in_its_one_spelling(text: str) -> None:
    id = parse_dead_letter_id(text)
    assert id is None or dead_letter_text(id) == text
