"""A sender without a network: hosts that behave well, badly or not at all, by a seed."""

import asyncio
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field

from relaypost.domain.outcomes import AttemptRequest, NotReached, Outcome, Responded, Trouble
from relaypost.domain.types import MessageId, UnixMs
from relaypost.domain.urls import host_of
from relaypost.runtime import Clock
from relaypost.wire.ids import parse_message_id

HEALTHY = ("healthy-1.example", "healthy-2.example", "back.example")
FLAKY, DEAD = "flaky.example", "dead.example"
SLOW, HANGING = "slow.example", "hanging.example"
REFUSED = NotReached(trouble=Trouble.CONNECTION, error="connection failed: connection refused")
TIMED_OUT = NotReached(trouble=Trouble.TIMEOUT, error="timeout")


@dataclass(slots=True)
class Send:
    """One request that a destination saw; `status` stays `None` when the sender was cut off."""

    message: MessageId
    retried: int
    host: str
    started_at: UnixMs
    began: int = field(compare=False)
    """Its place in the order of all beginnings and ends; those of a kill are in no order."""
    ended_at: UnixMs | None = None
    ended: int = field(default=0, compare=False)
    status: int | None = None


class Destinations:
    """Answers for all hosts; remembers every request and how many were open at once."""

    def __init__(self, rng: random.Random, *, clock: Clock) -> None:
        self._rng = rng
        self._clock = clock
        self.sends: list[Send] = []
        self.open: Counter[str] = Counter()
        self.most_open: Counter[str] = Counter()
        self.most_open_in_all = 0
        self.overlaps: list[MessageId] = []
        self._open_messages: Counter[MessageId] = Counter()
        self._steps = itertools.count(1)

    async def send(self, request: AttemptRequest) -> Outcome:
        send = self._begin(request)
        try:
            outcome = await self._answer(send.host, request.timeout_ms / 1000)
            send.status = outcome.status
            return outcome
        finally:
            send.ended_at, send.ended = self._clock.now(), next(self._steps)
            self.open[send.host] -= 1
            self._open_messages[send.message] -= 1

    async def close(self) -> None:
        """Nothing to close: what is open ends with its task."""

    def _begin(self, request: AttemptRequest) -> Send:
        headers = dict(request.headers)
        message = parse_message_id(headers["Upstash-Message-Id"])
        assert message is not None
        host = host_of(request.url)
        retried, now = int(headers["Upstash-Retried"]), self._clock.now()
        send = Send(message, retried, host, now, next(self._steps))
        self.sends.append(send)
        if self._open_messages[message]:
            self.overlaps.append(message)
        self._open_messages[message] += 1
        self.open[host] += 1
        self.most_open[host] = max(self.most_open[host], self.open[host])
        self.most_open_in_all = max(self.most_open_in_all, self.open.total())
        return send

    async def _answer(self, host: str, seconds: float) -> Outcome:
        pause = self._pause(host)
        await asyncio.sleep(min(pause, seconds))
        if pause >= seconds:
            return TIMED_OUT
        if host == DEAD:
            return REFUSED
        return self._flaky() if host == FLAKY else Responded(status=200)

    def _pause(self, host: str) -> float:
        if host == HANGING:
            return float("inf")
        return self._rng.uniform(0.5, 4) if host == SLOW else self._rng.uniform(0.001, 0.009)

    def _flaky(self) -> Outcome:
        status = self._rng.choice((200, 200, 500, 503, 489))
        headers = {
            500: (),
            503: (("Retry-After", self._rng.choice(("0", "1", "3"))),),
            489: (("Upstash-NonRetryable-Error", "true"),),
        }
        return Responded(status=status, headers=headers.get(status, ()), body=b"flaky")
