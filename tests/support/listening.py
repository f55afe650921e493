"""The HTTP server in the loop of the test, with an application of the test behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from relaypost.api.server import Server, listen


class Listening:
    def __init__(self, server: Server, port: int) -> None:
        self._server = server
        self.port = port

    def stop(self) -> None:
        self._server.should_exit = True

    def pass_seconds(self, seconds: int) -> None:
        """Age all connections as the server does once a second."""
        for _ in range(seconds):
            self._server.age_connections()

    @property
    def open_connections(self) -> int:
        return len(self._server.server_state.connections)

    @property
    def is_patient(self) -> bool:
        """Whether no connection is being ended."""
        connections: list[Any] = list(self._server.server_state.connections)
        return not any(connection.transport.is_closing() for connection in connections)

    async def wait_progress(self) -> None:
        """Return when every client has been heard of since the last second."""
        connections: list[Any] = list(self._server.server_state.connections)
        await _until(lambda: not any(connection.age for connection in connections))

    async def wait_connections(self, count: int) -> None:
        await _until(lambda: self.open_connections == count)


@asynccontextmanager
async def listening(application: Any, *, grace_seconds: float = 1) -> AsyncIterator[Listening]:
    (listener,) = listen("127.0.0.1", 0)
    server = Server(application, grace_seconds=grace_seconds)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve([listener]))
        await server.wait_started()
        try:
            yield Listening(server, listener.getsockname()[1])
        finally:
            server.should_exit = True


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # it comes true inside uvicorn, which tells nobody
            await asyncio.sleep(0.001)
