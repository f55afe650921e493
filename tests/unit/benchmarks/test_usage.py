"""Reading /proc."""

from benchmarks.processes import placement
from benchmarks.usage import parse_cpu_ticks, parse_status_bytes


def test_cpu_ticks_are_found_behind_any_name() -> None:
    stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 3 0 99 1000 50"

    assert parse_cpu_ticks(stat) == 110


def test_sizes_of_a_status_are_in_bytes() -> None:
    status = "Name:\tpython\nVmHWM:\t  300 kB\nVmRSS:\t  200 kB\nThreads:\t4\n"

    assert parse_status_bytes(status) == {"VmHWM": 307_200, "VmRSS": 204_800}


def test_the_server_has_a_cpu_of_its_own_if_there_are_two() -> None:
    assert placement([0]) == (None, None)
    assert placement([0, 1]) == (frozenset({0}), frozenset({1}))
    assert placement([2, 5, 7]) == (frozenset({2}), frozenset({5, 7}))
