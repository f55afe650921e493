"""Publishing: what was accepted starts, whatever becomes of the caller."""

import asyncio

import pytest

from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.messages import State
from relaypost.service.publications import publish
from tests.support.engines import Running, running_engine
from tests.support.messages import new_message, publication
from tests.support.tasks import start, turn
from tests.support.virtual_time import in_virtual_time


def states(running: Running) -> list[State]:
    rows = running.database.connection.execute("SELECT state FROM messages ORDER BY id").fetchall()
    return [State(state) for (state,) in rows]  # type: ignore[arg-type]


@in_virtual_time
async def test_the_answer_names_what_was_made() -> None:
    async with running_engine() as running:
        asked = [publication(), publication(key=b"k"), publication(key=b"k")]
        published = await publish(running.service, asked)
        assert [one.duplicate for one in published] == [False, False, True]
        await running.wait_ended(published[0].messages[0][0], published[1].messages[0][0])


@pytest.mark.parametrize("turns", range(8))
@in_virtual_time
async def test_a_caller_that_goes_away_loses_nothing(turns: int) -> None:
    """Whenever the request's task is cancelled: what is committed is attempted, once."""
    async with running_engine(max_open_attempts=5) as running:
        caller = start(publish(running.service, [publication(), publication()]))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        caller.cancel()
        await asyncio.wait([caller])
        await asyncio.sleep(1)
        assert states(running) in ([], [State.DELIVERED] * 2)
        assert len(running.sender.requests) == len(states(running))
        assert running.free_slots == 5


@in_virtual_time
async def test_a_caller_that_is_gone_before_it_began_publishes_nothing() -> None:
    async with running_engine() as running:
        caller = start(publish(running.service, [publication()]))
        caller.cancel()
        await asyncio.wait([caller])
        await asyncio.sleep(1)
        assert states(running) == []
        assert running.free_slots == 100


@in_virtual_time
async def test_slots_come_back_when_the_store_is_unavailable() -> None:
    async with running_engine() as running:
        running.database.is_broken = True
        with pytest.raises(StoreUnavailable):
            await publish(running.service, [publication()])
        assert running.free_slots == 100


@in_virtual_time
async def test_slots_come_back_when_a_cancelled_publish_fails() -> None:
    async with running_engine() as running:
        running.database.is_broken = True
        caller = start(publish(running.service, [publication()]))
        await turn()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert running.free_slots == 100


@in_virtual_time
async def test_what_is_due_later_is_noted() -> None:
    async with running_engine() as running:
        caller = start(publish(running.service, [publication(new_message(delay_ms=2_000))]))
        await turn()
        caller.cancel()
        await asyncio.wait([caller])
        await asyncio.sleep(2.1)
        assert states(running) == [State.DELIVERED]
