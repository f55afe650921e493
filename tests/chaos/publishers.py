"""Publishers that note what was acknowledged; what was not is in doubt and may have happened."""

import asyncio
import json
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.destination import FAILURES_BEFORE_SUCCESS
from tests.support.http1 import Reply, Wire, connected, request

TOKEN = "chaos-token"
BATCH = 5
RETRY_DELAY = "20 * (1 + retried)"
Kind = Callable[["Publisher", Wire, str], Coroutine[Any, Any, None]]


@dataclass
class Ledger:
    """What the server has said, by the path of the destination."""

    sent: int = 0
    acknowledged: dict[str, str] = field(default_factory=dict)
    """The message id of each path that was accepted."""
    not_before_ms: dict[str, int] = field(default_factory=dict)
    """Unix milliseconds: a server counts a delay from the millisecond of the acceptance."""
    batches: list[list[str]] = field(default_factory=list)
    """Paths of each batch that was sent, accepted or not."""
    asked_to_cancel: set[str] = field(default_factory=set)
    canceled: set[str] = field(default_factory=set)
    """Those of them where the answer came."""
    deduplicated: dict[str, set[str]] = field(default_factory=dict)
    """All message ids that were answered for one deduplication id."""
    refused: list[Reply] = field(default_factory=list)

    @property
    def owed(self) -> set[str]:
        """Paths that must be answered with a success in the end."""
        return {
            path
            for path in self.acknowledged
            if not path.startswith("/dead") and path not in self.asked_to_cancel
        }


class Line:
    """Where the server is now, if it is anywhere."""

    def __init__(self) -> None:
        self.port = 0
        self.is_up = asyncio.Event()


class Publisher:
    """One client with one connection; what it asks for is drawn at random."""

    def __init__(
        self, name: int, line: Line, ledger: Ledger, *, url: str, rng: random.Random
    ) -> None:
        self._name = name
        self._line = line
        self._ledger = ledger
        self._url = url
        self._rng = rng
        self._count = 0

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._line.is_up.wait()
            try:
                async with connected(self._line.port) as wire:
                    while not stop.is_set():
                        await self._rng.choice(KINDS)(self, wire, self._new_key())
            except (ConnectionError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.01)  # killed; what was asked for last is in doubt

    def _new_key(self) -> str:
        self._count += 1
        return f"{self._name}-{self._count}"

    async def _publish(self, wire: Wire, path: str, *headers: tuple[str, str]) -> None:
        reply = await self._ask(wire, "POST", f"/v2/publish/{self._url}{path}", *headers)
        if reply is not None:
            self._ledger.acknowledged[path] = reply.json["messageId"]

    async def _ask(
        self, wire: Wire, method: str, target: str, *headers: tuple[str, str], body: bytes = b"x"
    ) -> Reply | None:
        self._ledger.sent += 1
        await wire.send(request(method, target, *headers, token=TOKEN, body=body))
        reply = await wire.reply()
        if reply.status < 300:
            return reply
        self._ledger.refused.append(reply)
        return None

    async def _plain(self, wire: Wire, key: str) -> None:
        await self._publish(wire, f"/plain/{key}")

    async def _delayed(self, wire: Wire, key: str) -> None:
        path, delay_ms = f"/delayed/{key}", self._rng.randrange(100, 1_500)
        self._ledger.not_before_ms[path] = time.time_ns() // 1_000_000 + delay_ms
        await self._publish(wire, path, ("Upstash-Delay", f"{delay_ms}ms"))

    async def _flaky(self, wire: Wire, key: str) -> None:
        await self._publish(
            wire,
            f"/flaky/{key}",
            ("Upstash-Retries", str(FAILURES_BEFORE_SUCCESS + 1)),
            ("Upstash-Retry-Delay", RETRY_DELAY),
            ("Upstash-Callback", f"{self._url}/callback/{key}"),
        )

    async def _dead(self, wire: Wire, key: str) -> None:
        await self._publish(
            wire,
            f"/dead/{key}",
            ("Upstash-Retries", "1"),
            ("Upstash-Retry-Delay", RETRY_DELAY),
            ("Upstash-Failure-Callback", f"{self._url}/failure/{key}"),
        )

    async def _batch(self, wire: Wire, key: str) -> None:
        paths = [f"/batch/{key}/{number}" for number in range(BATCH)]
        self._ledger.batches.append(paths)
        items = [{"destination": self._url + path, "body": "x"} for path in paths]
        reply = await self._ask(wire, "POST", "/v2/batch", body=json.dumps(items).encode())
        if reply is not None:
            answers = zip(paths, reply.json, strict=True)
            self._ledger.acknowledged |= {path: one["messageId"] for path, one in answers}

    async def _deduplicated(self, wire: Wire, key: str) -> None:
        """Twice, the second time without knowing whether the first one was heard."""
        path, header = f"/once/{key}", ("Upstash-Deduplication-Id", key)
        ids = self._ledger.deduplicated.setdefault(path, set())
        target = f"/v2/publish/{self._url}{path}"
        await wire.send(request("POST", target, header, token=TOKEN, body=b"x"))
        try:
            ids.add((await wire.reply()).json["messageId"])
        except (ConnectionError, asyncio.IncompleteReadError):
            await self._again(target, header, ids)
        self._ledger.acknowledged[path] = next(iter(ids))

    async def _again(self, target: str, header: tuple[str, str], ids: set[str]) -> None:
        """As the SDKs do when no answer has come."""
        while not ids:
            await self._line.is_up.wait()
            try:
                async with connected(self._line.port) as wire:
                    await wire.send(request("POST", target, header, token=TOKEN, body=b"x"))
                    ids.add((await wire.reply()).json["messageId"])
            except (ConnectionError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.01)

    async def _canceled(self, wire: Wire, key: str) -> None:
        path = f"/canceled/{key}"
        await self._publish(wire, path, ("Upstash-Delay", "700ms"))
        id = self._ledger.acknowledged[path]
        self._ledger.asked_to_cancel.add(path)
        if await self._ask(wire, "DELETE", f"/v2/messages/{id}") is not None:
            self._ledger.canceled.add(path)


KINDS: tuple[Kind, ...] = (
    Publisher._plain,
    Publisher._plain,
    Publisher._delayed,
    Publisher._flaky,
    Publisher._dead,
    Publisher._batch,
    Publisher._deduplicated,
    Publisher._canceled,
)
