"""Names to addresses: remembers answers for a while, and asks once for all that wait for a name."""

import asyncio
import contextlib
import functools
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from relaypost.domain.addresses import IpAddress, is_localhost, literal_address

Lookup = Callable[[str], asyncio.Future[Sequence[str]]]
"""Starts to look up a name; no addresses at all mean that it was not resolved."""

# Servers for development listen on one family or the other; both are this machine.
_LOCALHOST: tuple[IpAddress, ...] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))

MAX_NAMES = 4096


@dataclass(frozen=True, slots=True)
class _Answer:
    addresses: tuple[IpAddress, ...]
    until: float


class Resolver:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        lookup: Lookup,
        *,
        answers_for: float,
        failures_for: float,
    ) -> None:
        self._loop = loop
        self._lookup = lookup
        self._answers_for = answers_for
        self._failures_for = failures_for
        self._answers: dict[str, _Answer] = {}
        self._pending: dict[str, asyncio.Future[Sequence[str]]] = {}

    async def resolve(self, host: str) -> tuple[IpAddress, ...]:
        """All addresses of a host, the best first; none if it was not resolved."""
        if is_localhost(host):
            return _LOCALHOST
        literal = literal_address(host)
        if literal is not None:
            return (literal,)
        answer = self._answers.get(host)
        if answer is not None and self._loop.time() < answer.until:
            return answer.addresses
        return await self._look_up(host)

    def prefer(self, host: str, address: IpAddress) -> None:
        """Put first the address that answered, so that the next connection need not wait."""
        answer = self._answers.get(host)
        if answer is not None and address in answer.addresses:
            others = tuple(other for other in answer.addresses if other != address)
            self._answers[host] = _Answer((address, *others), answer.until)

    async def _look_up(self, host: str) -> tuple[IpAddress, ...]:
        pending = self._pending.get(host)
        if pending is None:
            pending = self._pending[host] = self._lookup(host)
            pending.add_done_callback(functools.partial(self._remember, host))
        # Unlike a plain `await`, this leaves the look-up to the others when one is cancelled.
        await asyncio.wait((pending,))
        return _addresses(pending)

    def _remember(self, host: str, found: asyncio.Future[Sequence[str]]) -> None:
        del self._pending[host]
        addresses = _addresses(found)
        lifetime = self._answers_for if addresses else self._failures_for
        self._answers.pop(host, None)
        self._answers[host] = _Answer(addresses, self._loop.time() + lifetime)
        if len(self._answers) > MAX_NAMES:
            del self._answers[next(iter(self._answers))]


def _addresses(found: asyncio.Future[Sequence[str]]) -> tuple[IpAddress, ...]:
    texts = () if found.cancelled() or found.exception() else found.result()
    addresses: dict[IpAddress, None] = {}
    for text in texts:
        # What can't be read can't be judged, and so is not dialled.
        with contextlib.suppress(ValueError):
            addresses[ip_address(text)] = None
    return tuple(addresses)


class SystemLookup:
    """Asks the operating system, each time in a daemon thread.

    The event loop's own threads are few, so some names whose servers are silent would hold up all
    others; and a look-up that hangs must not hold up the end of the process.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, max_threads: int = 64) -> None:
        self._loop = loop
        self._free = max_threads
        self._waiting: deque[tuple[str, asyncio.Future[Sequence[str]]]] = deque()

    def __call__(self, host: str) -> asyncio.Future[Sequence[str]]:
        future: asyncio.Future[Sequence[str]] = self._loop.create_future()
        self._waiting.append((host, future))
        self._start()
        return future

    def _start(self) -> None:
        while self._waiting and self._free > 0:
            self._free -= 1
            host, future = self._waiting.popleft()
            try:
                threading.Thread(target=self._run, args=(host, future), daemon=True).start()
            except RuntimeError:  # the system grants no more threads
                self._free += 1
                future.set_result(())

    def _run(self, host: str, future: asyncio.Future[Sequence[str]]) -> None:
        addresses = _ask_system(host)
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._settle, future, addresses)

    def _settle(self, future: asyncio.Future[Sequence[str]], addresses: Sequence[str]) -> None:
        self._free += 1
        if not future.done():
            future.set_result(addresses)
        self._start()


def _ask_system(host: str) -> Sequence[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return [str(address[0]) for *_, address in found]
