"""What must hold of every world once it has come to rest."""

import itertools
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import msgspec

from relaypost.domain.filters import Filter, Page
from relaypost.domain.gates import Capacity
from relaypost.domain.logs import LogEntry, LogState
from relaypost.domain.messages import Message, Publication
from relaypost.domain.types import MessageId, ProjectId, UnixMs
from relaypost.store.base import Store
from relaypost.wire.ids import dead_letter_text, message_text
from tests.support.destinations import Send
from tests.support.messages import PROJECT
from tests.support.workloads import DONE_URL, FAILED_URL
from tests.support.worlds import EVERYTHING, World

LETTERS = dict(zip(LogState, "CAREDFQX", strict=True))
LEGAL = re.compile(r"C(?:A+ER)*(?:A+(?:EF|D|QD|QEX)|A*QX)")
"""A lost lease writes nothing: the message just becomes ACTIVE again."""

EVER = UnixMs(0)
OLDEST_FIRST = Page(count=EVERYTHING, latest_first=False)


@dataclass(frozen=True, slots=True)
class Life:
    """One message as the log tells it."""

    message: Message
    entries: list[LogEntry]

    @property
    def word(self) -> str:
        return "".join(LETTERS[entry.entry.state] for entry in self.entries)

    @property
    def attempts(self) -> int:
        """Attempts that count: cut ones do not."""
        return self.word.count("E") + self.word.count("D")

    @property
    def reported(self) -> int:
        """Attempts that a callback reports: not those that a cancel overtook."""
        return self.attempts - self.word.endswith("EX")

    def due_at(self, retried: int) -> UnixMs:
        if not retried:
            return self.message.not_before
        retries = [one.entry for one in self.entries if one.entry.state is LogState.RETRY]
        due_at = retries[retried - 1].next_delivery_at
        assert due_at is not None
        return due_at


Lives = dict[MessageId, Life]


async def read_lives(store: Store, owner: ProjectId = PROJECT) -> Lives:
    found = await store.logs.entries(owner, Filter(), OLDEST_FIRST, since=EVER)
    assert found.next is None
    sequences = [entry.sequence for entry in found.items]
    assert all(earlier < later for earlier, later in itertools.pairwise(sequences))
    entries: defaultdict[MessageId, list[LogEntry]] = defaultdict(list)
    for entry in found.items:
        entries[entry.message.id].append(entry)
    return {id: Life(of_one[0].message, of_one) for id, of_one in entries.items()}


async def check(world: World, *, kept_leases: bool = True) -> Lives:
    """Hold a world at rest against everything that was promised.

    Attempts under a lost lease repeat: then they may overlap, and be more than a gate lets through.
    """
    lives = await read_lives(world.node.store)
    sends = world.destinations.sends
    check_histories(lives)
    check_attempts(lives, sends)
    check_callbacks(lives, set(world.answers.accepted), world.answers.unanswered)
    if kept_leases:
        check_cancels(world)
    await check_dead_letters(world.node.store, lives)
    if kept_leases:
        check_limits(world, world.capacity)
    return lives


def check_histories(lives: Lives) -> None:
    for life in lives.values():
        assert LEGAL.fullmatch(life.word), (life.word, life.message)
        assert life.attempts <= 1 + life.message.envelope.max_retries, life


def check_attempts(lives: Lives, sends: list[Send]) -> None:
    answered: defaultdict[MessageId, set[int]] = defaultdict(set)
    for send in sends:
        assert send.started_at >= lives[send.message].due_at(send.retried), send
        if send.status is not None:
            answered[send.message].add(send.retried)
    for id, life in lives.items():
        assert answered[id] >= set(range(life.attempts)), life


def check_callbacks(lives: Lives, accepted: set[MessageId], unanswered: list[Publication]) -> None:
    """One for each attempt and one for each failure that asked for it; and nothing else lives."""
    done: Counter[tuple[str, int]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    made = lives.keys() - accepted
    for id in made:
        envelope = lives[id].message.envelope
        if envelope.url not in (DONE_URL, FAILED_URL):
            assert any(envelope == new.envelope for one in unanswered for new in one.messages)
            continue
        body: dict[str, Any] = msgspec.json.decode(envelope.body)
        if envelope.url == DONE_URL:
            done[body["sourceMessageId"], body.get("retried", 0)] += 1
        else:
            failed[body["sourceMessageId"], body["dlqId"]] += 1
    assert accepted <= lives.keys()
    assert done == _reports(lives)
    assert failed == _failure_reports(lives)


def _reports(lives: Lives) -> Counter[tuple[str, int]]:
    return Counter(
        (message_text(id), retried)
        for id, life in lives.items()
        if life.message.envelope.callback
        for retried in range(life.reported)
    )


def _failure_reports(lives: Lives) -> Counter[tuple[str, str]]:
    reports: Counter[tuple[str, str]] = Counter()
    for id, life in lives.items():
        if life.word.endswith("F") and life.message.envelope.failure_callback:
            dead_letter = life.entries[-1].dead_letter_id
            assert dead_letter is not None
            reports[message_text(id), dead_letter_text(dead_letter)] += 1
    return reports


def check_cancels(world: World) -> None:
    for canceled in world.answers.canceled:
        later = world.destinations.sends[canceled.sends :]
        assert all(send.message != canceled.message for send in later), canceled


async def check_dead_letters(store: Store, lives: Lives, owner: ProjectId = PROJECT) -> None:
    found = await store.dead_letters.select(owner, Filter(), OLDEST_FIRST, since=EVER)
    buried = Counter(dead_letter.message.id for dead_letter in found.items)
    assert buried == Counter(id for id, life in lives.items() if life.word.endswith("F"))


def check_limits(world: World, capacity: Capacity) -> None:
    destinations = world.destinations
    assert not destinations.overlaps
    assert not destinations.open.total()
    assert max(destinations.most_open.values(), default=0) <= capacity.host
    limit = min(capacity.node, capacity.project or capacity.node)
    assert destinations.most_open_in_all <= limit
