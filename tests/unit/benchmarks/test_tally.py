"""A sink counts each message of its measurement once."""

from benchmarks.stamps import STAMP
from benchmarks.tally import Tally


def body(sequence: int, *, tag: int = 3, sent_ns: int = 1_000_000) -> bytes:
    return (STAMP % (sent_ns, tag, sequence)).encode() + b"xyz"


def test_a_repeated_message_is_a_duplicate_and_not_timed_again() -> None:
    tally = Tally(3)

    tally.arrived(body(0), 2_000_000)
    tally.arrived(body(0), 9_000_000)
    tally.arrived(body(1), 4_000_000)

    assert (tally.count, tally.duplicates, tally.last_ns) == (2, 1, 4_000_000)
    assert tally.latency().max_ms == 3.0


def test_other_measurements_and_foreign_bodies_do_not_count() -> None:
    tally = Tally(3)

    tally.arrived(body(0, tag=2), 2_000_000)
    tally.arrived(b"hello", 2_000_000)

    assert (tally.count, tally.strays, tally.unstamped) == (0, 1, 1)


def test_sequence_numbers_may_go_far() -> None:
    tally = Tally(3)

    for sequence in (65_535, 65_536, 1_000_000, 65_536):
        tally.arrived(body(sequence), 2_000_000)

    assert (tally.count, tally.duplicates) == (3, 1)
