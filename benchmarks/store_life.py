"""The life of messages in the store alone: accept and settle, without HTTP and without an engine.

`python -m benchmarks.store_life [messages]` works on a file with full durability, as a server does:
so many publishers, each waiting for its message to be settled, and one settler.
"""

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from relaypost.domain.lifecycle import Settlement, settle
from relaypost.domain.messages import Envelope, Message, NewMessage, Publication
from relaypost.domain.outcomes import NO_HINTS, Responded
from relaypost.domain.projects import Project, SigningKeys
from relaypost.domain.types import LeaseId, ProjectId, UnixMs
from relaypost.store.base import Claim
from relaypost.store.sqlite.store import SqliteStore

PUBLISHERS = 100
HOSTS = 20
MAX_BATCH = 100
PROJECT = ProjectId(1)
HOUR_MS = 3_600_000


def publication(number: int) -> Publication:
    envelope = Envelope(
        url=f"https://h{number % HOSTS}.example.com/hook/{number}",
        headers=(("Content-Type", "application/json"), ("X-Tenant", "17")),
        body=bytes(1000),
        timeout_ms=30_000,
        max_retries=3,
        caller_ip="203.0.113.7",
    )
    return Publication(messages=(NewMessage(project_id=PROJECT, envelope=envelope),))


class Lives:
    def __init__(self, store: SqliteStore, lease: LeaseId) -> None:
        self._messages = store.messages
        self._lease = lease
        self._active: list[tuple[Message, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()

    async def publish(self, publications: "list[Publication]") -> None:
        while publications:
            accepted = await self._messages.add(
                [publications.pop()], claim=self._offer(1), now=now()
            )
            ended = asyncio.get_running_loop().create_future()
            self._active += [(message, ended) for message in accepted.claimed]
            self._arrived.set()
            await ended

    async def settle(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._active:
                batch, self._active = self._active[:MAX_BATCH], self._active[MAX_BATCH:]
                settlements = [settlement(message) for message, _ in batch]
                await self._messages.settle(settlements, claim=self._offer(len(batch)), now=now())
                for _, ended in batch:
                    ended.set_result(None)

    def _offer(self, limit: int) -> Claim:
        return Claim(lease=self._lease, limit=limit, bytes=1 << 30)


def settlement(message: Message) -> Settlement:
    transition = settle(message, Responded(status=200), NO_HINTS, now=now())
    return Settlement(message=message, transition=transition)


def now() -> UnixMs:
    return UnixMs(time.time_ns() // 1_000_000)


async def measure(path: str, count: int) -> None:
    store = SqliteStore(path)
    await store.projects.add(
        Project(id=PROJECT, name="default", keys=SigningKeys(current="a", next="b")), []
    )
    lives = Lives(store, await store.messages.take_lease(until=UnixMs(now() + HOUR_MS)))
    publications = [publication(number) for number in range(count)]
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    loop_before = time.thread_time()
    async with asyncio.TaskGroup() as tasks:
        settling = tasks.create_task(lives.settle())
        async with asyncio.TaskGroup() as publishing:
            for _ in range(PUBLISHERS):
                publishing.create_task(lives.publish(publications))
        settling.cancel()
    seconds, loop_seconds = time.perf_counter() - started, time.thread_time() - loop_before
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    print(
        f"{count / seconds:,.0f} messages/s, {cpu / count * 1e6:.1f} µs CPU for each, "
        f"{loop_seconds / count * 1e6:.1f} of them on the event loop"
    )
    await store.upkeep.close()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 30_000
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure(str(Path(folder) / "life.db"), count))


if __name__ == "__main__":
    main()
