"""Claims due messages for the free slots of this node and has each attempted.

It sleeps until the next message falls due, a slot is given back while others wait, or a message
arrives that is due earlier; it never asks the store whether something might be due.
"""

import asyncio
from collections.abc import Callable

from relaypost.domain.messages import Message
from relaypost.domain.types import LeaseId, UnixMs
from relaypost.engine.slots import Slots
from relaypost.runtime import Clock
from relaypost.store.base import Claim, Messages

MAX_CLAIM = 256
"""Messages of one claim: a transaction that others don't have to wait for long."""

MAX_SLEEP_SECONDS = 1.0
"""The clock may jump, or the machine be suspended, while a timer runs: look at the clock again."""


class Dispatcher:
    def __init__(
        self,
        messages: Messages,
        *,
        clock: Clock,
        slots: Slots,
        attempt: Callable[[Message, LeaseId], None],
    ) -> None:
        self._messages = messages
        self._clock = clock
        self._slots = slots
        self._attempt = attempt
        self._lease: LeaseId | None = None
        self._behind = True
        """Whether messages are due that have not been claimed: new ones wait behind them."""
        self._next_due_at: UnixMs | None = None
        self._wake = asyncio.Event()
        self._is_closed = False

    def hold(self, lease: LeaseId | None) -> None:
        """Claim by this lease from now on; by none, nothing is claimed."""
        self._lease = None if self._is_closed else lease
        self._behind = True
        self._wake.set()

    def close(self) -> None:
        """Claim nothing any more, whoever offers a lease."""
        self._is_closed = True
        self.hold(None)

    def offer(self, wanted: int) -> Claim | None:
        """Set slots aside for new messages; none when those may be needed for older ones.

        While slots are plenty, new messages need not wait until a burst of due ones is claimed.
        """
        if self._lease is None or not self._slots.free:
            return None
        if self._is_behind() and not self._slots.are_plenty:
            return None
        return self._slots.set_aside(wanted, self._lease)

    def offer_to_settle(self, wanted: int, lease: LeaseId) -> Claim:
        """Slots for what a settlement lets go or makes; none for a lease that was lost.

        When slots are scarce, half of them are left to messages that are due.
        """
        if lease != self._lease:
            return self._slots.set_aside(0, lease)
        if not self._slots.are_plenty and self._is_behind():
            wanted = -(-wanted // 2)
        return self._slots.set_aside(wanted, lease)

    def start(
        self, claim: Claim | None, claimed: list[Message], *, next_due_at: UnixMs | None
    ) -> None:
        if claim is not None:
            self._slots.take(claim, claimed)
            for message in claimed:
                self._attempt(message, claim.lease)
            if len(claimed) < claim.limit:
                self._go_on()
        self.note_due(next_due_at)

    def note_due(self, due_at: UnixMs | None) -> None:
        """Note when there is something to claim; `None` is nothing new."""
        if due_at is not None and (self._next_due_at is None or due_at < self._next_due_at):
            self._next_due_at = due_at
            self._wake.set()

    def leave(self, message: Message) -> None:
        """Give the slot of an attempt back."""
        self._slots.leave(message)
        self._go_on()

    async def run(self) -> None:
        """Claim whatever is due, for ever."""
        while True:
            self._wake.clear()
            if self._lease is not None and self._slots.free and self._is_behind():
                await self._claim(self._lease)
            else:
                await self._wait(self._seconds_to_next())

    def _go_on(self) -> None:
        """Slots are free again: have the next claim made if something waits for one."""
        if self._is_behind():
            self._wake.set()

    def _is_behind(self) -> bool:
        if self._behind:
            return True
        return self._next_due_at is not None and self._next_due_at <= self._clock.now()

    async def _claim(self, lease: LeaseId) -> None:
        self._next_due_at = None
        claim = self._slots.set_aside(MAX_CLAIM, lease)
        try:
            claimed = await self._messages.claim(claim, now=self._clock.now())
        except BaseException:
            self._slots.take(claim, ())
            self._behind = True
            raise
        # By a lease that was lost meanwhile, nothing is found: the new one has to look again.
        self._behind = claimed.more or lease != self._lease
        self.start(claim, claimed.messages, next_due_at=claimed.next_due_at)

    async def _wait(self, seconds: float | None) -> None:
        """Sleep until something falls due, or, when something is, there may be a slot for it."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    def _seconds_to_next(self) -> float | None:
        """How long to sleep at most; without an answer, until whoever has something new calls.

        The clock goes on between two looks at it: what was not due a moment ago, when a claim was
        decided against, may be due now.
        """
        if self._next_due_at is None:
            return None
        left_ms = self._next_due_at - self._clock.now()
        if left_ms > 0:
            return min(MAX_SLEEP_SECONDS, left_ms / 1000)
        return 0 if self._lease is not None and self._slots.free else None
