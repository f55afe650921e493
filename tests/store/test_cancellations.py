"""Which messages a cancel means, and what it does to each (rules 6 and 7 of section 3.15)."""

import asyncio

import pytest

from relaypost.domain.filters import Filter
from relaypost.domain.logs import LogState
from relaypost.domain.messages import State
from relaypost.domain.types import MessageId, ProjectId, UnixMs
from relaypost.store.base import Claim, Store
from tests.support.lives import DOWN, OTHER_PROJECT, PROJECT, START, Lives, envelope


async def test_a_waiting_message_ends_at_once(store: Store) -> None:
    lives = Lives(store)
    id = await lives.publish(delay_ms=1000)
    assert await lives.cancel(id)
    assert lives.messages[id].state is State.CANCELED
    assert await store.messages.ended_at(PROJECT, id) == START
    lives.clock.advance(1000)
    await lives.start()
    assert lives.active() == []


async def test_a_retrying_message_ends_at_once(store: Store) -> None:
    lives = Lives(store)
    id = await lives.publish(envelope(max_retries=3))
    await lives.end(id, DOWN)
    assert await lives.cancel(id)
    assert lives.states[id][-2:] == [LogState.CANCEL_REQUESTED, LogState.CANCELED]
    assert lives.messages[id].state is State.CANCELED


async def test_an_open_attempt_goes_on(store: Store) -> None:
    lives = Lives(store)
    id = await lives.publish()
    assert await lives.cancel(id)
    message = lives.messages[id]
    assert (message.state, message.cancel_requested) == (State.ACTIVE, True)
    await lives.end(id)
    assert lives.messages[id].state is State.DELIVERED


@pytest.mark.parametrize("delay_ms", [0, 1000])
async def test_a_message_is_canceled_once(store: Store, delay_ms: int) -> None:
    lives = Lives(store)
    id = await lives.publish(delay_ms=delay_ms)
    assert [await lives.cancel(id), await lives.cancel(id)] == [True, False]
    canceled = await store.messages.cancel(PROJECT, [id, id], now=START)
    assert canceled.applied == [False, False]


async def test_of_two_cancels_one_counts(store: Store) -> None:
    id = await Lives(store).publish(delay_ms=1000)
    answers = await asyncio.gather(
        *(store.messages.cancel(PROJECT, [id], now=START) for _ in range(4))
    )
    applied = [answer.applied for answer in answers]
    assert sorted(applied) == [[False], [False], [False], [True]]


async def test_repeated_and_unknown_ids_and_those_that_have_ended(store: Store) -> None:
    lives = Lives(store)
    waiting = await lives.publish(delay_ms=1)
    delivered = await lives.publish()
    await lives.end(delivered)
    ids = [waiting, waiting, delivered, MessageId(12345)]
    done = await store.messages.cancel(PROJECT, ids, now=START)
    assert done.applied == [True, False, False, False]


async def test_messages_of_others_are_unknown(store: Store) -> None:
    id = await Lives(store, project=OTHER_PROJECT).publish(delay_ms=1)
    assert (await store.messages.cancel(PROJECT, [id], now=START)).applied == [False]
    assert await store.messages.matching(PROJECT, Filter(), oldest=None) == []
    assert await store.messages.matching(OTHER_PROJECT, Filter(), oldest=None) == [id]


async def test_a_parked_message_is_found_and_leaves_its_gate(store: Store) -> None:
    lives = Lives(store)
    ids = [await lives.publish(envelope(url="https://full.example/")) for _ in range(258)]
    parked = ids[256:]
    assert [id for id in ids if lives.messages[id].state is State.WAITING] == parked
    assert (await store.messages.matching(PROJECT, Filter(), oldest=None)) == ids
    assert await lives.cancel(parked[0])
    await lives.end(ids[0])
    claim = Claim(lease=lives.lease, limit=10, bytes=1 << 30)
    claimed = await store.messages.claim(claim, now=lives.clock.now())
    assert parked[0] not in [message.id for message in claimed.messages]


async def test_matching_selects_the_oldest(store: Store) -> None:
    lives = Lives(store)
    ids: list[MessageId] = []
    for _ in range(4):
        ids.append(await lives.publish(delay_ms=1000 - len(ids)))
        lives.clock.advance(1)
    await lives.cancel(ids[0])
    assert await store.messages.matching(PROJECT, Filter(), oldest=2) == ids[1:3]
    assert await store.messages.matching(PROJECT, Filter(), oldest=None) == ids[1:]
    dates = Filter(from_date=UnixMs(START + 2), to_date=UnixMs(START + 2))
    assert await store.messages.matching(PROJECT, dates, oldest=None) == [ids[2]]
    chosen = Filter(message_ids=(ids[3], ids[0]))
    assert await store.messages.matching(PROJECT, chosen, oldest=None) == [ids[3]]


async def test_a_filter_without_values_selects_nothing(store: Store) -> None:
    await Lives(store).publish(delay_ms=1)
    for which in (Filter(message_ids=()), Filter(labels=()), Filter(queue_names=("q",))):
        assert await store.messages.matching(ProjectId(1), which, oldest=None) == []
