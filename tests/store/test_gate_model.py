"""The store against the model of the gates: whatever happens, in any order."""

import enum
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.gates import Capacity
from relaypost.domain.messages import NewMessage
from relaypost.domain.outcomes import Outcome
from relaypost.domain.types import ProjectId
from tests.support import steerings
from tests.support.books import PLENTY
from tests.support.gate_drives import Ending, GateDrive
from tests.support.gate_watch import Steering
from tests.support.messages import BUSY, OK, OTHER_PROJECT, PROJECT, new_message, publication

EXAMPLES = int(os.environ.get("GATE_MODEL_EXAMPLES", "60"))
SHARED_MEMORY = Path("/dev/shm")
FOLDER = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
HOSTS = st.sampled_from([256, 256, 1, 2])
MAX_ROUNDS = 300

NAMES = st.sampled_from(["first", "first", "second"])
KEYS = st.sampled_from(["x", "y"])
OWNERS = st.sampled_from([PROJECT, PROJECT, PROJECT, PROJECT, OTHER_PROJECT])
LIMITS = st.sampled_from([PLENTY, PLENTY, PLENTY, 0, 1, 2])
CLAIMS = st.sampled_from([PLENTY, PLENTY, PLENTY, None, 0, 1])
OUTCOMES = st.sampled_from([OK, OK, BUSY])


@dataclass(frozen=True)
class Asked:
    """A message in short, so that a failing run can be read."""

    host: str = "a"
    queue: str | None = None
    key: tuple[str, int | None, int | None, int] | None = None
    delay_ms: int = 0
    retries: int = 0
    pause_ms: int = 0

    def message(self, owner: ProjectId) -> NewMessage:
        limits = None
        if self.key is not None:
            key, parallelism, rate, period_s = self.key
            limits = FlowControl(key=key, parallelism=parallelism, rate=rate, period_s=period_s)
        return new_message(
            f"https://{self.host}.example.com/",
            project_id=owner,
            delay_ms=self.delay_ms,
            queue_name=self.queue,
            flow_control=limits,
            max_retries=self.retries,
            retry_delay=str(self.pause_ms),
        )


COUNTS = st.none() | st.integers(1, 3)
LIMITED = st.none() | st.tuples(KEYS, COUNTS, COUNTS, st.sampled_from([1, 2, 5]))
MESSAGES = st.builds(
    Asked,
    host=st.sampled_from(["a", "b"]),
    queue=st.none() | NAMES,
    key=LIMITED,
    delay_ms=st.sampled_from([0, 0, 0, 0, 500, 1_000, 2_500]),
    retries=st.integers(0, 2),
    pause_ms=st.sampled_from([0, 1_000, 2_500]),
)
CALLBACKS = st.builds(
    Asked,
    host=st.just("back"),
    key=st.none() | LIMITED,
    delay_ms=st.sampled_from([0, 0, 0, 1_500]),
    retries=st.integers(0, 1),
    pause_ms=st.just(1_000),
)
ENDINGS = st.tuples(st.integers(0, 9), OUTCOMES, st.lists(CALLBACKS, max_size=2))


QueueChange = tuple[int | None, bool | None]
PAUSE, RESUME, DELETE = (-1, True), (-1, False), (-1, None)
QUEUE_CHANGES = st.sampled_from([PAUSE, RESUME, DELETE]) | st.tuples(
    COUNTS, st.none() | st.booleans()
)
STEERINGS = (
    st.sampled_from([steerings.PAUSE, steerings.RESUME, steerings.RESUME, steerings.RESET])
    | st.builds(steerings.pin, st.integers(1, 3), COUNTS, st.sampled_from([1, 3]))
    | st.builds(steerings.pin, st.none(), st.integers(1, 3), st.sampled_from([1, 3]))
    | st.builds(steerings.unpin, parallelism=st.booleans(), rate=st.booleans())
)


class Disturbance(enum.Enum):
    RESTART = "restart"
    RESTART_AND_CLAIM = "restart and claim"
    LOSE_LEASE = "lose lease"
    RELOAD = "reload"
    RESCUE = "rescue"
    END_LOST = "end lost attempt"
    RETRY_DEAD = "retry dead letters"
    CANCEL_DELETED = "cancel some of deleted queues"


