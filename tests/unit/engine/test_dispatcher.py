"""When messages are claimed: what is due, as soon as there is a slot, and never before."""

import asyncio
from typing import Any

import pytest

from relaypost.domain.gates import Capacity
from relaypost.domain.types import LeaseId, UnixMs
from relaypost.engine.dispatcher import Dispatcher
from relaypost.engine.slots import Slots
from relaypost.service.publications import publish
from relaypost.store.base import Claim, Claimed
from tests.support.engines import Running, running_engine
from tests.support.messages import BUSY, NOW, new_message, publication
from tests.support.tasks import start, turn
from tests.support.virtual_time import in_virtual_time

A, B = "https://a.example.com/", "https://b.example.com/"


def note_starts(running: Running) -> list[UnixMs]:
    """When each attempt began."""
    starts: list[UnixMs] = []
    send = running.sender.send

    async def noting(request: object) -> object:
        starts.append(running.clock.now())
        return await send(request)  # type: ignore[arg-type]

    running.sender.send = noting  # type: ignore[method-assign,assignment]
    return starts


def count_claims(running: Running) -> list[Claim]:
    claims: list[Claim] = []
    messages = running.store.messages
    claim_them = messages.claim

    async def counting(claim: Claim, *, now: UnixMs) -> Claimed:
        claims.append(claim)
        return await claim_them(claim, now=now)

    messages.claim = counting  # type: ignore[method-assign]
    return claims


@in_virtual_time
async def test_what_is_due_starts_at_once() -> None:
    async with running_engine() as running:
        starts, claims = note_starts(running), count_claims(running)
        before = running.clock.now()
        (id,) = await running.publish(new_message())
        await running.wait_ended(id)
        assert starts == [before + 2], "as soon as it is committed"
        assert claims == [], "it came already claimed"


@in_virtual_time
async def test_what_is_delayed_starts_when_it_is_due() -> None:
    async with running_engine() as running:
        starts = note_starts(running)
        due_at = UnixMs(NOW + 3_600_000)
        (id,) = await running.publish(new_message(not_before=due_at))
        await running.wait_ended(id)
        assert due_at <= starts[0] <= due_at + 10


@in_virtual_time
async def test_a_message_that_is_due_earlier_changes_the_alarm() -> None:
    async with running_engine() as running:
        starts = note_starts(running)
        ids = [
            *await running.publish(new_message(delay_ms=90_000)),
            *await running.publish(new_message(delay_ms=30_000)),
            *await running.publish(new_message(delay_ms=60_000)),
        ]
        await running.wait_ended(*ids)
        offsets = [round((time - NOW) / 1000) for time in starts]
        assert offsets == [30, 60, 90]


@in_virtual_time
async def test_nothing_is_asked_while_nothing_is_due() -> None:
    async with running_engine() as running:
        claims = count_claims(running)
        await running.publish(new_message(delay_ms=600_000))
        await asyncio.sleep(599)
        assert claims == []


@in_virtual_time
async def test_a_full_node_waits_for_a_slot_without_asking() -> None:
    async with running_engine(max_open_attempts=2) as running:
        running.sender.hold("a.example.com")
        await running.publish(new_message(A), new_message(A))
        (third,) = await running.publish(new_message(B))
        claims = count_claims(running)
        await asyncio.sleep(60)
        assert claims == []
        running.sender.release("a.example.com")
        await running.wait_ended(third)
        assert running.sender.most_open == 2


@in_virtual_time
async def test_what_falls_due_while_the_node_is_full_starts_with_the_next_slot() -> None:
    async with running_engine(max_open_attempts=1) as running:
        running.sender.hold("a.example.com")
        (late,) = await running.publish(new_message(B, delay_ms=5_000))
        await running.publish(new_message(A))
        await asyncio.sleep(1)
        running.sender.release("a.example.com")
        await asyncio.sleep(1)
        assert running.free_slots == 1
        await running.wait_ended(late)
        assert running.clock.now() < NOW + 6_000


@in_virtual_time
async def test_new_messages_wait_behind_older_ones() -> None:
    async with running_engine(max_open_attempts=1) as running:
        running.sender.hold("a.example.com")
        await running.publish(new_message(A))
        made = [
            (await running.publish(new_message(f"https://{host}.example.com/")))[0]
            for host in "bcd"
        ]
        running.sender.release("a.example.com")
        await running.wait_ended(*made)
        urls = [request.url for request in running.sender.requests[1:]]
        assert urls == [f"https://{host}.example.com/" for host in "bcd"]


@in_virtual_time
async def test_new_messages_wait_behind_older_ones_when_slots_are_scarce() -> None:
    async with running_engine(max_open_attempts=4) as running:
        intake = running.engine.intake
        intake.note_due(running.clock.now())
        plenty = intake.offer(1)
        assert plenty is not None
        running.sender.hold("a.example.com")
        intake.start(plenty, [], next_due_at=None)
        await running.publish(*(new_message(A) for _ in range(3)))
        await running.wait_idle()
        intake.note_due(running.clock.now())
        assert running.free_slots == 1
        assert intake.offer(1) is None
        await running.wait_idle()
        assert intake.offer(0) is not None, "nothing waits any more"
        running.sender.release("a.example.com")


