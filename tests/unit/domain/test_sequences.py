"""Sequence numbers: order within and across milliseconds."""

from relaypost.domain.sequences import (
    COUNTER_MASK,
    EPOCH,
    LARGEST,
    counter_of,
    first_after,
    next_sequence,
    sequence,
    time_of,
)
from relaypost.domain.types import Sequence, UnixMs
from tests.support.messages import NOW


def test_a_number_holds_time_and_counter() -> None:
    number = sequence(NOW, 7)
    assert (time_of(number), counter_of(number)) == (NOW, 7)


def test_the_epoch_is_the_first() -> None:
    assert sequence(EPOCH) == sequence(UnixMs(0)) == 0


def test_a_time_far_off_is_the_last() -> None:
    assert sequence(UnixMs(1 << 62)) == LARGEST
    assert first_after(UnixMs(1 << 62)) == LARGEST


def test_the_next_is_the_first_of_a_new_millisecond() -> None:
    assert next_sequence(sequence(NOW, 5), UnixMs(NOW + 1)) == sequence(UnixMs(NOW + 1))


def test_the_next_is_one_more_within_a_millisecond_and_behind_the_clock() -> None:
    last = sequence(NOW, 5)
    assert next_sequence(last, NOW) == last + 1
    assert next_sequence(last, UnixMs(NOW - 60_000)) == last + 1
    assert next_sequence(Sequence(0), UnixMs(0)) == 1


def test_a_full_millisecond_runs_over_into_the_next() -> None:
    last = sequence(NOW, COUNTER_MASK)
    assert next_sequence(last, NOW) == sequence(UnixMs(NOW + 1))


def test_the_first_after_a_millisecond() -> None:
    assert sequence(NOW, COUNTER_MASK) < first_after(NOW) == sequence(UnixMs(NOW + 1))
