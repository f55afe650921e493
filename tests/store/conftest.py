"""The stores that the suite is run against."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from relaypost.domain.gates import Capacity
from relaypost.store.sqlite.store import SqliteStore
from tests.support.books import Book

OpenStore = Callable[..., SqliteStore]


@pytest.fixture(params=["file", "memory", "inline"])
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Opens stores of one kind; each is closed in the end."""
    opened: list[SqliteStore] = []

    def open_store(capacity: Capacity | None = None) -> SqliteStore:
        path = str(tmp_path / f"{len(opened)}.db") if request.param == "file" else None
        store = SqliteStore(path, capacity=capacity, inline=request.param == "inline")
        opened.append(store)
        return store

    yield open_store
    for store in opened:
        await store.upkeep.close()


@pytest.fixture
async def book(open_store: OpenStore) -> Book:
    return await Book.open(open_store())


@pytest.fixture
def store(open_store: OpenStore) -> SqliteStore:
    return open_store()
