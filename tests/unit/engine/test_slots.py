"""The slots of a node: what is open, and what is set aside."""

from relaypost.domain.types import LeaseId
from relaypost.engine.slots import Slots
from tests.support.messages import message

LEASE = LeaseId(1)


def test_what_is_set_aside_is_not_free() -> None:
    slots = Slots(10)
    claim = slots.set_aside(4, LEASE)
    assert (claim.lease, claim.limit, slots.free) == (LEASE, 4, 6)


def test_no_more_is_set_aside_than_is_free() -> None:
    slots = Slots(10)
    assert slots.set_aside(7, LEASE).limit == 7
    assert slots.set_aside(7, LEASE).limit == 3
    assert slots.set_aside(7, LEASE).limit == 0


def test_what_a_claim_did_not_take_is_free_again() -> None:
    slots = Slots(10)
    claim = slots.set_aside(4, LEASE)
    slots.take(claim, [message()])
    assert slots.free == 9
    slots.leave(message())
    assert slots.free == 10


def test_bodies_fill_a_node_too() -> None:
    slots = Slots(10, max_bytes=100)
    large = message(body=bytes(60))
    first = slots.set_aside(1, LEASE)
    assert first.bytes == 100
    slots.take(first, [large])
    assert slots.free == 9
    second = slots.set_aside(1, LEASE)
    assert second.bytes == 40
    slots.take(second, [large])
    assert slots.free == 0, "eight slots, but no room for another body"
    slots.leave(large)
    assert slots.free == 9
