"""The gates of section 4 as plain lists: slow, simple, and written from the text alone.

It is told what happens, and objects to a start that was not allowed at that moment; `startable`
says what may start. It knows nothing of how a store works.
"""

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


class GateModel:
    def __init__(self, *, global_parallelism: int, host_bound: int, now: int) -> None:
        self.global_parallelism = global_parallelism
        self.host_bound = host_bound
        self.now = now
        self.items: dict[MessageId, Item] = {}
        self.queues: list[QueueModel] = []
        self.keys: dict[tuple[ProjectId, str], KeyModel] = {}
        self._held_globally: set[MessageId] = set()
        """Ready messages without a key that the global limit held when all was last at rest."""

    # What happens.

    def advance(self, now: int) -> None:
        assert now >= self.now
        self.now = now
        for queue in self.queues:
            for item in self._next_in(queue, now):
                item.placed_at = item.not_before  # the place was free when it fell due

    def accept(
        self,
        id: MessageId,
        project: ProjectId,
        *,
        host: str,
        not_before: int,
        queue_name: str | None = None,
        flow_control: FlowControl | None = None,
        of: MessageId | None = None,
    ) -> None:
        """A new message; `of` is the one that it reports on."""
        queue = None if queue_name is None else self.queue(project, queue_name)
        if queue_name is not None and queue is None:
            queue = self.make_queue(project, queue_name)
        key = None if flow_control is None else flow_control.key
        if flow_control is not None:
            self.make_key(project, flow_control.key).configure(flow_control)
        item = self.items[id] = Item(
            id=id,
            project=project,
            host=host,
            key=key,
            queue=queue,
            not_before=not_before,
            due_at=not_before,
        )
        if of is not None:
            self.items[of].callbacks.append(item)
            self.items[of].callbacks_to_come -= 1
        self._give_places()

    def start(self, id: MessageId) -> None:
        """An attempt starts: was it allowed to, and was it its turn?"""
        item = self.items[id]
        held_by = self.held_by(item)
        assert held_by is None, f"{id} started: {held_by}"
        for other in self.startable():
            if self._is_before(other, item):
                raise AssertionError(f"{id} started before {other.id}, whose turn it was")
        item.stage = Stage.ACTIVE
        if item.key is not None:
            self.keys[item.project, item.key].count_start(self.now)

    def end(self, id: MessageId, *, retry_at: int | None = None, callbacks: int = 0) -> None:
        """An attempt ends; without a retry it was the last. A cancel that was asked for counts."""
        item = self.items[id]
        assert item.stage is Stage.ACTIVE
        if retry_at is None or item.is_cancel_asked:
            item.stage = Stage.OVER
        else:
            item.stage, item.due_at = Stage.WAITING, retry_at
        item.callbacks_to_come += callbacks
        self._give_places()

    def cut(self, id: MessageId) -> None:
        """An attempt is lost with its process or its lease."""
        item = self.items[id]
        assert item.stage is Stage.ACTIVE
        item.stage = Stage.OVER if item.is_cancel_asked else Stage.WAITING
        self._give_places()

    def cancel(self, id: MessageId) -> bool:
        item = self.items[id]
        if item.stage is Stage.OVER or item.is_cancel_asked:
            return False
        if item.stage is Stage.ACTIVE:
            item.is_cancel_asked = True
        else:
            item.stage = Stage.OVER
        self._give_places()
        return True

    def put_queue(
        self, project: ProjectId, name: str, *, parallelism: int | None, is_paused: bool | None
    ) -> None:
        queue = self.queue(project, name) or self.make_queue(project, name)
        if parallelism is not None:
            queue.parallelism = parallelism
        if is_paused is not None:
            queue.is_paused = is_paused
        self._give_places()

    def delete_queue(self, project: ProjectId, name: str) -> None:
        queue = self.queue(project, name)
        if queue is None:
            return
        for item in self._of(queue):
            self.cancel(item.id)
        queue.is_deleted = True

    def rest(self, *, is_idle: bool) -> None:
        """The transaction is over; idle is a store that has started all that it could."""
        for item in self.items.values():
            if is_idle and item.placed_at is not None and item.placed_by == NEVER:
                item.placed_by = self.now
        self._held_globally = {
            item.id
            for item in self.items.values()
            if self.is_ready(item) and item.key is None and self._is_globally_full(item.project)
        }

    # What there is.

    def queue(self, project: ProjectId, name: str) -> QueueModel | None:
        for queue in self.queues:
            if (queue.project, queue.name) == (project, name) and not queue.is_deleted:
                return queue
        return None

    def make_queue(self, project: ProjectId, name: str) -> QueueModel:
        self.queues.append(QueueModel(project=project, name=name))
        return self.queues[-1]

    def make_key(self, project: ProjectId, key: str) -> KeyModel:
        return self.keys.setdefault((project, key), KeyModel())

    def startable(self, at: int | None = None) -> list[Item]:
        """What may start now, or at a later time if nothing else happens."""
        return [item for item in self.items.values() if self.held_by(item, at) is None]

    def next_start(self) -> int:
        """When, if nothing else happens, a message may start."""
        times = {item.due_at for item in self.items.values()}
        times |= {key.window_end for key in self.keys.values()}
        if self.startable():
            return self.now
        later = sorted(time for time in times if time > self.now)
        return next((time for time in later if self.startable(time)), NEVER)

    def is_ready(self, item: Item) -> bool:
        """Whether it belongs to a wait list (4.10)."""
        is_placed = item.queue is None or item.placed_at is not None
        return item.stage is Stage.WAITING and item.due_at <= self.now and is_placed

    def open_attempts(self, project: ProjectId) -> list[Item]:
        items = self.items.values()
        return [one for one in items if one.project == project and one.stage is Stage.ACTIVE]

    def lag(self, queue: QueueModel) -> int:
        return sum(item.stage is not Stage.OVER for item in self._of(queue))

    def wait_list(self, project: ProjectId, key: str | None) -> list[Item]:
        items = self.items.values()
        mine = (one for one in items if one.project == project and one.key == key)
        return [one for one in mine if self.is_ready(one)]

    def held_by(self, item: Item, at: int | None = None) -> str | None:
        """The gate that holds a message, G1 to G6 in words; `None` when all are open."""
        now = self.now if at is None else at
        if item.stage is not Stage.WAITING:
            return f"it is {item.stage.value}"
        if now < item.due_at:
            return f"it is due at {item.due_at}, now is {now}"
        return self._held_by_queue(item, now) or self._held_by_key(item, now) or self._crowded(item)

    def _held_by_queue(self, item: Item, now: int) -> str | None:
        queue = item.queue
        if queue is None:
            return None
        if queue.is_deleted or queue.is_paused:
            return f"its queue is {'deleted' if queue.is_deleted else 'paused'}"
        if item.placed_at is None and item not in self._next_in(queue, now):
            return "it has no place in its queue"
        return None

    def _held_by_key(self, item: Item, now: int) -> str | None:
        if item.key is None:
            return None
        key = self.keys[item.project, item.key]
        if key.is_paused:
            return "its key is paused"
        open_attempts = [one for one in self.open_attempts(item.project) if one.key == item.key]
        if key.parallelism is not None and len(open_attempts) >= key.parallelism:
            return f"its key has {len(open_attempts)} open attempts, may have {key.parallelism}"
        if key.rate is not None and key.starts_in_window(now) >= key.rate:
            return f"its key had {key.rate} starts until {key.window_end}"
        return None

    def _crowded(self, item: Item) -> str | None:
        if self._is_globally_full(item.project):
            return "the global limit is reached"
        of_host = [one for one in self.open_attempts(item.project) if one.host == item.host]
        return "its host is full" if len(of_host) >= self.host_bound else None

    def _is_globally_full(self, project: ProjectId) -> bool:
        limit = self.global_parallelism
        return limit > 0 and len(self.open_attempts(project)) >= limit

    def _is_before(self, other: Item, item: Item) -> bool:
        """Whether a message that may start too has to start first (4.1)."""
        if (other.project, other.key) != (item.project, item.key) or other.latest >= item.earliest:
            return False
        return item.key is not None or other.id in self._held_globally

    def _of(self, queue: QueueModel) -> list[Item]:
        return [item for item in self.items.values() if item.queue is queue]

    def _next_in(self, queue: QueueModel, now: int) -> list[Item]:
        """Those that take the free places of a queue (4.4)."""
        if queue.is_paused or queue.is_deleted:
            return []
        items = self._of(queue)
        free = queue.parallelism - sum(item.holds_place for item in items)
        due = [
            item
            for item in items
            if item.placed_at is None and item.stage is Stage.WAITING and item.not_before <= now
        ]
        return sorted(due, key=lambda item: (item.not_before, item.id))[: max(0, free)]

    def _give_places(self) -> None:
        for queue in self.queues:
            for item in self._next_in(queue, self.now):
                item.placed_at = self.now
