"""What must hold of gates in every world at rest, by its log and by what destinations saw."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable

import msgspec

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.logs import LogState
from relaypost.domain.types import MessageId, ProjectId, UnixMs
from relaypost.store.base import Store
from relaypost.wire.ids import parse_message_id
from tests.support.destinations import Send
from tests.support.gated_workloads import FIXED, GONE, KEYS, QUEUES, SERIAL
from tests.support.gated_worlds import GatedWorld
from tests.support.invariants import (
    Life,
    Lives,
    check_attempts,
    check_dead_letters,
    check_histories,
    read_lives,
)
from tests.support.worlds import PROJECTS

END_OF_TIME = 1 << 62


async def check_gated(world: GatedWorld, *, kept_leases: bool) -> None:
    """Attempts under a lost lease repeat: then they may overlap for their destinations."""
    lives = {owner: await read_lives(world.node.store, owner) for owner in PROJECTS}
    sends = world.destinations.sends
    everything: Lives = {id: life for of_one in lives.values() for id, life in of_one.items()}
    check_histories(everything)
    check_attempts(everything, sends)
    for owner in PROJECTS:
        await check_dead_letters(world.node.store, lives[owner], owner)
        await check_nothing_is_open(world.node.store, owner, world.clock.now())
        check_rates(lives[owner])
    check_order(everything, sends)
    if kept_leases:
        check_overlaps(world, everything, sends)


async def check_nothing_is_open(store: Store, owner: ProjectId, now: UnixMs) -> None:
    keys = store.flow_control_keys
    assert await keys.open_attempts(owner) == 0
    statuses = [await keys.get(owner, key, now=now) for key in KEYS]
    statuses.append(await keys.keyless(owner))
    for status in statuses:
        assert status is None or (status.open_attempts, status.wait_list) == (0, 0)
    for name in QUEUES:
        queue = await store.queues.get(owner, name)
        assert queue is None or queue.lag == 0


def check_order(lives: Lives, sends: list[Send]) -> None:
    """A queue of parallelism 1 starts its messages by position, whatever befalls it (4.4)."""
    first: dict[MessageId, int] = {}
    for send in sends:
        first.setdefault(send.message, send.began)
    queues: defaultdict[tuple[ProjectId, str], list[Life]] = defaultdict(list)
    for id in first:
        message = lives[id].message
        if message.envelope.queue_name in (SERIAL, GONE):
            queues[message.project_id, message.envelope.queue_name].append(lives[id])
    for (_, name), of_queue in queues.items():
        in_order = sorted(of_queue, key=lambda life: (life.message.not_before, life.message.id))
        if name == GONE:  # deleted queues end: only those are compared that came to an end
            in_order = [life for life in in_order if not life.word.endswith("X")]
        begun = [first[life.message.id] for life in in_order]
        assert begun == sorted(begun), [life.message.id for life in in_order]


def check_rates(lives: Lives) -> None:
    for limits in FIXED:
        if limits.rate is not None:
            starts = [start for life in lives.values() for start in _starts(life, limits)]
            check_windows(sorted(starts), limits.rate, limits.period_s * 1000)


def check_windows(starts: list[int], rate: int, period_ms: int) -> None:
    """Fixed windows: the first start opens one, the first after its end the next (4.9)."""
    opened, count = -period_ms, 0
    for start in starts:
        if start >= opened + period_ms:
            opened, count = start, 0
        count += 1
        assert count <= rate, (opened, start)


def _starts(life: Life, limits: FlowControl) -> Iterable[int]:
    if life.message.envelope.flow_control == limits:
        for one in life.entries:
            if one.entry.state is LogState.ACTIVE:
                yield one.time


def check_overlaps(world: GatedWorld, lives: Lives, sends: list[Send]) -> None:
    """As destinations see it: no limit is exceeded, not for a moment."""
    for limits in FIXED:
        if limits.parallelism is not None:
            of_key = _groups(sends, lives, lambda life, key=limits.key: _key(life, key))  # type: ignore[misc]
            assert all(most_open(group) <= limits.parallelism for group in of_key.values())
    places = _groups(sends, lives, lambda life: serial_place(life, lives))
    for group in places.values():
        check_places(group, lives)
    if world.capacity.project:
        projects = _groups(sends, lives, lambda life: life.message.project_id)
        assert all(most_open(group) <= world.capacity.project for group in projects.values())


def check_places(sends: list[Send], lives: Lives) -> None:
    """All requests of a message and of its callbacks come before those of the next (4.4)."""
    turns: list[MessageId] = []
    for send in sorted(sends, key=lambda one: one.began):
        turn = parent_of(lives[send.message]) or send.message
        if not turns or turns[-1] != turn:
            turns.append(turn)
    assert len(turns) == len(set(turns)), "two messages of a queue took turns"


def serial_place(life: Life, lives: Lives) -> Hashable | None:
    """The queue of parallelism 1 in which a message, or the one that it reports on, stands."""
    parent = parent_of(life)
    message = (life if parent is None else lives.get(parent, life)).message
    if message.envelope.queue_name != SERIAL:
        return None
    return message.project_id


def parent_of(life: Life) -> MessageId | None:
    """The message that a callback reports on."""
    if not life.message.envelope.url.startswith("https://back.example/"):
        return None
    source = msgspec.json.decode(life.message.envelope.body)["sourceMessageId"]
    return parse_message_id(source)


def most_open(sends: list[Send]) -> int:
    """How many requests were open at once."""
    steps = [(send.began, 1) for send in sends]
    steps += [(send.ended or END_OF_TIME, -1) for send in sends]
    open_now = most = 0
    for _, change in sorted(steps):
        open_now += change
        most = max(most, open_now)
    return most


def _groups(
    sends: list[Send], lives: Lives, group_of: Callable[[Life], Hashable | None]
) -> dict[Hashable, list[Send]]:
    groups: defaultdict[Hashable, list[Send]] = defaultdict(list)
    for send in sends:
        group = group_of(lives[send.message])
        if group is not None:
            groups[group].append(send)
    return groups


def _key(life: Life, key: str) -> Hashable | None:
    flow_control = life.message.envelope.flow_control
    if flow_control is None or flow_control.key != key:
        return None
    return life.message.project_id
