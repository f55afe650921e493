"""Starts and stops the server that is measured, and reads what it costs."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchmarks.processes import BenchmarkFailed, Cpus, pinned
from benchmarks.requests import Address
from benchmarks.usage import Usage, read_usage

TOKEN = "benchmark-token"
READY_SECONDS = 60.0
POLL_SECONDS = 0.002


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A source tree to measure, and the interpreter that runs it."""

    label: str
    directory: Path
    revision: str
    python: str
    environment: Mapping[str, str]


class Server:
    """A running relaypost. `ready_seconds` is from process start to the first 200 of /readyz."""

    def __init__(self, subject: Subject, data: Path, *, cpus: Cpus | None) -> None:
        self.address = Address("127.0.0.1", _free_port())
        self._log = data / "server.log"
        started = time.monotonic()
        with pinned(cpus), self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [subject.python, "-m", "relaypost", "serve"],
                cwd=subject.directory,
                env=_environment(subject, data, self.address),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_ready(started + READY_SECONDS)
        except BaseException:
            self.kill()
            raise
        self.ready_seconds = time.monotonic() - started

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(seconds=3)

    def usage(self) -> Usage:
        return read_usage(self._process.pid)

    def wait_idle(self, *, seconds: float = 5.0) -> Usage:
        """Wait until the work that follows the last delivery is done: no CPU for a while."""
        deadline = time.monotonic() + seconds
        usage = self.usage()
        while time.monotonic() < deadline:
            time.sleep(0.2)
            before, usage = usage, self.usage()
            if usage.cpu_seconds - before.cpu_seconds < 0.015:
                break
        return usage

    def stop(self, *, seconds: float) -> None:
        """Ask, then insist: a hanging delivery may hold a graceful stop up for long."""
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _wait_ready(self, deadline: float) -> None:
        while not _is_ready(self.address):
            if self._process.poll() is not None:
                raise BenchmarkFailed(f"the server ended:\n{self._log_tail()}")
            if time.monotonic() > deadline:
                raise BenchmarkFailed(f"the server was not ready in time:\n{self._log_tail()}")
            time.sleep(POLL_SECONDS)

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


def _is_ready(address: Address) -> bool:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(subject: Subject, data: Path, address: Address) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(subject.directory),
        "RELAYPOST_DATABASE_URL": f"sqlite:///{data / 'relaypost.db'}",
        "RELAYPOST_HOST": address.host,
        "RELAYPOST_PORT": str(address.port),
        "RELAYPOST_TOKEN": TOKEN,
        "RELAYPOST_ALLOW_NETWORKS": "127.0.0.0/8",
        **subject.environment,
    }
