"""What a store promises. It remembers and locks; the domain decides.

1. A method is one transaction, durable when it returns.
2. A method that changes state takes a batch and answers in the same order.
3. Time comes in as `now`.
4. A lost race is an answer, not an exception. The only exception is `StoreUnavailable`.
5. Every read and write is bound to a project, except what the engine does for all.
6. What a commit has handed out is never lost: a method that takes a `Claim` outlasts the
   cancellation of its caller, who gets the answer and is cancelled at the next `await`.

The suite in `tests/store` is the definition of these protocols.
"""

from collections.abc import Callable, Collection, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from relaypost.domain.dead_letters import DeadLetter
from relaypost.domain.filters import Filter, Page
from relaypost.domain.flow_control import KeyStatus, Pace
from relaypost.domain.lifecycle import Settlement
from relaypost.domain.limits import Limits
from relaypost.domain.logs import LogEntry
from relaypost.domain.messages import Envelope, Message, NewMessage, Publication, Published
from relaypost.domain.projects import Project, SigningKeys
from relaypost.domain.queues import Queue
from relaypost.domain.rate_limits import RateLimit
from relaypost.domain.retention import Horizon
from relaypost.domain.schedules import MakeRun, NewSchedule, NextTick, Schedule
from relaypost.domain.tokens import Token
from relaypost.domain.types import (
    DeadLetterId,
    Headers,
    LeaseId,
    MessageId,
    ProjectId,
    Sequence,
    UnixMs,
)
from relaypost.domain.url_groups import Endpoint, EndpointFilter, Excess, UrlGroup

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a node may take with one call: so many messages, with bodies of so many bytes in all."""

    lease: LeaseId
    limit: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Accepted:
    published: list[Published]
    claimed: list[Message]
    """Those of the new messages that are ACTIVE at once, held by the claim's lease."""
    next_due_at: UnixMs | None
    """When the dispatcher has something to claim, by what is known from this."""
    refused: int | None = None
    """Of which publication, or dead letter, the queue would be one too many; nothing was done."""
    exceeded: RateLimit | None = None
    """The daily limit that had no room for them: nothing was accepted."""


@dataclass(frozen=True, slots=True)
class Claimed:
    messages: list[Message]
    more: bool
    """Whether further messages are due now."""
    next_due_at: UnixMs | None
    """When the next one falls due or a gate opens by itself; `None` when none will, or `more`."""


@dataclass(frozen=True, slots=True)
class Settled:
    applied: list[bool]
    """False where the lease was lost: nothing of that settlement was written."""
    claimed: list[Message]
    """Parked messages that found room in the gates which these settlements opened."""
    next_due_at: UnixMs | None
    """When the dispatcher has something to claim, by what is known from this."""


@dataclass(frozen=True, slots=True)
class Rescued:
    count: int
    """How many messages were given back, or ended."""
    next_due_at: UnixMs | None
    """When the dispatcher has something to claim, by what is known from this."""


@dataclass(frozen=True, slots=True)
class Canceled:
    applied: list[bool]
    next_due_at: UnixMs | None
    """When the dispatcher has something to claim: the places of those are free."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of a change that may open gates."""

    applied: bool
    next_due_at: UnixMs | None
    """When the dispatcher has something to claim, by what is known from this."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What came of a change to a schedule."""

    id: str | None
    """`None` when nothing was changed: over the limit, or not there."""
    is_duplicate: bool = False
    next_tick_at: UnixMs | None = None
    """A tick that may be earlier than all others."""


@dataclass(frozen=True, slots=True)
class Fired:
    published: list[Published]
    """What the runs made, one element for each tick that was met."""
    claimed: list[Message]
    """As of `Accepted`."""
    next_due_at: UnixMs | None
    next_tick_at: UnixMs | None
    """The earliest tick that is not met; now past when there are more than were asked for."""
    failed: int
    """How many runs made no messages because of an error."""