class Gates(RuleBasedStateMachine):
    """Callers, an engine and the clock; the drive compares each step with the model."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=FOLDER)
        self.drive: GateDrive | None = None

    @initialize(project=st.sampled_from([0, 0, 1, 3]), host=HOSTS)
    def begin(self, project: int, host: int) -> None:
        capacity = Capacity(project=project, host=host)
        self.drive = GateDrive(f"{self.folder.name}/relaypost.db", capacity=capacity)
        self.drive.catch_up()

    @property
    def world(self) -> GateDrive:
        assert self.drive is not None
        return self.drive

    @rule(asked=st.lists(MESSAGES, min_size=1, max_size=4), owner=OWNERS, limit=CLAIMS)
    def publish(self, asked: list[Asked], owner: ProjectId, limit: int | None) -> None:
        self.world.add(*(publication(one.message(owner)) for one in asked), limit=limit)

    @precondition(lambda self: self.world.active)
    @rule(which=st.lists(ENDINGS, min_size=1, max_size=3), limit=LIMITS)
    def end_attempts(self, which: list[tuple[int, Outcome, list[Asked]]], limit: int) -> None:
        active = dict(self.world.active)
        endings: list[Ending] = []
        for number, outcome, callbacks in which:
            if active:
                message = active.pop(sorted(active)[number % len(active)])
                made = (one.message(message.project_id) for one in callbacks)
                endings.append(Ending(message, outcome, tuple(made)))
        self.world.settle(*endings, limit=limit)

    @precondition(lambda self: self.world.active)
    @rule(number=st.integers(0, 9), outcome=OUTCOMES)
    def end_one(self, number: int, outcome: Outcome) -> None:
        self.end_attempts([(number, outcome, [])], PLENTY)

    @rule(ms=st.sampled_from([1, 400, 1_000, 2_500, 5_000]))
    def wait(self, ms: int) -> None:
        self.world.wait(ms)

    @rule(late_ms=st.sampled_from([0, 0, 1, 1_000, 5_000]), limit=LIMITS)
    def claim(self, late_ms: int, limit: int) -> None:
        self.world.jump(late_ms)
        self.world.claim(limit)

    @precondition(lambda self: self.world.model.items)
    @rule(number=st.integers(0, 20))
    def cancel(self, number: int) -> None:
        model = self.world.model
        placed = [id for id, item in sorted(model.items.items()) if item.holds_place]
        known = placed * 2 + sorted(model.items) + sorted(model.ended)[-1:]
        id = known[number % len(known)]
        queue = model.find(id).queue
        if queue is None or not queue.is_deleted:
            self.world.cancel(id)

    @rule(owner=OWNERS, name=NAMES, change=QUEUE_CHANGES)
    def change_queue(self, owner: ProjectId, name: str, change: QueueChange) -> None:
        if change == DELETE:
            self.world.delete_queue(owner, name)
        elif change in (PAUSE, RESUME):
            self.world.set_paused(owner, name, change == PAUSE)
        else:
            parallelism, is_paused = change
            self.world.put_queue(owner, name, parallelism=parallelism, is_paused=is_paused)

    @rule(owner=OWNERS, key=KEYS, steering=STEERINGS)
    def steer(self, owner: ProjectId, key: str, steering: Steering) -> None:
        self.world.steer(owner, key, steering)

    @rule(kind=st.sampled_from(list(Disturbance)))
    def disturb(self, kind: Disturbance) -> None:
        world = self.world
        match kind:
            case Disturbance.RESTART:
                world.restart(claims_first=False)
            case Disturbance.RESTART_AND_CLAIM:
                world.restart(claims_first=True)
            case Disturbance.LOSE_LEASE:
                world.lose_lease()
            case Disturbance.RELOAD:
                world.reload()
            case Disturbance.RESCUE:
                world.rescue()
            case Disturbance.CANCEL_DELETED:
                world.cancel_deleted(2)
            case Disturbance.END_LOST if world.lost:
                world.settle_lost()
            case Disturbance.RETRY_DEAD if world.dead:
                some, world.dead = world.dead[:2], world.dead[2:]
                world.replace(*some, limit=PLENTY)
            case _:
                pass

    @invariant()
    def what_may_start_has_started(self) -> None:
        if self.drive is not None:
            self.drive.check()

    @invariant()
    def states_are_those_of_the_model(self) -> None:
        if self.drive is not None:
            self.drive.check_states()

    def teardown(self) -> None:
        """In the end everything comes to an end, unless something has gone wrong already."""
        has_failed = sys.exc_info()[0] is not None
        try:
            if self.drive is not None and not has_failed:
                self._let_all_go(self.drive)
                self._end_all(self.drive)
                self.drive.close()
        finally:
            self.folder.cleanup()

    def _let_all_go(self, drive: GateDrive) -> None:
        for queue in list(drive.model.queues):
            drive.set_paused(queue.project, queue.name, False)
        for owner, key in drive.model.keys:
            drive.steer(owner, key, steerings.RESUME)
        while drive.cancel_deleted(3):
            pass

    def _end_all(self, drive: GateDrive) -> None:
        for _ in range(MAX_ROUNDS):
            drive.catch_up()
            drive.check()
            if drive.active:
                drive.settle(*(Ending(message, OK) for message in drive.active.values()))
            elif not drive.model.items:
                break
            else:
                drive.wait(max(0, drive.watch.due_at - drive.now) or 500)
        drive.check_states()
        assert not drive.model.items


TestGates = Gates.TestCase
TestGates.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
