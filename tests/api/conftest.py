from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.desk import Desk, open_desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


@pytest.fixture
async def desk_with_threads(tmp_path: Path) -> AsyncIterator[Desk]:
    """Over a file: requests that run at the same time really do."""
    async with open_desk(str(tmp_path / "relaypost.db")) as opened:
        yield opened
