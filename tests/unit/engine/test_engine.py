"""Starting and stopping: nothing starts twice, nothing is left, and no defect ends it all."""

import asyncio
import logging

import pytest

from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.messages import Message, State
from relaypost.engine.engine import delivery_log
from relaypost.store.sqlite import leases
from tests.support.engines import Running, make_engine, running_engine
from tests.support.messages import BUSY, OTHER_PROJECT, new_message, project
from tests.support.tasks import start, turn
from tests.support.virtual_time import in_virtual_time

A = "https://a.example.com/"


def states(running: Running) -> list[State]:
    rows = running.database.connection.execute("SELECT state FROM messages ORDER BY id").fetchall()
    return [State(state) for (state,) in rows]  # type: ignore[arg-type]


def rescued(running: Running) -> int:
    """What the next start would find."""
    transaction = running.database._transaction
    return leases.rescue(transaction, 100, now=running.clock.now()).count


@in_virtual_time
async def test_stopping_waits_for_open_attempts() -> None:
    async with running_engine() as running:
        running.sender.hold("a.example.com")
        await running.publish(new_message(A))
        running.stop.set()
        await asyncio.sleep(10)
        assert not running.engine.is_running
        assert states(running) == [State.ACTIVE]
        running.sender.release("a.example.com")
        await asyncio.sleep(1)
        assert states(running) == [State.DELIVERED]
        assert running.sender.is_closed


@in_virtual_time
async def test_a_long_attempt_keeps_its_lease_through_the_grace_period() -> None:
    async with running_engine(grace_seconds=600) as running:
        running.sender.hold("a.example.com")
        await running.publish(new_message(A))
        running.stop.set()
        await asyncio.sleep(500)
        running.sender.release("a.example.com")
        await asyncio.sleep(1)
    assert states(running) == [State.DELIVERED]


@in_virtual_time
async def test_what_the_grace_period_cuts_off_is_given_back() -> None:
    async with running_engine(grace_seconds=5) as running:
        running.sender.hold("a.example.com")
        await running.publish(new_message(A), new_message())
        running.stop.set()
        await asyncio.sleep(6)
        assert running.sender.is_closed
        assert running.sender.open == 0, "the attempt was cut off"
    assert states(running) == [State.ACTIVE, State.DELIVERED]
    assert rescued(running) == 1


@in_virtual_time
async def test_while_stopping_nothing_new_starts() -> None:
    async with running_engine() as running:
        running.sender.hold("a.example.com")
        await running.publish(new_message(A), new_message(delay_ms=2_000))
        running.stop.set()
        await asyncio.sleep(3)
        (id,) = await running.publish(new_message())
        await asyncio.sleep(3)
        assert len(running.sender.requests) == 1
        assert (await running.get(id)).state is State.WAITING
        running.sender.release("a.example.com")


@in_virtual_time
async def test_a_lease_that_is_lost_while_stopping_is_not_taken_anew() -> None:
    async with running_engine() as running:
        running.sender.hold("a.example.com")
        await running.publish(new_message(A), new_message(delay_ms=2_000))
        running.stop.set()
        running.clock.jump(60_000)
        assert rescued(running) == 1
        await asyncio.sleep(20)
        assert len(running.sender.requests) == 1
        running.sender.release("a.example.com")


@in_virtual_time
async def test_a_publish_that_ends_after_the_engine_is_accepted_all_the_same() -> None:
    """It was claimed by a lease that is given up: the next start attempts it."""
    running = await make_engine(grace_seconds=0)
    engine = start(running.engine.run(running.stop))
    await running.wait_idle()
    running.database.slow_down(by_seconds=0.02)
    publishing = start(running.publish(new_message()))
    await turn()
    assert running.free_slots == 99, "its slot is set aside, its commit under way"
    running.stop.set()
    await engine
    (id,) = await publishing
    assert running.sender.requests == []
    assert (await running.get(id)).state is State.ACTIVE
    assert rescued(running) == 1


@in_virtual_time
async def test_stopping_without_a_store() -> None:
    async with running_engine(grace_seconds=2) as running:
        running.sender.hold("a.example.com")
        await running.publish(new_message(A))
        running.database.is_broken = True
        running.sender.release("a.example.com")
        running.stop.set()
        await asyncio.sleep(10)
        assert running.sender.is_closed
        running.database.is_broken = False
    assert states(running) == [State.ACTIVE]


@in_virtual_time
async def test_a_cancelled_engine_closes_its_sender() -> None:
    running = await make_engine()
    engine = start(running.engine.run(running.stop))
    await running.wait_idle()
    engine.cancel()
    with pytest.raises(asyncio.CancelledError):
        await engine
    assert running.sender.is_closed
    assert not running.engine.is_running


