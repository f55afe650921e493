"""Answers to requests that fail inside the server."""

import logging
from collections.abc import AsyncIterator

import pytest

from relaypost.api.app import Api
from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.projects import Project, SigningKeys
from relaypost.domain.tokens import Token, TokenKind
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.runtime import SystemClock
from relaypost.service.context import Service
from relaypost.service.directory import Directory
from relaypost.service.keys import KeyRing
from relaypost.store.sqlite.store import SqliteStore
from relaypost.wire import tokens
from tests.support.http1 import ask
from tests.support.listening import Listening, listening


class BrokenIntake:
    """An engine that raises whatever it is given."""

    def __init__(self) -> None:
        self.error: Exception = RuntimeError("a defect with CANARY in it")

    def offer(self, wanted: int) -> None:
        raise self.error

    def start(self, *_: object, **__: object) -> None:
        raise self.error

    def note_due(self, due_at: UnixMs | None) -> None:
        raise self.error


class Probe:
    def __init__(self) -> None:
        self.is_ready = True

    async def __call__(self) -> bool:
        return self.is_ready


@pytest.fixture
def intake() -> BrokenIntake:
    return BrokenIntake()


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest.fixture
async def server(intake: BrokenIntake, probe: Probe) -> AsyncIterator[Listening]:
    store = SqliteStore(None, inline=True)
    project = Project(id=ProjectId(1), name="x", keys=SigningKeys(current="a", next="b"))
    token = Token(digest=tokens.digest("t"), project_id=ProjectId(1), kind=TokenKind.FULL)
    await store.projects.add(project, [token])
    directory = Directory(development=False)
    await directory.load(store.projects)
    service = Service(
        store=store,
        intake=intake,
        clock=SystemClock(),
        policy=AddressPolicy(()),
        keys=KeyRing(projects=directory, new_key=str, guard_ms=0, fixed=frozenset()),
    )
    async with listening(Api(service, directory, is_ready=probe)) as server:
        yield server
    await store.upkeep.close()


async def test_a_defect_is_an_answer_without_its_words(
    server: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        reply = await ask(
            server.port, "POST", "/v2/publish/https://example.com/", token="t", body=b"x"
        )

    assert (reply.status, reply.json) == (500, {"error": "internal error"})
    (record,) = caplog.records
    assert record.getMessage() == "request failed"
    assert record.exc_info is not None


async def test_a_store_that_is_away(server: Listening, intake: BrokenIntake) -> None:
    intake.error = StoreUnavailable("the database can't be used now: disk full")

    reply = await ask(server.port, "POST", "/v2/publish/https://example.com/", token="t", body=b"x")

    assert reply.status == 503
    assert reply.error == "the database can't be used now: disk full"
    assert int(reply.headers["retry-after"]) > 0


async def test_readiness_is_what_the_probe_says(server: Listening, probe: Probe) -> None:
    probe.is_ready = False

    ready = await ask(server.port, "GET", "/readyz", token=None)
    alive = await ask(server.port, "GET", "/healthz", token=None)

    assert (ready.status, ready.json) == (503, {"status": "not ready"})
    assert alive.status == 200
