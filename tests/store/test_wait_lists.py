"""Where messages wait, and when the gates in front of them are looked at."""

from relaypost.domain.gates import GateKind
from relaypost.domain.types import GateId, ProjectId, UnixMs
from relaypost.store.sqlite.wait_lists import Stand, WaitList, WaitLists

GATE = GateId(7)
NOW, MUCH_LATER = UnixMs(1_000), UnixMs(2_592_000_000)


def lists_at(*gates: GateId) -> WaitLists:
    lists = WaitLists()
    for gate in gates:
        lists.join(WaitList(gate, ProjectId(1)), gate, Stand(gate, GateKind.QUEUE))
    return lists


def test_timers_that_are_out_of_date_are_dropped() -> None:
    """As those of a queue that is full and not full by turns, with a message due in a month."""
    lists = lists_at(GATE)
    for _ in range(10_000):
        lists.opens(GATE, MUCH_LATER, now=NOW)
        lists.opens(GATE, None, now=NOW)
    assert len(lists._timers) < 1_000
    assert lists.next_at(NOW) is None


def test_timers_that_count_stay() -> None:
    lists = lists_at(*map(GateId, range(300)))
    for round in range(100):
        for number in range(300):
            lists.opens(GateId(number), UnixMs(2_000 + (number + round) % 300), now=NOW)
    for time in range(2_000, 2_300):
        assert lists.next_at(UnixMs(time - 1)) == time
        lists.ring(UnixMs(time))
        assert lists.take_pending() is not None
        assert lists.take_pending() is None
    assert lists.next_at(NOW) is None