@dataclass(frozen=True, slots=True)
class Retimed:
    last: int | None
    """Where to go on; `None` at the end."""
    next_tick_at: UnixMs | None
    """The earliest of the ticks that were changed."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    items: list[T]
    next: Sequence | None
    """Where the next page goes on; `None` when there is nothing further."""


class Messages(Protocol):
    async def add(
        self,
        publications: Items[Publication],
        *,
        claim: Claim | None,
        max_queues: int = 0,
        now: UnixMs,
        daily_limit: int = 0,
    ) -> Accepted:
        """Accept all publications or none; one whose deduplication key is taken makes nothing.

        With a daily limit they are of one project, and none is accepted when their new messages
        would be more than the project may make in this day of UTC.

        With a claim, messages that are due at once and pass all their gates are stored ACTIVE;
        one that meets a closed gate is parked there. A queue that is missing is made, unless it
        would be one more than `max_queues`; 0 is no limit.
        """
        ...

    async def claim(self, claim: Claim, *, now: UnixMs) -> Claimed:
        """Take due messages in the order of their due times and hold them by the claim's lease.

        A message is eligible when it is WAITING, `due_at <= now`, and it is not parked. One that
        meets a closed gate is parked there and is not looked at again until the gate has room.
        """
        ...

    async def settle(self, settlements: Items[Settlement], *, claim: Claim, now: UnixMs) -> Settled:
        """Apply each settlement if the claim's lease still holds its message.

        With the transition go its log entries, callbacks and dead letter. Slots are freed, and the
        place of a queue when the callbacks have ended too. A gate that so opens lets go as many
        parked messages as it has room for, in the order in which they were ready.
        """
        ...

    async def take_lease(self, *, until: UnixMs) -> LeaseId:
        """A new lease. Its id was never used before: what was lost with another stays lost.

        A claim by a lost lease takes nothing: its messages wait as without a claim.
        """
        ...

    async def renew(self, lease: LeaseId, *, until: UnixMs) -> bool:
        """Prolong a lease; `False` when a rescue found it run out: then it is lost for good."""
        ...

    async def rescue(self, limit: int, *, now: UnixMs) -> Rescued:
        """Give back messages whose lease has run out: due at once, or CANCELED if asked for."""
        ...

    async def get(self, project: ProjectId, ids: Items[MessageId]) -> list[Message]:
        """The messages of the project among `ids`, in the order of `ids`."""
        ...

    async def ended_at(self, project: ProjectId, message: MessageId) -> UnixMs | None:
        """When the message became terminal; `None` while it is not, or when it is unknown."""
        ...

    async def matching(
        self, project: ProjectId, which: Filter, *, oldest: int | None
    ) -> list[MessageId]:
        """The messages that a cancel would record: not terminal, no cancel asked; oldest first."""
        ...

    async def cancel(self, project: ProjectId, ids: Items[MessageId], *, now: UnixMs) -> Canceled:
        """Cancel each at once, or, while its attempt is open, record the request."""
        ...


class Logs(Protocol):
    async def entries(
        self, project: ProjectId, which: Filter, page: Page, *, since: UnixMs
    ) -> Listing[LogEntry]:
        """Entries with `time >= since`, by sequence; bounded work, so a page may be short."""
        ...

    async def histories(
        self, project: ProjectId, which: Filter, page: Page, *, since: UnixMs
    ) -> Listing[list[LogEntry]]:
        """The entries of whole messages, oldest first in each; `which.states` means the newest."""
        ...


class DeadLetters(Protocol):
    """What entered before `since` has expired, and is not there."""

    async def select(
        self, project: ProjectId, which: Filter, page: Page, *, since: UnixMs
    ) -> Listing[DeadLetter]:
        """By id; bounded work, so a page may be short, unless ids are named."""
        ...

    async def matching(
        self, project: ProjectId, which: Filter, page: Page, *, since: UnixMs
    ) -> Listing[DeadLetterId]:
        """The ids of those that `select` would answer."""
        ...

    async def delete(
        self, project: ProjectId, ids: Items[DeadLetterId], *, since: UnixMs
    ) -> list[bool]: ...

    async def replace(
        self,
        project: ProjectId,
        ids: Items[DeadLetterId],
        *,
        bring_back: Callable[[Envelope], NewMessage],
        all_or_none: bool,
        since: UnixMs,
        claim: Claim | None,
        max_queues: int = 0,
        now: UnixMs,
        daily_limit: int = 0,
    ) -> Accepted:
        """Turn dead letters into the new messages that `bring_back` makes of their envelopes.

        `published` has an element for each id, without messages for one that is not there; with
        `all_or_none`, one that is not there leaves all others as they are. `bring_back` is pure.
        The daily limit is that of `Messages.add`.
        """
        ...


class Queues(Protocol):
    """Queues by name; one that is deleted is not there any more, whatever is left to cancel."""

    async def all(self, project: ProjectId) -> list[Queue]:
        """By name."""
        ...

    async def get(self, project: ProjectId, name: str) -> Queue | None: ...

    async def put(
        self,
        project: ProjectId,
        name: str,
        *,
        parallelism: int | None,
        is_paused: bool | None,
        max_queues: int,
        now: UnixMs,
    ) -> Changed:
        """Create or update. `None` leaves a value as it is, or gives a new queue its default.

        Nothing is applied when it would be one queue more than `max_queues`, unless that is 0.
        """
        ...

    async def set_paused(
        self, project: ProjectId, name: str, is_paused: bool, *, now: UnixMs
    ) -> Changed:
        """After a pause no attempt starts. Nothing is applied when there is no such queue."""
        ...

    async def delete(self, project: ProjectId, name: str) -> bool:
        """Forget a queue; from now on nothing of it starts. `cancel_deleted` ends its messages."""
        ...

    async def cancel_deleted(
        self, limit: int, *, named: tuple[ProjectId, str] | None = None, now: UnixMs
    ) -> Changed:
        """Cancel about `limit` messages of deleted queues; applied while there may be more.

        With `named`, only of those that had this name in this project.
        """
        ...


class FlowControlKeys(Protocol):
    async def select(
        self, project: ProjectId, *, containing: str, limit: int, now: UnixMs
    ) -> list[KeyStatus]:
        """Keys that contain a text, in any letter case, by key."""
        ...

    async def get(self, project: ProjectId, key: str, *, now: UnixMs) -> KeyStatus | None: ...

    async def keyless(self, project: ProjectId) -> KeyStatus:
        """What messages without a key there are, ready or with an open attempt, as key `$`."""
        ...

    async def open_attempts(self, project: ProjectId) -> int:
        """How many attempts of the project are open, with and without a key."""
        ...

    async def steer(
        self,
        project: ProjectId,
        key: str,
        change: Callable[[Pace], Pace],
        *,
        creates: bool,
        now: UnixMs,
    ) -> Changed:
        """Change the pace of a key by a pure function; with `creates`, of one not yet known too."""
        ...


class UrlGroups(Protocol):
    """URL groups by name; `updated_at` moves when a change makes a difference."""

    async def all(self, project: ProjectId) -> list[UrlGroup]:
        """By name."""
        ...

    async def get(self, project: ProjectId, names: Collection[str]) -> list[UrlGroup]:
        """Those of the names that there are, all as of one moment, in no order."""
        ...

    async def add_endpoints(
        self,
        project: ProjectId,
        name: str,
        endpoints: Items[Endpoint],
        *,
        limits: Limits,
        now: UnixMs,
    ) -> Excess | None:
        """Add or update endpoints; makes the group. Nothing is applied where a limit forbids it."""
        ...

    async def remove_endpoints(
        self, project: ProjectId, name: str, endpoints: Items[EndpointFilter], *, now: UnixMs
    ) -> bool:
        """Remove endpoints, and with the last one the group; `False` when nothing was there."""
        ...

    async def set_headers(
        self, project: ProjectId, name: str, headers: Headers, *, now: UnixMs
    ) -> UrlGroup | None:
        """Replace the default headers; answers the group, or `None` when there is none."""
        ...

    async def delete(self, project: ProjectId, name: str) -> bool: ...


class Schedules(Protocol):
    async def all(self, project: ProjectId) -> list[Schedule]:
        """Oldest first."""
        ...

    async def get(self, project: ProjectId, id: str) -> Schedule | None: ...

    async def put(self, asked: NewSchedule, *, max_schedules: int, now: UnixMs) -> Planned:
        """Make a schedule, or replace the one with this id.

        A replaced one keeps its age, its pause and what is known of its newest run. Nothing is
        changed for a deduplication key that is taken, whose first id is answered, nor by one
        schedule more than `max_schedules`, unless that is 0.
        """
        ...

    async def pause(self, project: ProjectId, id: str) -> bool:
        """After this no run makes messages; `False` when there is no such schedule."""
        ...

    async def resume(
        self, project: ProjectId, id: str, *, next_tick: NextTick, now: UnixMs
    ) -> Planned:
        """End a pause; what ticked up to `now` is dropped. Without a pause nothing is changed."""
        ...

    async def delete(self, project: ProjectId, id: str) -> bool:
        """Forget a schedule; its messages stay."""
        ...

    async def fire(
        self,
        limit: int,
        *,
        make_run: MakeRun,
        due_by: UnixMs,
        claim: Claim | None,
        now: UnixMs,
    ) -> Fired:
        """Meet ticks that have come by `due_by`, oldest first, with about `limit` messages at most.

        The pure `make_run` is given a schedule and, as it stands, the group that it looks up. What
        it makes is accepted as by `Messages.add`, and the next tick is stored with it: each tick is
        met once. A run that the limits it names have no room for fails with what it says for this.
        """
        ...

    async def retime(self, limit: int, *, after: int, next_tick: NextTick, now: UnixMs) -> Retimed:
        """Work out the ticks ahead of `now` anew, of up to `limit` schedules behind `after`."""
        ...


class Projects(Protocol):
    """Projects; one that is removed is not there any more, whatever is left to forget."""

    async def all(self) -> list[Project]: ...

    async def tokens(self) -> list[Token]: ...

    async def limits(self) -> dict[ProjectId, Mapping[str, int]]:
        """The limits that projects have of their own, by the names of `Limits`."""
        ...

    async def next_id(self) -> ProjectId:
        """An id that no project has or had. It is not held: `add` tells whether it was free."""
        ...

    async def add(self, project: Project, tokens: Items[Token]) -> bool:
        """Make a project with its tokens; `False` when id, name or a token is taken."""
        ...

    async def remove(self, project: ProjectId, *, now: UnixMs) -> bool:
        """From now on it has no tokens, and no attempt of it starts; its name is free.

        `Upkeep.forget_removed` forgets what it owned.
        """
        ...

    async def set_keys(
        self, project: ProjectId, keys: SigningKeys, *, was: SigningKeys, now: UnixMs | None
    ) -> bool:
        """Replace the signing keys if they still are `was`."""
        ...

    async def set_tokens(
        self, project: ProjectId, tokens: Items[Token], *, was: Items[Token]
    ) -> bool:
        """Replace all tokens of the project if they still are `was`, and none is another's."""
        ...

    async def set_limit(self, project: ProjectId, name: str, value: int | None) -> bool:
        """Give a project a limit of its own, or, with `None`, that of the server."""
        ...


class Upkeep(Protocol):
    async def prune(self, limit: int, *, horizon: Horizon) -> int:
        """Forget at most about `limit` expired things; answers how many."""
        ...

    async def forget_removed(self, limit: int, *, now: UnixMs) -> int:
        """Forget about `limit` rows of removed projects; zero when nothing of them is left."""
        ...

    async def newest_time(self) -> UnixMs:
        """The newest time that is stored; a clock must not answer less."""
        ...

    async def ping(self) -> None:
        """Answer when a write would be possible now."""
        ...

    async def close(self) -> None: ...


class Store(Protocol):
    """All nouns of one store."""

    @property
    def messages(self) -> Messages: ...
    @property
    def logs(self) -> Logs: ...
    @property
    def dead_letters(self) -> DeadLetters: ...
    @property
    def queues(self) -> Queues: ...
    @property
    def flow_control_keys(self) -> FlowControlKeys: ...
    @property
    def url_groups(self) -> UrlGroups: ...
    @property
    def schedules(self) -> Schedules: ...
    @property
    def projects(self) -> Projects: ...
    @property
    def upkeep(self) -> Upkeep: ...
