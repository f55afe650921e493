"""A sender without a network: outcomes by host, in order; a host may hang until it is released."""

import asyncio
from collections import defaultdict, deque

from relaypost.domain.outcomes import AttemptRequest, Outcome
from relaypost.domain.urls import host_of
from tests.support.messages import OK


class ScriptedSender:
    """Answers with what is scripted for the host, then with `otherwise`; counts what is open."""

    def __init__(self, otherwise: Outcome = OK) -> None:
        self.requests: list[AttemptRequest] = []
        self.open = 0
        self.most_open = 0
        self.is_closed = False
        self._otherwise = otherwise
        self._scripts: defaultdict[str, deque[Outcome | Exception]] = defaultdict(deque)
        self._held: dict[str, asyncio.Event] = {}
        self._sent = asyncio.Event()

    def script(self, host: str, *outcomes: Outcome | Exception) -> None:
        self._scripts[host].extend(outcomes)

    def hold(self, host: str) -> None:
        """Attempts to this host hang until `release`."""
        self._held[host] = asyncio.Event()

    def release(self, host: str) -> None:
        self._held.pop(host).set()

    async def send(self, request: AttemptRequest) -> Outcome:
        host = host_of(request.url)
        self.requests.append(request)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self._sent.set()
        try:
            if host in self._held:
                await self._held[host].wait()
            return self._next(host)
        finally:
            self.open -= 1

    async def close(self) -> None:
        self.is_closed = True

    async def wait_sent(self, count: int) -> None:
        """Return when so many requests have been made in all."""
        while len(self.requests) < count:
            self._sent.clear()
            await self._sent.wait()

    def _next(self, host: str) -> Outcome:
        script = self._scripts[host]
        outcome = script.popleft() if script else self._otherwise
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
