"""Starts and stops everything that runs by itself. One task group owns every task."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.messages import Message
from relaypost.domain.retention import RetentionPeriods
from relaypost.domain.types import LeaseId, ProjectId, UnixMs
from relaypost.engine.attempt import Attempts, Signing, describe, ids_of
from relaypost.engine.dispatcher import Dispatcher
from relaypost.engine.pruner import Pruner
from relaypost.engine.rescuer import Rescuer
from relaypost.engine.scheduler import Scheduler, Scheduling
from relaypost.engine.sender import Sender
from relaypost.engine.settler import Settler
from relaypost.engine.slots import Slots
from relaypost.runtime import Clock, Ids
from relaypost.store.base import Store

PAUSE_SECONDS = 0.5
"""Before a loop goes on that was stopped by an error."""

SILENT_SECONDS = 60
"""For how long a part says only once that the store is unavailable."""

log = logging.getLogger(__name__)
delivery_log = logging.getLogger("relaypost.deliveries")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    max_open_attempts: int = 4096
    grace_seconds: float = 30
    retention: RetentionPeriods = field(default_factory=RetentionPeriods)
    scheduling: Scheduling = field(default_factory=Scheduling)


class Engine:
    def __init__(
        self,
        store: Store,
        sender: Sender,
        *,
        clock: Clock,
        ids: Ids,
        signing: Signing,
        settings: EngineSettings,
        apis: Mapping[str, Sender] | None = None,
    ) -> None:
        """`apis` are the ways to what messages name instead of a URL; they are closed elsewhere."""
        self._clock = clock
        self._settings = settings
        self._sender = sender
        self._attempts = Attempts(sender, clock=clock, ids=ids, signing=signing, apis=apis or {})
        slots = Slots(settings.max_open_attempts)
        self.intake = Dispatcher(store.messages, clock=clock, slots=slots, attempt=self._start)
        self._settler = Settler(store.messages, clock=clock, dispatcher=self.intake)
        self.scheduler = Scheduler(
            store.schedules, clock=clock, intake=self.intake, scheduling=settings.scheduling
        )
        self._rescuer = Rescuer(store.messages, clock=clock, dispatcher=self.intake)
        self._pruner = Pruner(
            store.upkeep,
            store.queues,
            clock=clock,
            dispatcher=self.intake,
            periods=settings.retention,
        )
        self._tasks: asyncio.TaskGroup | None = None
        self._loops: list[asyncio.Task[None]] = []
        self._open: dict[asyncio.Task[None], ProjectId] = {}
        self._abandoned: set[ProjectId] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.is_running = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then let open attempts end within the grace period."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._loops = [
                    tasks.create_task(_for_ever("dispatcher", self.intake.run)),
                    tasks.create_task(_for_ever("settler", self._settler.run)),
                    tasks.create_task(_for_ever("scheduler", self.scheduler.run)),
                    tasks.create_task(self._periodic("rescuer", self._rescuer.tick)),
                    tasks.create_task(self._periodic("pruner", self._pruner.tick)),
                ]
                self.is_running = True
                await stop.wait()
                self.is_running = False
                await self._finish()
                self._stop_tasks()
        finally:
            self.is_running, self._tasks = False, None
            await self._sender.close()

    async def abandon(self, project: ProjectId) -> None:
        """Give up the open attempts of a removed project; after this there are none, for good.

        Its messages stay ACTIVE for whoever forgets them.
        """
        self._abandoned.add(project)
        await asyncio.sleep(0)  # an attempt that has not begun could not give its slot back
        given_up = [task for task, of in self._open.items() if of == project]
        for task in given_up:
            task.cancel()
        if given_up:
            await asyncio.wait(given_up)

    async def _finish(self) -> None:
        """Claim nothing more, wait for what is open, write it down, give the rest back."""
        self.intake.close()
        try:
            async with asyncio.timeout(self._settings.grace_seconds):
                await self._idle.wait()
                await self._settler.wait_idle()
        except TimeoutError:
            log.warning("stopping with open attempts", extra={"open": len(self._open)})
        try:
            await self._rescuer.give_up()
        except StoreUnavailable as error:
            log.error("the lease could not be given back: %s", error)

    def _stop_tasks(self) -> None:
        """End all tasks, and let none start any more: the group would wait for it."""
        self._tasks = None
        for task in (*self._loops, *self._open):
            task.cancel()

    def _start(self, message: Message, lease: LeaseId) -> None:
        """Attempt a claimed message; after the end, leave it to the rescue of a later start."""
        if self._tasks is None:
            return
        if message.project_id in self._abandoned:
            self.intake.leave(message)
            return
        task = self._tasks.create_task(self._attempt(message, lease))
        self._open[task] = message.project_id
        self._idle.clear()
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._open[task]
        if not self._open:
            self._idle.set()

    async def _attempt(self, message: Message, lease: LeaseId) -> None:
        started = self._clock.now()
        try:
            settlement = await self._attempts.make(message)
        except Exception:
            # The message stays ACTIVE, and the next start gives it back.
            log.exception("an attempt came to nothing", extra=ids_of(message))
            return
        finally:
            self.intake.leave(message)
        self._settler.add(settlement, lease)
        level = logging.WARNING if settlement.transition.entries else logging.INFO
        if delivery_log.isEnabledFor(level):
            took_ms = self._clock.now() - started
            delivery_log.log(level, "attempt", extra=describe(settlement, took_ms=took_ms))

    async def _periodic(self, name: str, tick: Callable[[], Awaitable[UnixMs]]) -> None:
        """Run a part whenever it asks for it."""

        async def loop() -> None:
            while True:
                next_at = await tick()
                await asyncio.sleep(max(0, next_at - self._clock.now()) / 1000)

        await _for_ever(name, loop)


async def _for_ever(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop again when an error ends it: nothing else would restart it."""
    clock = asyncio.get_running_loop()
    silent_until = clock.time()
    while True:
        try:
            await loop()
        except StoreUnavailable as error:
            if clock.time() >= silent_until:
                log.error("%s waits for the store: %s", name, error)
                silent_until = clock.time() + SILENT_SECONDS
        except Exception:
            log.exception("%s failed and goes on", name)
        await asyncio.sleep(PAUSE_SECONDS)