@in_virtual_time
async def test_an_attempt_that_can_not_be_made_ends_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running_engine() as running:
        attempts = running.engine._attempts
        make = attempts.make

        async def failing(message: Message) -> object:
            if message.envelope.url == A:
                raise ValueError("a defect")
            return await make(message)

        attempts.make = failing  # type: ignore[method-assign,assignment]
        stuck, ended = await running.publish(new_message(A), new_message())
        await running.wait_ended(ended)
        await running.wait_idle()
        assert running.free_slots == 100
        assert (await running.get(stuck)).state is State.ACTIVE
        assert running.engine.is_running
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert record.getMessage() == "an attempt came to nothing"
    assert rescued(running) == 1


@in_virtual_time
async def test_a_part_that_fails_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async with running_engine() as running:
        upkeep = running.store.upkeep
        prune, calls = upkeep.prune, 0

        async def failing(limit: int, *, horizon: object) -> int:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise ValueError("a defect")
            return await prune(limit, horizon=horizon)  # type: ignore[arg-type]

        upkeep.prune = failing  # type: ignore[method-assign]
        await asyncio.sleep(5)
        assert calls > 3
    assert [line for line in caplog.messages if "pruner" in line] == ["pruner failed and goes on"]


@in_virtual_time
async def test_a_store_that_is_away_is_a_line_a_minute_for_each_part(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running_engine() as running:
        running.database.is_broken = True
        with pytest.raises(StoreUnavailable):
            await running.publish(new_message())
        assert running.free_slots == 100
        await asyncio.sleep(119)
        running.database.is_broken = False
        (id,) = await running.publish(new_message())
        await running.wait_ended(id)
    lines = sorted(line.split(":")[0] for line in caplog.messages)
    assert lines == ["pruner waits for the store"] * 2 + ["rescuer waits for the store"] * 2


@in_virtual_time
async def test_one_line_for_each_attempt(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, delivery_log.name)
    async with running_engine() as running:
        running.sender.script("api.example.com", BUSY)
        (id,) = await running.publish(new_message(retry_delay="1000"))
        await running.wait_ended(id)
        await running.wait_idle()
    lines = [record for record in caplog.records if record.name == delivery_log.name]
    shown = [(line.levelname, vars(line)["state"], vars(line)["status"]) for line in lines]
    assert shown == [("WARNING", "WAITING", 503), ("INFO", "DELIVERED", 200)]


@in_virtual_time
async def test_attempts_of_a_removed_project_are_given_up() -> None:
    async with running_engine(max_open_attempts=10) as running:
        await running.store.projects.add(project(OTHER_PROJECT), [])
        running.sender.hold("a.example.com")
        of_other = new_message(A, project_id=OTHER_PROJECT)
        (kept,) = await running.publish(new_message(A))
        await running.publish(of_other, of_other, new_message("https://b.example.com/"))
        await running.publish(new_message(delay_ms=500, project_id=OTHER_PROJECT))
        await running.wait_idle()
        assert running.sender.open == 3
        await running.store.projects.remove(OTHER_PROJECT, now=running.clock.now())
        await running.engine.abandon(OTHER_PROJECT)
        assert running.sender.open == 1
        assert running.free_slots == 9
        while await running.store.upkeep.forget_removed(100, now=running.clock.now()):
            pass
        sent = len(running.sender.requests)
        running.sender.release("a.example.com")
        await asyncio.sleep(100)
        assert len(running.sender.requests) == sent
        assert running.free_slots == 10
        assert (await running.get(kept)).state is State.DELIVERED
        assert rescued(running) == 0


@in_virtual_time
async def test_an_attempt_that_has_not_begun_gives_its_slot_back() -> None:
    async with running_engine(max_open_attempts=10) as running:
        await running.store.projects.add(project(OTHER_PROJECT), [])
        running.sender.hold("a.example.com")
        await running.publish(new_message(A, project_id=OTHER_PROJECT))
        await running.engine.abandon(OTHER_PROJECT)
        assert (running.free_slots, running.sender.open) == (10, 0)


@in_virtual_time
async def test_what_was_claimed_before_a_removal_is_not_attempted_after_it() -> None:
    async with running_engine(max_open_attempts=10) as running:
        await running.store.projects.add(project(OTHER_PROJECT), [])
        await running.engine.abandon(OTHER_PROJECT)
        await running.publish(new_message(A, project_id=OTHER_PROJECT))
        await running.wait_idle()
        assert running.sender.requests == []
        assert running.free_slots == 10


@in_virtual_time
async def test_a_removal_that_was_cut_off_is_ended() -> None:
    async with running_engine() as running:
        await running.store.projects.add(project(OTHER_PROJECT), [])
        for _ in range(7):
            of_other = [new_message(project_id=OTHER_PROJECT, delay_ms=1000) for _ in range(100)]
            await running.publish(*of_other)
        await running.store.projects.remove(OTHER_PROJECT, now=running.clock.now())
        await asyncio.sleep(5)
        assert states(running) == []
        assert await running.store.upkeep.forget_removed(1, now=running.clock.now()) == 0
