"""Tasks that a test starts by itself, where the program would need a task group."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def start(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    return asyncio.create_task(work)


async def turn() -> None:
    """Let whatever is ready run for a turn of the loop."""
    await asyncio.sleep(0)
