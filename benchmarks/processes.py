"""Child processes that answer JSON lines, and the CPUs that processes run on."""

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

ROOT = Path(__file__).resolve().parent.parent

Cpus = frozenset[int]
Answer = TypeVar("Answer")


class BenchmarkFailed(Exception):
    """A measurement did not take place as meant, so it has no figures."""


@contextmanager
def pinned(cpus: Cpus | None) -> Iterator[None]:
    """Start children inside: they inherit the CPUs with all their threads, which a later call
    on the child would not reach.
    """
    before = os.sched_getaffinity(0)
    if cpus:
        os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Child:
    """A module of this package in a process of its own."""

    def __init__(self, module: str, *arguments: str, cpus: Cpus | None) -> None:
        self._name = module
        with pinned(cpus):
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        self._buffer = bytearray()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def tell(self, message: msgspec.Struct) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(message) + b"\n")
        self._process.stdin.flush()

    def hear(self, kind: type[Answer], *, seconds: float) -> Answer:
        return msgspec.json.decode(self._line(time.monotonic() + seconds), type=kind)

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _line(self, deadline: float) -> bytes:
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(fd, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                left = deadline - time.monotonic()
                data = os.read(fd, 65_536) if selector.select(max(left, 0)) else b""
                if not data:
                    raise BenchmarkFailed(f"{self._name} ended or gave no answer in time")
                self._buffer += data
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer[:] = rest
        return line


def placement(available: Sequence[int]) -> tuple[Cpus | None, Cpus | None]:
    """Give the server the first CPU and the load the others; a single CPU is shared."""
    if len(available) < 2:
        return None, None
    return frozenset(available[:1]), frozenset(available[1:])
