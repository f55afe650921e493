"""The only way out to the network, as the engine sees it."""

from typing import Protocol

from relaypost.domain.outcomes import AttemptRequest, Outcome


class Sender(Protocol):
    async def send(self, request: AttemptRequest) -> Outcome:
        """Make one HTTP request. Whatever goes wrong is an outcome; only a cancellation raises."""
        ...

    async def close(self) -> None: ...
