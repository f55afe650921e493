"""The model that stores are compared with: the examples of section 4, and that it objects."""

import pytest

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.types import MessageId
from tests.support.gate_model import GateModel
from tests.support.gate_parts import NEVER
from tests.support.messages import PROJECT

ERP = FlowControl(key="erp", rate=2, period_s=10)


def model(*, global_parallelism: int = 0, host_bound: int = 100) -> GateModel:
    return GateModel(
        global_parallelism=global_parallelism, host_bound=host_bound, is_strict=True, now=0
    )


def accept(
    gates: GateModel,
    number: int,
    *,
    queue: str | None = None,
    key: FlowControl | None = None,
    host: str = "a",
    delay_ms: int = 0,
    of: int | None = None,
) -> None:
    gates.accept(
        MessageId(number),
        PROJECT,
        host=host,
        not_before=gates.now + delay_ms,
        queue_name=queue,
        flow_control=key,
        of=None if of is None else MessageId(of),
    )


def startable(gates: GateModel) -> list[int]:
    return [item.id for item in gates.startable()]


def start(gates: GateModel, *numbers: int) -> None:
    for number in numbers:
        gates.start(MessageId(number))


def end(gates: GateModel, number: int, *, retry_at: int | None = None, callbacks: int = 0) -> None:
    gates.end(MessageId(number), retry_at=retry_at, callbacks=callbacks)


def test_the_example_of_a_queue() -> None:
    """The table of section 4.4."""
    gates = model()
    accept(gates, 1, queue="q")
    accept(gates, 2, queue="q")
    accept(gates, 3, queue="q", delay_ms=1_000)
    assert startable(gates) == [1]
    start(gates, 1)
    end(gates, 1, retry_at=12_182, callbacks=1)
    accept(gates, 11, of=1)
    assert startable(gates) == [11]
    start(gates, 11)
    end(gates, 11)
    assert gates.next_start() == 12_182
    gates.advance(12_182)
    start(gates, 1)
    end(gates, 1, callbacks=1)
    accept(gates, 12, of=1)
    start(gates, 12)
    end(gates, 12, retry_at=24_400)
    assert startable(gates) == []
    gates.advance(24_400)
    start(gates, 12)
    end(gates, 12)
    assert startable(gates) == [2]
    start(gates, 2)
    end(gates, 2)
    assert startable(gates) == [3]


def test_the_example_of_a_rate() -> None:
    """The table of section 4.9."""
    gates = model()
    for number in range(1, 6):
        accept(gates, number, key=ERP)
    start(gates, 1, 2)
    assert gates.next_start() == 10_000
    gates.advance(10_000)
    start(gates, 3, 4)
    assert gates.next_start() == 20_000
    gates.advance(20_000)
    start(gates, 5)
    gates.advance(27_000)
    accept(gates, 6, key=ERP)
    accept(gates, 7, key=ERP)
    start(gates, 6)
    assert gates.next_start() == 30_000


def test_it_objects_to_one_too_many() -> None:
    gates = model(host_bound=1)
    accept(gates, 1)
    accept(gates, 2)
    start(gates, 1)
    with pytest.raises(AssertionError, match="its host is full"):
        start(gates, 2)


def test_it_objects_to_an_overtaker() -> None:
    gates = model()
    accept(gates, 1, key=ERP)
    accept(gates, 2, key=ERP)
    start(gates, 2)
    with pytest.raises(AssertionError, match="whose turn it was"):
        gates.rest()


def test_one_whose_other_gates_are_closed_may_be_overtaken() -> None:
    gates = model(host_bound=1)
    accept(gates, 1, host="full")
    start(gates, 1)
    accept(gates, 2, host="full", key=ERP)
    accept(gates, 3, key=ERP)
    start(gates, 3)
    gates.rest()


def test_messages_without_a_key_have_an_order_behind_the_global_limit() -> None:
    gates = model(global_parallelism=1)
    for number in (1, 2, 3):
        accept(gates, number)
    start(gates, 1)
    gates.rest()
    end(gates, 1)
    start(gates, 3)
    with pytest.raises(AssertionError, match="whose turn it was"):
        gates.rest()


def test_places_go_by_position() -> None:
    gates = model()
    accept(gates, 1, queue="q", delay_ms=500)
    accept(gates, 2, queue="q")
    accept(gates, 3, queue="q")
    start(gates, 2)
    gates.advance(500)
    end(gates, 2)
    assert startable(gates) == [3], "accepted first, but due last"
    gates.put_queue(PROJECT, "q", parallelism=2, is_paused=None)
    assert startable(gates) == [1, 3]
    gates.put_queue(PROJECT, "q", parallelism=None, is_paused=True)
    assert (startable(gates), gates.next_start()) == ([], NEVER)
    gates.delete_queue(PROJECT, "q")
    accept(gates, 4, queue="q")
    assert startable(gates) == [4]
