"""A server that is killed and started again on the same database."""

import asyncio
import signal
from pathlib import Path

from tests.chaos.publishers import TOKEN, Line
from tests.support.http1 import ask
from tests.support.servers import RelaypostProcess

SETTINGS = {
    "token": TOKEN,
    "allow_networks": "127.0.0.0/8",
    "log_deliveries": "none",
    "message_retention": "1h",
}


class Mortal:
    """`line` always says where to find it."""

    def __init__(self, database: Path, **settings: str) -> None:
        self.line = Line()
        self._settings = {"database_url": f"sqlite:///{database}", **SETTINGS, **settings}
        self._process: RelaypostProcess | None = None

    @property
    def process(self) -> RelaypostProcess:
        assert self._process is not None
        return self._process

    async def start(self) -> None:
        self._process = await asyncio.to_thread(RelaypostProcess, "serve", self._settings)
        self.line.port = self._process.port
        self.line.is_up.set()

    async def kill(self) -> None:
        self.line.is_up.clear()
        await asyncio.to_thread(self.process.kill)
        assert "Traceback" not in self.process.output, self.process.output

    async def stop(self) -> None:
        self.line.is_up.clear()
        assert await asyncio.to_thread(self.process.stop, signal.SIGTERM) == 0
        assert "Traceback" not in self.process.output, self.process.output

    async def list_dead_letters(self) -> list[str]:
        """Ids of the messages, read through the API to its last page."""
        ids: list[str] = []
        cursor = ""
        while True:
            query = f"count=100&cursor={cursor}" if cursor else "count=100"
            reply = await ask(self.line.port, "GET", f"/v2/dlq?{query}", token=TOKEN)
            ids += [one["messageId"] for one in reply.json["messages"]]
            cursor = reply.json.get("cursor")
            if not cursor:
                return ids
