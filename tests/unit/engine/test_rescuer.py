"""The lease of a node: kept while it runs, taken anew when it was lost."""

import asyncio

import pytest

from relaypost.domain.gates import Capacity
from relaypost.domain.messages import State
from relaypost.domain.types import UnixMs
from relaypost.engine.rescuer import LEASE_MS
from relaypost.store.sqlite import leases
from tests.support.engines import Running, running_engine
from tests.support.messages import NOW, new_message
from tests.support.virtual_time import in_virtual_time

A = "https://a.example.com/"


def held_leases(running: Running) -> list[tuple[int, int]]:
    found = running.database.connection.execute("SELECT id, until FROM leases").fetchall()
    return [(id, until) for id, until in found]  # type: ignore[misc]


def lose_leases(running: Running) -> None:
    """As if this process had been suspended, and another node had come by meanwhile."""
    running.clock.jump(10 * LEASE_MS)
    leases.rescue(running.database._transaction, 100, now=running.clock.now())


@in_virtual_time
async def test_one_lease_is_held_for_as_long_as_it_runs() -> None:
    async with running_engine() as running:
        ((first, _),) = held_leases(running)
        await asyncio.sleep(3600)
        ((id, until),) = held_leases(running)
        assert id == first
        assert until >= running.clock.now() + LEASE_MS - 6_000


@in_virtual_time
async def test_a_long_attempt_outlives_many_renewals() -> None:
    async with running_engine() as running:
        running.sender.hold("a.example.com")
        (id,) = await running.publish(new_message(A))
        await asyncio.sleep(7_200)
        running.sender.release("a.example.com")
        await running.wait_ended(id)
        assert len(running.sender.requests) == 1


@in_virtual_time
async def test_a_process_that_was_suspended_goes_on() -> None:
    """Nobody else may use the file, so that its attempts still count."""
    async with running_engine() as running:
        running.sender.hold("a.example.com")
        (id,) = await running.publish(new_message(A))
        running.clock.jump(10 * LEASE_MS)
        await asyncio.sleep(10)
        running.sender.release("a.example.com")
        await running.wait_ended(id)
        assert len(running.sender.requests) == 1
        assert (await running.get(id)).state is State.DELIVERED


@in_virtual_time
async def test_a_lease_that_was_lost_is_taken_anew(caplog: pytest.LogCaptureFixture) -> None:
    async with running_engine() as running:
        running.sender.hold("a.example.com")
        (id,) = await running.publish(new_message(A))
        await running.sender.wait_sent(1)
        lose_leases(running)
        await running.sender.wait_sent(2)
        assert (await running.get(id)).retried == 0
        running.sender.release("a.example.com")
        await running.wait_ended(id)
        await running.wait_idle()
        assert running.free_slots == 100
    assert "lost the lease: was this process suspended? open attempts may repeat" in caplog.messages
    assert "lease lost, outcome dropped" in caplog.messages


@in_virtual_time
async def test_what_another_process_left_behind_is_attempted_at_once() -> None:
    async with running_engine() as running:
        connection = running.database.connection
        running.sender.hold("a.example.com")
        (id,) = await running.publish(new_message(A))
        await running.sender.wait_sent(1)
        connection.execute("UPDATE messages SET lease_id = 999")
        await running.sender.wait_sent(2)
        assert running.clock.now() <= NOW + 2_500
        running.sender.release("a.example.com")
        await running.wait_ended(id)


@in_virtual_time
async def test_no_backlog_is_left_behind_for_long() -> None:
    """The only message that would have woken a wait list is cancelled elsewhere."""
    async with running_engine(capacity=Capacity(host=1, project=1, node=10)) as running:
        running.sender.hold("a.example.com")
        (first,) = await running.publish(new_message(A))
        second, third = await running.publish(new_message(A), new_message(A))
        connection = running.database.connection
        connection.execute(
            "UPDATE messages SET parked_at = host_gate WHERE id IN (?, ?)", (second, third)
        )
        gates = running.database._transaction.gates
        gates.reload()
        running.sender.release("a.example.com")
        await running.wait_ended(first, second, third)
        assert running.clock.now() <= NOW + 2_500


@in_virtual_time
async def test_a_store_that_is_away_for_long_loses_no_lease() -> None:
    async with running_engine() as running:
        running.sender.hold("a.example.com")
        (id,) = await running.publish(new_message(A))
        await running.sender.wait_sent(1)
        running.database.is_broken = True
        await asyncio.sleep(3 * LEASE_MS / 1000)
        running.database.is_broken = False
        await asyncio.sleep(5)
        running.sender.release("a.example.com")
        await running.wait_ended(id)
        assert len(running.sender.requests) == 1
        assert held_leases(running)[0][1] > UnixMs(running.clock.now())
