"""What must hold of a simulated world when all its messages have ended."""

import itertools
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass

from relaypost.domain.filters import Filter, Page
from relaypost.domain.logs import LogEntry, LogState
from relaypost.domain.messages import Message
from relaypost.domain.types import MessageId, UnixMs
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.dead_letters import list_dead_letters
from relaypost.store.sqlite.logs import list_entries
from relaypost.wire.ids import dead_letter_text, parse_message_id
from tests.support.worlds import PROJECTS, World

EVER = UnixMs(0)
ALL = Page(count=1_000_000, latest_first=False)

LETTERS = {
    LogState.CREATED: "C",
    LogState.ACTIVE: "A",
    LogState.ERROR: "E",
    LogState.RETRY: "R",
    LogState.DELIVERED: "D",
    LogState.FAILED: "F",
    LogState.CANCEL_REQUESTED: "Q",
    LogState.CANCELED: "X",
}

LEGAL = re.compile("C(A+ER)*(A+(D|EF|QD|QEX|QX)|QX)")
"""The entries of one message (section 3.15); attempts that were cut off are repeated."""

REPORTED = re.compile("E(?!X)|D")
"""Entries of attempts that are reported: counted, and not failed after a cancel (3.12)."""


@dataclass(slots=True)
class Life:
    """One message with all its entries."""

    message: Message
    entries: list[LogEntry]

    @property
    def story(self) -> str:
        return "".join(LETTERS[entry.entry.state] for entry in self.entries)


class Truths:
    def __init__(self, world: World) -> None:
        self.world = world
        self.lives: dict[MessageId, Life] = {}
        self.dead_letters: dict[MessageId, str] = {}
        for owner in PROJECTS:
            self._read(world, owner)

    def _read(self, world: World, owner: int) -> None:
        entries = list_entries(world.connection, owner, Filter(), ALL, since=EVER)  # type: ignore[arg-type]
        assert entries.next is None
        for entry in entries.items:
            life = self.lives.setdefault(entry.message.id, Life(entry.message, []))
            life.entries.append(entry)
        dead = list_dead_letters(world.connection, owner, Filter(), ALL, since=EVER)  # type: ignore[arg-type]
        for letter in dead.items:
            assert letter.message.id not in self.dead_letters
            self.dead_letters[letter.message.id] = dead_letter_text(letter.id)

    def check(self) -> None:
        self.check_stories()
        self.check_nothing_acknowledged_is_lost()
        self.check_deduplication()
        self.check_attempts()
        self.check_overlaps()
        self.check_dead_letters()
        self.check_callbacks()
        self.check_nothing_is_left()

    def check_stories(self) -> None:
        """Terminal once, entries in legal order, numbers that increase, attempts within bounds."""
        for life in self.lives.values():
            assert LEGAL.fullmatch(life.story), (life.message.id, life.story)
            numbers = [entry.sequence for entry in life.entries]
            assert numbers == sorted(set(numbers)), life.story
            counted = life.story.count("E") + life.story.count("D")
            assert counted <= 1 + life.message.envelope.max_retries, life.story

    def check_nothing_acknowledged_is_lost(self) -> None:
        for answer in self.world.acknowledged:
            for asked, ids, duplicate in zip(
                answer.publications, answer.ids, answer.duplicates, strict=True
            ):
                assert all(id in self.lives for id in ids)
                if not duplicate:
                    found = [self.lives[id].message.envelope for id in ids]
                    assert found == [new.envelope for new in asked.messages]

    def check_deduplication(self) -> None:
        """Within a window one publication for a key; its duplicates name its messages."""
        made: dict[tuple[int, bytes], list[list[MessageId]]] = defaultdict(list)
        named: list[tuple[tuple[int, bytes], list[MessageId]]] = []
        for answer in self.world.acknowledged:
            for asked, ids, duplicate in zip(
                answer.publications, answer.ids, answer.duplicates, strict=True
            ):
                if asked.deduplication is None:
                    continue
                key = (asked.messages[0].project_id, asked.deduplication.key)
                if duplicate:
                    named.append((key, ids))
                else:
                    made[key].append(ids)
        for publications in made.values():
            times = sorted(self.lives[ids[0]].message.created_at for ids in publications)
            gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
            assert all(gap >= 10_000 for gap in gaps)
        for owner_and_key, ids in named:
            # The first may have got no answer, because its node was killed or its caller left.
            is_known = ids in made[owner_and_key]
            owners = {self.lives[id].message.project_id for id in ids}
            assert is_known or owners == {owner_and_key[0]}

    def check_attempts(self) -> None:
        """Nothing starts before its time or after its end; retries count up one by one."""
        for id, life in self.lives.items():
            sent = self.world.ledger.of(id)
            assert len(sent) <= life.story.count("A")
            retried = [one.retried for one in sent]
            assert retried == sorted(retried), (id, retried)
            if sent:
                assert sent[-1].retried <= life.message.envelope.max_retries
                assert sent[0].started_at >= life.message.not_before
                assert sent[-1].started_at <= life.entries[-1].time
            due = {
                number: entry.entry.next_delivery_at
                for number, entry in enumerate(
                    (one for one in life.entries if one.entry.state is LogState.RETRY), start=1
                )
            }
            for one in sent:
                assert one.started_at >= (due.get(one.retried) or 0), (id, one, due)

    def check_overlaps(self) -> None:
        """Attempts of one message never overlap, unless its lease was lost meanwhile."""
        lost = self.world.leases_lost_at
        for id in self.lives:
            for before, after in itertools.pairwise(self.world.ledger.of(id)):
                if before.ended_at is not None and before.ended_at > after.started_at:
                    assert any(before.started_at <= at <= after.started_at for at in lost), id

    def check_dead_letters(self) -> None:
        failed = {id for id, life in self.lives.items() if life.story.endswith("F")}
        assert set(self.dead_letters) == failed

    def check_callbacks(self) -> None:
        """One for each counted attempt, one of failure for each dead letter, none beside."""
        reports: dict[MessageId, list[dict[str, object]]] = defaultdict(list)
        for life in self.lives.values():
            if life.message.envelope.url == "https://back/":
                body = json.loads(life.message.envelope.body)
                source = parse_message_id(body["sourceMessageId"])
                assert source is not None
                reports[source].append(body)
        assert set(reports) <= set(self.lives)
        for id, life in self.lives.items():
            envelope = life.message.envelope
            ordinary = Counter(one["retried"] for one in reports[id] if "dlqId" not in one)
            counted = len(REPORTED.findall(life.story)) if envelope.callback else 0
            assert ordinary == Counter(range(counted)), (id, life.story)
            failures = [one["dlqId"] for one in reports[id] if "dlqId" in one]
            is_due = envelope.failure_callback is not None and id in self.dead_letters
            assert failures == ([self.dead_letters[id]] if is_due else []), (id, life.story)

    def check_nothing_is_left(self) -> None:
        """Slots and counts are back where they were."""
        node = self.world.node
        gates = node.database._transaction.gates
        assert gates._open == {}
        assert gates._hosts == {}
        assert node.engine.intake._slots.free == self.world.weather.max_open_attempts
        assert self.world.ledger.open == {}
        rows = select(self.world.connection, "SELECT count(*) FROM messages WHERE state < 2")
        assert rows == [(0,)]
