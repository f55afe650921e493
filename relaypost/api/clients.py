"""Clients that wait for an answer, and may go away before it comes."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from relaypost.api.bodies import Disconnected, Receive

T = TypeVar("T")


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Do what a client waits for, whose request has come in whole; stop when it goes away.

    Raises:
        Disconnected: it went away.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(work)
            watching = tasks.create_task(_wait_gone(receive))
            working.add_done_callback(lambda _: watching.cancel())
            watching.add_done_callback(lambda _: working.cancel())
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    if working.cancelled():
        raise Disconnected
    return working.result()


async def _wait_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
