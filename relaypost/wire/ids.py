"""How ids and cursors are written (1.6, 6.1). Each has one spelling, and others are not ids."""

import re
from binascii import a2b_base64, b2a_base64
from typing import Final

from relaypost.domain.errors import Invalid
from relaypost.domain.sequences import COUNTER_MASK, EPOCH, counter_of, sequence, time_of
from relaypost.domain.types import DeadLetterId, MessageId, Sequence, UnixMs

MESSAGE_PREFIX: Final = "msg_"

# Products with an odd number modulo 2^64 can be undone, and so can folding the upper half onto the
# lower one: neighbours look apart, none collide.
_SPREAD: Final = 0x9E3779B97F4A7C15
_GATHER: Final = pow(_SPREAD, -1, 1 << 64)
_HALF: Final = 32
_MASK: Final = (1 << 64) - 1
_LARGEST: Final = (1 << 63) - 1
_LATEST_MS: Final = time_of(_LARGEST)

_MESSAGE_ID = re.compile(r"msg_([A-Za-z0-9_-]{11})")
_DEAD_LETTER_ID = re.compile(r"([1-9][0-9]{0,13})-(0|[1-9][0-9]{0,6})")
_TIME = re.compile(r"[0-9]+")


def message_text(id: MessageId) -> str:
    spread = id * _SPREAD & _MASK
    folded = (spread ^ spread >> _HALF) * _SPREAD & _MASK
    code = b2a_base64(folded.to_bytes(8, "big"), newline=False)[:11].decode()
    return MESSAGE_PREFIX + code.replace("+", "-").replace("/", "_")


def parse_message_id(text: str) -> MessageId | None:
    match = _MESSAGE_ID.fullmatch(text)
    if match is None:
        return None
    code = a2b_base64(match[1].replace("-", "+").replace("_", "/") + "=")
    folded = int.from_bytes(code, "big") * _GATHER & _MASK
    id = MessageId((folded ^ folded >> _HALF) * _GATHER & _MASK)
    return id if id <= _LARGEST and message_text(id) == text else None


def dead_letter_text(id: DeadLetterId | Sequence) -> str:
    return f"{time_of(id)}-{counter_of(id)}"


def parse_dead_letter_id(text: str) -> DeadLetterId | None:
    match = _DEAD_LETTER_ID.fullmatch(text)
    if match is None:
        return None
    time, counter = int(match[1]), int(match[2])
    if not (EPOCH <= time <= _LATEST_MS and counter <= COUNTER_MASK):
        return None
    return DeadLetterId(sequence(UnixMs(time), counter))


def cursor_text(last: Sequence | DeadLetterId) -> str:
    """The cursor behind the last element of a page."""
    return dead_letter_text(last)


def parse_cursor(text: str, *, latest_first: bool, takes_time: bool) -> Sequence | None:
    """The number that a page follows strictly in its order; `None` is for the first page.

    Logs take a bare time too, which itself belongs to the page.
    """
    if not text:
        return None
    match = _DEAD_LETTER_ID.fullmatch(text)
    if match is not None:
        return _bound(int(match[1]), int(match[2]))
    if not (takes_time and _TIME.fullmatch(text)):
        raise Invalid("invalid cursor")
    time = UnixMs(min(int(text.lstrip("0")[:20] or "0"), _LATEST_MS))
    first = sequence(time)
    return Sequence(min(first + COUNTER_MASK + 1, _LARGEST) if latest_first else first - 1)


def _bound(time: int, counter: int) -> Sequence:
    """The nearest number, also for a time that no element can have."""
    if time < EPOCH:
        return Sequence(-1)
    return sequence(UnixMs(min(time, _LATEST_MS)), min(counter, COUNTER_MASK))
