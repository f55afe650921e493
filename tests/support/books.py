"""A store as its suite uses it: one lease, one clock, and short words for what the engine does."""

from relaypost.domain.filters import Filter, Page
from relaypost.domain.lifecycle import Settlement
from relaypost.domain.logs import LogEntry, LogState
from relaypost.domain.messages import Message, NewMessage, Publication, State
from relaypost.domain.types import LeaseId, MessageId, ProjectId, UnixMs
from relaypost.store.base import Accepted, Claim, Claimed, Settled, Store
from tests.support.clocks import FakeClock
from tests.support.messages import PROJECT, project, publication

LEASE_MS = 30_000
PLENTY = 10_000
MANY_BYTES = 1 << 40
NO_FILTER = Filter()
EVER = UnixMs(0)


class Book:
    def __init__(self, store: Store, clock: FakeClock, lease: LeaseId) -> None:
        self.store = store
        self.messages = store.messages
        self.clock = clock
        self.lease = lease

    @classmethod
    async def open(cls, store: Store, *, clock: FakeClock | None = None) -> "Book":
        clock = clock or FakeClock()
        await store.projects.add(project(PROJECT), [])
        lease = await store.messages.take_lease(until=UnixMs(clock.now() + LEASE_MS))
        return cls(store, clock, lease)

    def offer(
        self, limit: int = PLENTY, *, bytes: int = MANY_BYTES, lease: LeaseId | None = None
    ) -> Claim:
        return Claim(lease=lease or self.lease, limit=limit, bytes=bytes)

    async def add(self, *asked: Publication | NewMessage, claim: Claim | None = None) -> Accepted:
        publications = [publication(one) if isinstance(one, NewMessage) else one for one in asked]
        return await self.messages.add(publications, claim=claim, now=self.clock.now())

    async def start(self, *asked: NewMessage) -> list[Message]:
        """Add messages that are due and whose gates are open."""
        accepted = await self.add(*asked, claim=self.offer())
        assert len(accepted.claimed) == len(asked)
        return accepted.claimed

    async def claim(self, limit: int = PLENTY, *, bytes: int = MANY_BYTES) -> Claimed:
        return await self.messages.claim(self.offer(limit, bytes=bytes), now=self.clock.now())

    async def settle(
        self, *settlements: Settlement, limit: int = PLENTY, lease: LeaseId | None = None
    ) -> Settled:
        return await self.messages.settle(
            settlements, claim=self.offer(limit, lease=lease), now=self.clock.now()
        )

    async def get(self, id: MessageId) -> Message:
        (found,) = await self.messages.get(PROJECT, [id])
        return found

    async def state(self, id: MessageId) -> State:
        return (await self.get(id)).state

    async def cancel(self, *ids: MessageId) -> list[bool]:
        return (await self.messages.cancel(PROJECT, ids, now=self.clock.now())).applied

    async def entries(self, *ids: MessageId, owner: ProjectId = PROJECT) -> list[LogEntry]:
        """The log, oldest first, of some messages or of all."""
        which = Filter(message_ids=ids) if ids else NO_FILTER
        page = Page(count=PLENTY, latest_first=False)
        return (await self.store.logs.entries(owner, which, page, since=EVER)).items

    async def history(self, id: MessageId) -> list[LogState]:
        return [entry.entry.state for entry in await self.entries(id)]

    async def dead_letters(self) -> list[MessageId]:
        page = Page(count=PLENTY, latest_first=False)
        found = await self.store.dead_letters.select(PROJECT, NO_FILTER, page, since=EVER)
        return [dead_letter.message.id for dead_letter in found.items]


def ids(messages: list[Message]) -> list[MessageId]:
    return [message.id for message in messages]