@in_virtual_time
async def test_slots_that_a_publish_did_not_use_go_to_those_that_wait() -> None:
    """The last slots are set aside for a publish that then makes nothing, or waits for a gate."""
    async with running_engine(max_open_attempts=1, capacity=Capacity(host=1)) as running:
        (late,) = await running.publish(new_message(B, delay_ms=100))
        await asyncio.sleep(0.0975)
        twice = publication(new_message(A, delay_ms=50_000), key=b"k")
        publishing = start(publish(running.service, [twice]))
        await turn()
        assert running.free_slots == 0
        await publishing
        await asyncio.sleep(0.05)
        assert running.sender.requests[0].url == B
        await running.wait_ended(late)


@in_virtual_time
async def test_retries_start_when_they_are_due() -> None:
    async with running_engine() as running:
        starts = note_starts(running)
        running.sender.script("a.example.com", BUSY, BUSY)
        (id,) = await running.publish(new_message(A, retry_delay="7000"))
        await running.wait_ended(id)
        first, second, third = starts
        assert 7_000 <= second - first <= 7_010
        assert 7_000 <= third - second <= 7_010


@in_virtual_time
async def test_a_clock_that_jumps_ahead_is_noticed() -> None:
    """The machine was suspended: timers stood still meanwhile."""
    async with running_engine() as running:
        (id,) = await running.publish(new_message(delay_ms=3_600_000))
        await asyncio.sleep(1)
        running.clock.jump(3_600_000)
        await asyncio.sleep(1.1)
        assert len(running.sender.requests) == 1
        await running.wait_ended(id)


@in_virtual_time
async def test_a_message_noted_during_a_claim_is_not_missed() -> None:
    async with running_engine() as running:
        starts = note_starts(running)
        await running.publish(new_message(delay_ms=1_000))
        await asyncio.sleep(0.9975)
        # The claim is under way, and has not seen this one.
        (second,) = await running.publish(new_message(delay_ms=1))
        await running.wait_ended(second)
        assert max(starts) <= NOW + 1_060


@in_virtual_time
async def test_a_claim_that_fails_gives_its_slots_back_and_is_made_again() -> None:
    async with running_engine(max_open_attempts=4) as running:
        (id,) = await running.publish(new_message(delay_ms=1_000))
        running.database.is_broken = True
        await asyncio.sleep(5)
        assert running.free_slots == 4
        running.database.is_broken = False
        await running.wait_ended(id)
        assert len(running.sender.requests) == 1


@in_virtual_time
async def test_without_a_lease_nothing_is_claimed() -> None:
    async with running_engine() as running:
        running.engine.intake.close()
        claims = count_claims(running)
        assert running.engine.intake.offer(1) is None
        (id,) = await running.publish(new_message())
        await asyncio.sleep(60)
        assert claims == []
        assert running.sender.requests == []
        assert (await running.get(id)).retried == 0


class TickingClock:
    """Goes on by a millisecond whenever it is read, as a real one may."""

    def __init__(self) -> None:
        self._now = NOW

    def now(self) -> UnixMs:
        self._now = UnixMs(self._now + 1)
        return self._now

    def system_now(self) -> UnixMs:
        return self.now()


class NextDue:
    """A store in which something falls due once, so many milliseconds after the first claim."""

    def __init__(self, in_ms: int) -> None:
        self._in_ms = in_ms
        self.claims = 0
        self.claimed_again = asyncio.Event()

    async def claim(self, claim: Claim, *, now: UnixMs) -> Claimed:
        self.claims += 1
        if self.claims > 1:
            self.claimed_again.set()
            return Claimed([], more=False, next_due_at=None)
        return Claimed([], more=False, next_due_at=UnixMs(now + self._in_ms))


@pytest.mark.parametrize("in_ms", range(1, 12))
@in_virtual_time
async def test_the_clock_may_go_on_between_two_looks_at_it(in_ms: int) -> None:
    store: Any = NextDue(in_ms)
    dispatcher = Dispatcher(
        store, clock=TickingClock(), slots=Slots(1), attempt=lambda _message, _lease: None
    )
    dispatcher.hold(LeaseId(1))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(dispatcher.run())
        await store.claimed_again.wait()
        running.cancel()


class LosesLeases:
    """A store that has lost every lease but the newest one; a claim takes a while."""

    def __init__(self) -> None:
        self.claimed: asyncio.Queue[LeaseId] = asyncio.Queue()
        self.go_on = asyncio.Event()

    async def claim(self, claim: Claim, *, now: UnixMs) -> Claimed:
        self.claimed.put_nowait(claim.lease)
        await self.go_on.wait()
        return Claimed([], more=False, next_due_at=None)


@in_virtual_time
async def test_a_lease_that_is_lost_during_a_claim_leaves_nothing_unclaimed() -> None:
    """A claim by a lost lease takes nothing, and says nothing of what is due."""
    store: Any = LosesLeases()
    dispatcher = Dispatcher(
        store, clock=TickingClock(), slots=Slots(1), attempt=lambda _message, _lease: None
    )
    dispatcher.hold(LeaseId(1))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(dispatcher.run())
        assert await store.claimed.get() == LeaseId(1)
        dispatcher.hold(LeaseId(2))
        store.go_on.set()
        async with asyncio.timeout(1):
            assert await store.claimed.get() == LeaseId(2)
        running.cancel()
