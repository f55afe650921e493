from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relaypost.store.sqlite.store import SqliteStore


@pytest.fixture(params=["file", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A real file with its threads, and a database in memory without any."""
    in_memory = request.param == "memory"
    path = None if in_memory else str(tmp_path / "relaypost.db")
    opened = SqliteStore(path, inline=in_memory)
    yield opened
    await opened.upkeep.close()
