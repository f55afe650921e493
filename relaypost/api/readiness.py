"""Whether the server can take messages now: what `/readyz` answers."""

import asyncio
from collections.abc import Awaitable, Callable

from relaypost.domain.errors import StoreUnavailable


class Readiness:
    """Asks for a write at most once a second: the route is open to everyone."""

    def __init__(
        self,
        *,
        is_running: Callable[[], bool],
        ping: Callable[[], Awaitable[None]],
        patience_seconds: float = 2.0,
        kept_seconds: float = 1.0,
    ) -> None:
        self._is_running = is_running
        self._ping = ping
        self._patience_seconds = patience_seconds
        self._kept_seconds = kept_seconds
        self._can_write = False
        self._kept_until = 0.0

    async def __call__(self) -> bool:
        if not self._is_running():
            return False
        now = asyncio.get_running_loop().time()
        if now >= self._kept_until:
            self._kept_until = now + self._kept_seconds
            self._can_write = await self._try()
        return self._can_write

    async def _try(self) -> bool:
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._ping()
        except (StoreUnavailable, TimeoutError):
            return False
        return True
