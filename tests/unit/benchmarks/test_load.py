"""When the loops send, and from when they count."""

from collections.abc import Sequence
from typing import cast

import pytest

from benchmarks.load import ClosedLoop, Connection, OpenLoop, Record
from benchmarks.protocol import LoadJob, Pace
from benchmarks.requests import Address, plain_request

ADDRESS = Address("127.0.0.1", 1)


class FakeConnection:
    """Remembers from when each of its requests counts."""

    def __init__(self) -> None:
        self.since: list[int] = []
        self.since_ns = 0

    def send(self, request: bytes, since_ns: int) -> None:
        self.since.append(since_ns)
        self.since_ns = since_ns


def fakes(count: int) -> tuple[list[FakeConnection], list[Connection]]:
    made = [FakeConnection() for _ in range(count)]
    return made, cast("list[Connection]", made)


def record(pace: Pace) -> Record:
    template = plain_request(ADDRESS, body_bytes=50)
    begun = Record(LoadJob(address=ADDRESS, template=template, pace=pace, tag=1))
    begun.begin()
    return begun


def answer(loop: ClosedLoop | OpenLoop, connections: Sequence[Connection]) -> None:
    for connection in connections:
        connection.since_ns = 0
        loop.answered(connection)


def test_a_closed_loop_sends_again_when_answered_until_the_count_is_reached() -> None:
    loop = ClosedLoop(record(Pace(connections=2, requests=3)))
    made, connections = fakes(2)

    loop.start(connections)
    assert [len(one.since) for one in made] == [1, 1]

    answer(loop, connections)
    assert loop.record.sent == 3
    assert not loop.record.done.is_set()

    answer(loop, connections[:1])
    assert loop.record.done.is_set()


def test_a_closed_loop_ends_at_its_deadline() -> None:
    loop = ClosedLoop(record(Pace(connections=1, seconds=60)))
    _, connections = fakes(1)
    loop.start(connections)

    loop.record.deadline_ns = 0
    answer(loop, connections)

    assert loop.record.done.is_set()


def test_an_open_loop_counts_from_the_due_time_of_what_had_to_wait() -> None:
    loop = OpenLoop(record(Pace(connections=1, requests=3, rate=1000)))
    made, connections = fakes(1)
    loop.add(connections)

    for due_ns in (100, 200, 300):
        loop.due(due_ns)
    assert made[0].since == [100]

    answer(loop, connections)
    answer(loop, connections)
    assert made[0].since == [100, 200, 300]

    assert not loop.record.done.is_set()
    answer(loop, connections)
    assert loop.record.done.is_set()


@pytest.mark.parametrize("rate", [None, 1000.0])
def test_a_lost_connection_is_an_error_and_not_waited_for(rate: float | None) -> None:
    pace = Pace(connections=1, requests=5, rate=rate)
    loop = ClosedLoop(record(pace)) if rate is None else OpenLoop(record(pace))
    _, connections = fakes(1)
    if isinstance(loop, OpenLoop):
        loop.add(connections)
        loop.due(100)
    else:
        loop.start(connections)

    loop.lost(connections[0], "reset")

    assert loop.record.done.is_set()
    assert loop.record.report().errors == {"connection lost: reset": 1, "unanswered": 1}
