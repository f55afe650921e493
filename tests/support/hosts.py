"""Destinations of a simulated world: how each kind answers, and what was really sent to them."""

import asyncio
import random
from dataclasses import dataclass

from relaypost.domain.messages import Message
from relaypost.domain.outcomes import AttemptRequest, NotReached, Outcome, Responded, Trouble
from relaypost.domain.types import MessageId, UnixMs
from relaypost.domain.urls import host_of
from relaypost.wire.ids import parse_message_id
from tests.support.virtual_time import VirtualClock

HEALTHY = ("healthy-1", "healthy-2", "healthy-3")
BACK = "back"
KINDS = (*HEALTHY, "slow", "flaky", "dead", "hanging")


@dataclass(slots=True)
class Sent:
    """One request as its destination saw it; without an end when the sender was killed."""

    message_id: MessageId
    host: str
    retried: int
    started_at: UnixMs
    ended_at: UnixMs | None = None
    outcome: Outcome | None = None


class Ledger:
    """All that was sent, in order, by whatever node."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.sent: list[Sent] = []
        self.open: dict[int, Sent] = {}

    def begin(self, request: AttemptRequest) -> Sent:
        headers = dict(request.headers)
        id = parse_message_id(headers["Upstash-Message-Id"])
        assert id is not None
        sent = Sent(
            id,
            host_of(request.url),
            int(headers["Upstash-Retried"]),
            self.clock.now(),
        )
        self.sent.append(sent)
        self.open[len(self.sent)] = sent
        return sent

    def end(self, sent: Sent) -> None:
        self.open = {number: one for number, one in self.open.items() if one is not sent}

    def of(self, message: Message | MessageId) -> list[Sent]:
        id = message.id if isinstance(message, Message) else message
        return [sent for sent in self.sent if sent.message_id == id]


class WorldSender:
    """The sender of one node."""

    def __init__(self, ledger: Ledger, rng: random.Random) -> None:
        self._ledger = ledger
        self._rng = rng

    async def send(self, request: AttemptRequest) -> Outcome:
        sent = self._ledger.begin(request)
        try:
            outcome = await self._outcome(sent.host, request)
        finally:
            self._ledger.end(sent)
        sent.ended_at, sent.outcome = self._ledger.clock.now(), outcome
        return outcome

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _outcome(self, host: str, request: AttemptRequest) -> Outcome:
        rng = self._rng
        match host:
            case "dead":
                await asyncio.sleep(0.001)
                return NotReached(trouble=Trouble.CONNECTION, error="connection refused")
            case "hanging":
                await asyncio.sleep(request.timeout_ms / 1000)
                return NotReached(trouble=Trouble.TIMEOUT, error="timeout")
            case "slow":
                await asyncio.sleep(rng.uniform(0.5, 3))
                return Responded(status=200)
            case "flaky":
                await asyncio.sleep(rng.uniform(0, 0.3))
                return rng.choice(FLAKY)
            case "back":
                await asyncio.sleep(rng.uniform(0, 0.05))
                return rng.choices((Responded(status=200), Responded(status=500)), (9, 1))[0]
            case _:
                await asyncio.sleep(rng.uniform(0.001, 0.05))
                return Responded(status=200)


FLAKY: tuple[Outcome, ...] = (
    Responded(status=200),
    Responded(status=204),
    Responded(status=500, body=b"no"),
    Responded(status=503, headers=(("Retry-After", "1"),)),
    Responded(status=302, headers=(("Location", "/\udcff"),)),
    Responded(status=489, headers=(("Upstash-Nonretryable-Error", "true"),)),
    NotReached(trouble=Trouble.INVALID_RESPONSE, error="invalid response"),
)
