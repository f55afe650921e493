"""Messages with a past: lives them through in a store, and knows what the log must say of them."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from relaypost.domain.lifecycle import Settlement, settle, settle_canceled
from relaypost.domain.logs import LogState
from relaypost.domain.messages import Envelope, Message, NewMessage, Publication, State
from relaypost.domain.outcomes import NO_HINTS, NotReached, Outcome, Responded, Trouble
from relaypost.domain.sequences import next_sequence
from relaypost.domain.types import DeadLetterId, LeaseId, MessageId, ProjectId, Sequence, UnixMs
from relaypost.store.base import Claim, Store

START = UnixMs(1_795_525_409_034)
PROJECT = ProjectId(1)
OTHER_PROJECT = ProjectId(2)
OK = Responded(status=200)
DOWN = Responded(
    status=503,
    headers=(("Content-Type", "text/plain"), ("Retry-After", "5")),
    body=b"busy",
)
REFUSED = NotReached(trouble=Trouble.CONNECTION, error="connection failed: connection refused")


def envelope(**overrides: Any) -> Envelope:
    plain = Envelope(url="https://api.example.com/orders", timeout_ms=20_000, max_retries=0)
    return replace(plain, **overrides)


class FakeClock:
    """A clock that a test moves."""

    def __init__(self, now: UnixMs = START) -> None:
        self._now = now

    def now(self) -> UnixMs:
        return self._now

    def system_now(self) -> UnixMs:
        return self._now

    def advance(self, ms: int) -> None:
        self._now = UnixMs(self._now + ms)


@dataclass
class Lives:
    """Drives messages of one project; `states` is the expected history of each."""

    store: Store
    clock: FakeClock = field(default_factory=FakeClock)
    project: ProjectId = PROJECT
    lease: LeaseId = LeaseId(0)
    messages: dict[MessageId, Message] = field(default_factory=dict)
    states: defaultdict[MessageId, list[LogState]] = field(
        default_factory=lambda: defaultdict(list)
    )
    dead_letters: dict[MessageId, DeadLetterId] = field(default_factory=dict)
    _last_dead_letter: Sequence = Sequence(0)

    async def publish(
        self, sealed: Envelope | None = None, *, claimed: bool = True, delay_ms: int = 0
    ) -> MessageId:
        new = NewMessage(project_id=self.project, envelope=sealed or envelope(), delay_ms=delay_ms)
        accepted = await self.store.messages.add(
            [Publication(messages=(new,))],
            claim=await self._claim(100 if claimed else 0),
            now=self.clock.now(),
        )
        id = accepted.published[0].messages[0][0]
        (self.messages[id],) = await self.store.messages.get(self.project, [id])
        self.states[id].append(LogState.CREATED)
        for message in accepted.claimed:
            self._note_started(message)
        return id

    async def start(self) -> None:
        """Begin attempts of all that is due."""
        claimed = await self.store.messages.claim(await self._claim(1000), now=self.clock.now())
        for message in claimed.messages:
            self._note_started(message)

    async def end(self, id: MessageId, outcome: Outcome = OK) -> None:
        """End the open attempt of a message."""
        message = self.messages[id]
        transition = settle(message, outcome, NO_HINTS, now=self.clock.now())
        failed = transition.state is State.FAILED
        settlement = Settlement(
            message=message,
            transition=transition,
            if_canceled=settle_canceled(message, outcome),
            dead_letter_id=self._next_dead_letter() if failed else None,
        )
        settled = await self.store.messages.settle(
            [settlement], claim=await self._claim(0), now=self.clock.now()
        )
        assert settled.applied == [True]
        await self._note_ended(settlement)

    async def cancel(self, id: MessageId) -> bool:
        canceled = await self.store.messages.cancel(self.project, [id], now=self.clock.now())
        (is_done,) = canceled.applied
        if is_done:
            before = self.messages[id].state
            self.states[id].append(LogState.CANCEL_REQUESTED)
            if before is State.WAITING:
                self.states[id].append(LogState.CANCELED)
            await self._refresh(id)
        return is_done

    async def fail(self, sealed: Envelope | None = None, outcome: Outcome = DOWN) -> DeadLetterId:
        """Publish a message without retries and let it fail."""
        id = await self.publish(replace(sealed or envelope(), max_retries=0))
        await self.end(id, outcome)
        return self.dead_letters[id]

    def active(self) -> list[MessageId]:
        return [id for id, one in self.messages.items() if one.state is State.ACTIVE]

    async def _claim(self, limit: int) -> Claim:
        if not self.lease:
            self.lease = await self.store.messages.take_lease(until=UnixMs(1 << 42))
        return Claim(lease=self.lease, limit=limit, bytes=1 << 30)

    def _note_started(self, message: Message) -> None:
        self.messages[message.id] = message
        self.states[message.id].append(LogState.ACTIVE)

    async def _note_ended(self, settlement: Settlement) -> None:
        id = settlement.message.id
        was_canceled = LogState.CANCEL_REQUESTED in self.states[id]
        transition = settlement.transition
        if was_canceled and settlement.if_canceled is not None:
            transition = settlement.if_canceled
        self.states[id] += [entry.state for entry in transition.entries]
        if transition.state is not State.WAITING:
            self.states[id].append(LogState[transition.state.name])
        if transition.state is State.FAILED and settlement.dead_letter_id is not None:
            self.dead_letters[id] = settlement.dead_letter_id
        await self._refresh(id)

    async def _refresh(self, id: MessageId) -> None:
        (self.messages[id],) = await self.store.messages.get(self.project, [id])

    def _next_dead_letter(self) -> DeadLetterId:
        self._last_dead_letter = next_sequence(self._last_dead_letter, self.clock.now())
        return DeadLetterId(self._last_dead_letter)
