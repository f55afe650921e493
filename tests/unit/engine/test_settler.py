"""Writing outcomes down: many at a time, again when the store fails, and one by one in doubt."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from relaypost.domain.gates import Capacity
from relaypost.domain.lifecycle import Settlement
from relaypost.domain.messages import State
from relaypost.domain.types import LeaseId, UnixMs
from relaypost.store.base import Claim, Settled
from tests.support.engines import Running, running_engine
from tests.support.messages import BUSY, callback, new_message, settlement
from tests.support.virtual_time import in_virtual_time

A = "https://a.example.com/"


def note_batches(running: Running, *, poison: str = "") -> list[int]:
    """How many settlements each call had; a batch with `poison` among its URLs raises."""
    batches: list[int] = []
    messages = running.store.messages
    settle = messages.settle

    async def noting(batch: Sequence[Settlement], *, claim: Claim, now: UnixMs) -> Settled:
        batches.append(len(batch))
        if poison and any(one.message.envelope.url == poison for one in batch):
            raise ValueError("a defect")
        return await settle(batch, claim=claim, now=now)

    messages.settle = noting  # type: ignore[method-assign]
    return batches


@in_virtual_time
async def test_outcomes_of_one_moment_are_written_together() -> None:
    async with running_engine() as running:
        batches = note_batches(running)
        running.sender.hold("a.example.com")
        ids = await running.publish(*(new_message(A) for _ in range(30)))
        await running.sender.wait_sent(30)
        running.sender.release("a.example.com")
        await running.wait_ended(*ids)
        assert sum(batches) == 30
        assert len(batches) <= 2


@in_virtual_time
async def test_a_batch_has_its_limit() -> None:
    async with running_engine(max_open_attempts=250, capacity=Capacity()) as running:
        batches = note_batches(running)
        running.sender.hold("a.example.com")
        ids = await running.publish(*(new_message(A) for _ in range(250)))
        await running.sender.wait_sent(250)
        running.sender.release("a.example.com")
        await running.wait_ended(*ids)
        assert max(batches) == 100


@in_virtual_time
async def test_outcomes_wait_while_the_store_is_unavailable(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running_engine(max_open_attempts=5) as running:
        running.sender.hold("api.example.com")
        (id,) = await running.publish(new_message(max_retries=0))
        running.database.is_broken = True
        running.sender.release("api.example.com")
        await asyncio.sleep(30)
        assert running.free_slots == 5, "no slot is lost by the writes that failed"
        running.database.is_broken = False
        await running.wait_ended(id)
        await running.wait_idle()
        assert len(running.sender.requests) == 1, "the attempt was not repeated"
    lines = [line for line in caplog.messages if "outcomes" in line]
    assert lines == [
        "outcomes wait to be written: the database can't be used now: database or disk is full",
        "outcomes are written again",
    ]


@in_virtual_time
async def test_one_that_can_not_be_written_keeps_no_other_from_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    poison = "https://a.example.com/poison"
    async with running_engine(max_open_attempts=20) as running:
        batches = note_batches(running, poison=poison)
        running.sender.hold("a.example.com")
        urls = [A] * 4 + [poison] + [A] * 4
        *ids, last = await running.publish(*map(new_message, urls))
        await running.sender.wait_sent(9)
        running.sender.release("a.example.com")
        await running.wait_ended(*ids[:4], *ids[5:], last)
        await running.wait_idle()
        assert batches == [9] + [1] * 9
        assert running.free_slots == 20
        assert (await running.get(ids[4])).state is State.ACTIVE
        (after,) = await running.publish(new_message())
        await running.wait_ended(after)
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert record.getMessage() == "an outcome can't be written and is dropped"
    assert record.exc_info is not None


@in_virtual_time
async def test_an_outcome_under_a_lost_lease_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async with running_engine() as running:
        running.sender.hold("api.example.com")
        (id,) = await running.publish(new_message())
        await running.sender.wait_sent(1)
        running.engine._settler.add(settlement(await running.get(id)), LeaseId(999))
        await running.wait_idle()
        assert (await running.get(id)).state is State.ACTIVE
        running.sender.release("api.example.com")
        await running.wait_ended(id)
    assert [line for line in caplog.messages if "lost" in line] == ["lease lost, outcome dropped"]


@in_virtual_time
async def test_callbacks_start_with_the_end_of_the_attempt() -> None:
    async with running_engine() as running:
        back = callback("https://back.example.com/")
        running.sender.script("api.example.com", BUSY)
        asked = new_message(callback=back, failure_callback=back, max_retries=0)
        (id,) = await running.publish(asked)
        await running.wait_ended(id)
        await running.sender.wait_sent(3)
        assert [request.url for request in running.sender.requests[1:]] == [back.url] * 2
        await running.wait_idle()
        assert running.free_slots == 100
