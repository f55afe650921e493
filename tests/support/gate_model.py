"""The gates of section 4 as plain lists: slow, simple, and written from the text alone.

It is told what happens, and objects to a start that was not allowed at that moment; `startable`
says what may start. It knows nothing of how a store works.
"""

from collections.abc import Container

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.types import MessageId, ProjectId
from tests.support.gate_parts import NEVER, Item, KeyModel, QueueModel, Stage

ANY = "any key"


class GateModel:
    """`host_bound` is never exceeded; with fewer than `host_floor` attempts a host has room."""

    def __init__(
        self,
        *,
        global_parallelism: int,
        host_bound: int,
        host_floor: int | None = None,
        is_strict: bool = False,
        now: int,
    ) -> None:
        self.is_strict = is_strict
        self.global_parallelism = global_parallelism
        self.host_bound = host_bound
        self.host_floor = host_bound if host_floor is None else host_floor
        self.now = now
        self.items: dict[MessageId, Item] = {}
        """Those that have not ended, or still hold a place."""
        self.ended: dict[MessageId, Item] = {}
        self.queues: list[QueueModel] = []
        self.keys: dict[tuple[ProjectId, str], KeyModel] = {}
        self._overtaken: list[tuple[Item, Item]] = []
        """Messages that started in this transaction, each with one whose turn it was."""
        self._in_line: set[MessageId] = set()
        """Messages that surely stood in a wait list when the last transaction was over."""
        self._at_hosts: set[MessageId] = set()
        """Those whose host was full then: of several hosts that open at once, any may go first."""

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
        held_by = self.held_by(item, of_host=self.host_bound)
        assert held_by is None, f"{id} started: {held_by}"
        self._overtaken += [
            (item, other) for other in self.startable() if self._is_before(other, item)
        ]
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
        item = self.find(id)
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

    def rest(self, *, placed: Container[MessageId] | None = None, is_idle: bool = True) -> None:
        """The transaction is over; `placed` says who has a place, should a store give them late.

        Only a store that has not looked at all that is due may be late.
        """
        self._check_turns()
        for item in self.items.values():
            if item.placed_at is None or item.stage is not Stage.WAITING:
                continue
            if placed is None or item.id in placed:
                item.placed_by = min(item.placed_by, self.now)
            else:
                assert not is_idle, f"{item.id} should have a place since {item.placed_at}"
                item.placed_at = None
        stand = {item.id for item in self.items.values() if self._stands_in_line(item)}
        self._in_line = stand if is_idle else stand & self._in_line
        self._at_hosts = {item.id for item in self.items.values() if self._is_host_full(item)}
        for item in list(self.items.values()):
            if item.stage is Stage.OVER and not item.holds_place:
                self.ended[item.id] = self.items.pop(item.id)

    def _check_turns(self) -> None:
        """Of one transaction only what comes of it counts: hosts may have been filled by others."""
        overtaken, self._overtaken = self._overtaken, []
        for item, other in overtaken:
            is_left = other.stage is Stage.WAITING and not self._is_host_full(other)
            assert not is_left, f"{item.id} started before {other.id}, whose turn it was"

    def _stands_in_line(self, item: Item) -> bool:
        """Whether one closed gate and no other holds it: its key, or without one the limit of all.

        `is_strict` wants the order of a wait list from all messages that may start, though they
        come from several gates in the same moment.
        """
        if not self.is_ready(item) or self._held_by_queue(item, self.now) is not None:
            return False
        if self._is_host_full(item):
            return False
        if item.key is None:
            return self._is_globally_full(item.project)
        is_held = self._held_by_key(item, self.now) is not None
        return is_held and not self._is_globally_full(item.project)

    # What there is.

    def find(self, id: MessageId) -> Item:
        return self.items.get(id) or self.ended[id]

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

    def open_attempts(self, project: ProjectId, key: str | None = ANY) -> list[Item]:
        items = self.items.values()
        found = [one for one in items if one.project == project and one.stage is Stage.ACTIVE]
        return [one for one in found if key is ANY or one.key == key]

    def lag(self, queue: QueueModel) -> int:
        return sum(item.stage is not Stage.OVER for item in self._of(queue))

    def wait_list(self, project: ProjectId, key: str | None) -> list[Item]:
        items = self.items.values()
        mine = (one for one in items if (one.project, one.key) == (project, key))
        return [one for one in mine if self.is_ready(one)]

    def crowded(self, project: ProjectId) -> list[Item]:
        """Messages without a key that only the global limit or their host holds (4.13)."""
        ready = self.wait_list(project, None)
        return [one for one in ready if self._held_by_queue(one, self.now) is None]

    def held_by(
        self, item: Item, at: int | None = None, *, of_host: int | None = None
    ) -> str | None:
        """The gate that holds a message, G1 to G6 in words; `None` when all are open."""
        now = self.now if at is None else at
        of_host = of_host or self.host_floor
        if item.stage is not Stage.WAITING:
            return f"it is {item.stage.value}"
        if now < item.due_at:
            return f"it is due at {item.due_at}, now is {now}"
        return (
            self._held_by_queue(item, now)
            or self._held_by_key(item, now)
            or self._crowded(item, of_host)
        )

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
        open_attempts = self.open_attempts(item.project, item.key)
        if key.parallelism is not None and len(open_attempts) >= key.parallelism:
            return f"its key has {len(open_attempts)} open attempts, may have {key.parallelism}"
        if key.rate is not None and key.starts_in_window(now) >= key.rate:
            return f"its key had {key.rate} starts until {key.window_end}"
        return None

    def _crowded(self, item: Item, of_host: int) -> str | None:
        if self._is_globally_full(item.project):
            return "the global limit is reached"
        return "its host is full" if self._is_host_full(item, of_host) else None

    def _is_host_full(self, item: Item, limit: int | None = None) -> bool:
        to_host = [one for one in self.open_attempts(item.project) if one.host == item.host]
        return len(to_host) >= (limit or self.host_floor)

    def _is_globally_full(self, project: ProjectId) -> bool:
        limit = self.global_parallelism
        return limit > 0 and len(self.open_attempts(project)) >= limit

    def _is_before(self, other: Item, item: Item) -> bool:
        """Whether a message that may start too has to start first (4.1)."""
        if (other.project, other.key) != (item.project, item.key) or other.latest >= item.earliest:
            return False
        is_strict = self.is_strict and item.key is not None and other.id not in self._at_hosts
        return is_strict or other.id in self._in_line

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
