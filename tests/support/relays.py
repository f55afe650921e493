"""A relay in front of a server that loses answers: the server has acted, and nobody is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CHUNK = 65_536


class Relay:
    def __init__(self, port: int) -> None:
        self._port = port
        self.url = ""
        self.losses = 0
        """How many of the answers to come are lost."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await self._relay(reader, requests, answers, writer)
        except (ExceptionGroup, asyncio.CancelledError):
            return  # one side went away, or the test is over
        finally:
            requests.transport.abort()
            writer.transport.abort()

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        requests: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        async with asyncio.TaskGroup() as tasks:
            passing = tasks.create_task(_pass_on(reader, requests))
            await self._answer(answers, writer)
            passing.cancel()

    async def _answer(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answer := await answers.read(CHUNK):
            if self.losses:
                self.losses -= 1
                return
            writer.write(answer)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
    writer.close()


@asynccontextmanager
async def relay(port: int) -> AsyncIterator[Relay]:
    """A relay to a port of this machine; an answer of the server must come in one piece."""
    relay = Relay(port)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield relay
    finally:
        server.close()
