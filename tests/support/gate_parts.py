"""What the model of the gates is made of: queues, flow-control keys, messages."""

import enum
from dataclasses import dataclass, field

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.types import MessageId, ProjectId

NEVER = 1 << 62


class Stage(enum.Enum):
    WAITING = "waiting"
    ACTIVE = "active"
    OVER = "over"


@dataclass(eq=False, kw_only=True)
class QueueModel:
    project: ProjectId
    name: str
    parallelism: int = 1
    is_paused: bool = False
    is_deleted: bool = False


@dataclass(eq=False, kw_only=True)
class KeyModel:
    """A flow-control key (4.9 and 4.11)."""

    parallelism: int | None = None
    rate: int | None = None
    period_ms: int = 1000
    pins_parallelism: bool = False
    pins_rate: bool = False
    is_paused: bool = False
    window_start: int = 0
    window_count: int = 0

    @property
    def window_end(self) -> int:
        return self.window_start + self.period_ms

    def starts_in_window(self, now: int) -> int:
        return self.window_count if now < self.window_end else 0

    def configure(self, by: FlowControl) -> None:
        if not self.pins_parallelism:
            self.parallelism = by.parallelism
        if not self.pins_rate:
            self.rate, self.period_ms = by.rate, by.period_s * 1000

    def pin(self, *, parallelism: int | None, rate: int | None, period_s: int, now: int) -> None:
        if parallelism is not None:
            self.parallelism, self.pins_parallelism = parallelism, True
        if rate is not None:
            self.rate, self.period_ms, self.pins_rate = rate, period_s * 1000, True
        self.reset(now)

    def unpin(self, *, parallelism: bool, rate: bool) -> None:
        self.pins_parallelism = self.pins_parallelism and not parallelism
        self.pins_rate = self.pins_rate and not rate

    def reset(self, now: int) -> None:
        self.window_start, self.window_count = now, 0

    def count_start(self, now: int) -> None:
        if self.rate is None:
            return
        if now >= self.window_end:
            self.window_start, self.window_count = now, 0
        self.window_count += 1


@dataclass(eq=False, kw_only=True)
class Item:
    """A message as far as gates are concerned."""

    id: MessageId
    project: ProjectId
    host: str
    key: str | None
    queue: QueueModel | None
    not_before: int
    due_at: int
    stage: Stage = Stage.WAITING
    is_cancel_asked: bool = False
    placed_at: int | None = None
    """When it took its place."""
    placed_by: int = NEVER
    """When a store that is late must have given it."""
    callbacks: list["Item"] = field(default_factory=list)
    callbacks_to_come: int = 0
    """Made in the transaction under way."""

    @property
    def holds_place(self) -> bool:
        if self.placed_at is None:
            return False
        is_reporting = any(one.stage is not Stage.OVER for one in self.callbacks)
        return self.stage is not Stage.OVER or self.callbacks_to_come > 0 or is_reporting

    @property
    def earliest(self) -> tuple[int, int]:
        """Its turn in a wait list: ready time and acceptance."""
        return max(self.due_at, self.placed_at or 0), self.id

    @property
    def latest(self) -> tuple[int, int]:
        return max(self.due_at, 0 if self.queue is None else self.placed_by), self.id
