"""The routes over a real store, without a server: a caller asks, and reads the answer."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from relaypost.api.http import Caller, Request, Response
from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.errors import RelaypostError
from relaypost.domain.gates import Capacity
from relaypost.domain.limits import Limits
from relaypost.domain.messages import Message
from relaypost.domain.projects import Project, SigningKeys
from relaypost.domain.retention import RetentionPeriods
from relaypost.domain.tokens import TokenKind
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.service.context import Service
from relaypost.service.keys import KeyRing
from relaypost.store.base import Claim, Store
from relaypost.store.sqlite.store import SqliteStore
from relaypost.wire.errors import error_body, status_of
from tests.support.lives import PROJECT, FakeClock, Lives

DEFAULT_LIMITS = Limits()

Route = Callable[..., Awaitable[Response]]


@dataclass
class FakeIntake:
    """An engine that starts nothing; `claim` is what it offers."""

    claim: Claim | None = None
    wanted: list[int] = field(default_factory=list)
    started: list[Message] = field(default_factory=list)
    due: list[UnixMs] = field(default_factory=list)
    open_offers: int = 0

    def offer(self, wanted: int) -> Claim | None:
        self.wanted.append(wanted)
        self.open_offers += 1
        return self.claim

    def start(
        self, claim: Claim | None, claimed: list[Message], *, next_due_at: UnixMs | None
    ) -> None:
        assert claim is self.claim
        self.open_offers -= 1
        self.started += claimed
        self.note_due(next_due_at)

    def note_due(self, due_at: UnixMs | None) -> None:
        if due_at is not None:
            self.due.append(due_at)


class KnownProjects:
    def __init__(self) -> None:
        self._known: dict[ProjectId, Project] = {}

    def project(self, id: ProjectId) -> Project:
        return self._known[id]

    def replace(self, project: Project) -> None:
        self._known[project.id] = project


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str]:
        assert set(self.json) == {"error"}
        return self.status, self.json["error"]


@dataclass
class Desk:
    """Asks for one project; `lives` makes messages in the same store."""

    service: Service
    intake: FakeIntake
    clock: FakeClock
    lives: Lives
    projects: KnownProjects

    async def ask(
        self,
        route: Route,
        *ids: str | bytes,
        query: str | list[tuple[str, str]] = "",
        body: object = None,
        headers: dict[str, str] | None = None,
        project: ProjectId = PROJECT,
    ) -> Answer:
        request = Request(
            method="GET",
            path=b"/v2",
            query=(query if isinstance(query, str) else urlencode(query)).encode(),
            headers=[(name.encode(), text.encode()) for name, text in (headers or {}).items()],
            body=body if isinstance(body, bytes) else _json(body),
            caller=Caller(project_id=project, kind=TokenKind.FULL),
            caller_ip="198.51.100.1",
        )
        try:
            response = await route(self.service, request, *ids)
        except RelaypostError as error:
            return Answer(status_of(error), error_body(error))
        return Answer(response.status, response.body)


def _json(body: object) -> bytes:
    return b"" if body is None else json.dumps(body).encode()


@asynccontextmanager
async def open_desk(
    path: str | None = None, *, limits: Limits = DEFAULT_LIMITS, capacity: Capacity | None = None
) -> AsyncIterator[Desk]:
    """A desk over a database in memory, or over a file with its threads."""
    store: Store = SqliteStore(path, inline=path is None, capacity=capacity)
    clock, intake, projects = FakeClock(), FakeIntake(), KnownProjects()
    keys = SigningKeys(current="sig_current", next="sig_next")
    known = Project(id=PROJECT, name="default", keys=keys)
    await store.projects.add(known, [])
    projects.replace(known)
    numbers = iter(range(1000))
    service = Service(
        store=store,
        intake=intake,
        clock=clock,
        policy=AddressPolicy(),
        keys=KeyRing(projects=projects, new_key=lambda: f"sig_new_{next(numbers)}"),
        limits=limits,
        retention=RetentionPeriods(),
    )
    yield Desk(service, intake, clock, Lives(store, clock), projects)
    await store.upkeep.close()
