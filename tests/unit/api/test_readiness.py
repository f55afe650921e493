"""What `/readyz` asks, and how often."""

import asyncio

import pytest

from relaypost.api.readiness import Readiness
from relaypost.domain.errors import StoreUnavailable


class Store:
    def __init__(self) -> None:
        self.pings = 0
        self.error: Exception | None = None
        self.hangs = False

    async def ping(self) -> None:
        self.pings += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def store() -> Store:
    return Store()


async def test_it_needs_a_running_engine(store: Store) -> None:
    assert not await Readiness(is_running=lambda: False, ping=store.ping)()
    assert store.pings == 0


async def test_it_needs_a_store_that_can_be_written(store: Store) -> None:
    assert await Readiness(is_running=lambda: True, ping=store.ping)()

    store.error = StoreUnavailable("disk full")
    assert not await Readiness(is_running=lambda: True, ping=store.ping)()


async def test_it_does_not_wait_for_long(store: Store) -> None:
    store.hangs = True
    is_ready = Readiness(is_running=lambda: True, ping=store.ping, patience_seconds=0.01)

    assert not await is_ready()


async def test_many_questions_are_one_write(store: Store) -> None:
    is_ready = Readiness(is_running=lambda: True, ping=store.ping)

    assert all([await is_ready() for _ in range(100)])
    assert store.pings == 1


async def test_an_answer_is_not_kept_for_long(store: Store) -> None:
    is_ready = Readiness(is_running=lambda: True, ping=store.ping, kept_seconds=0)
    assert await is_ready()

    store.error = StoreUnavailable("disk full")
    assert not await is_ready()
