"""A real relaypost process on a free port: started, waited for, read and stopped from outside."""

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from relaypost.wire.tokens import DEVELOPMENT_USERS

ROOT = Path(__file__).resolve().parents[2]
LISTENS = re.compile(r"listens on (http://\S+)")
START_SECONDS = 20.0
STOP_SECONDS = 10.0
PAUSE_SECONDS = 0.01
FOREIGN = ("RELAYPOST_", "QSTASH_", "US_EAST_1_", "EU_CENTRAL_1_")
"""Variables of whoever runs the tests that would change what they test."""

Command = Literal["serve", "dev"]


@dataclass(frozen=True, slots=True)
class Account:
    """What a program needs to use one project of a server."""

    url: str
    token: str
    current_key: str
    next_key: str


class RelaypostProcess:
    """One running server; settings are given as environment variables, so secrets are possible."""

    def __init__(
        self, command: Command, settings: Mapping[str, str], arguments: Sequence[str] = ()
    ) -> None:
        given = {f"RELAYPOST_{name.upper()}": value for name, value in settings.items()}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "relaypost", command, "--port", "0", *arguments],
            cwd=ROOT,
            env=_plain_environment() | given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._has_ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = self._wait_ready()

    @property
    def output(self) -> str:
        """All that it has printed so far, on both streams."""
        with self._changed:
            return "".join(self._lines)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    @property
    def accounts(self) -> dict[str, Account]:
        """The four users of development mode, by name."""
        return {
            user.name: Account(self.url, user.token, user.keys.current, user.keys.next)
            for user in DEVELOPMENT_USERS
        }

    def wait_output(self, pattern: re.Pattern[str]) -> re.Match[str]:
        """The first place in the output that matches."""
        deadline = time.monotonic() + START_SECONDS
        with self._changed:
            while not (found := pattern.search("".join(self._lines))):
                left = deadline - time.monotonic()
                assert not self._has_ended, f"relaypost ended:\n{''.join(self._lines)}"
                assert left > 0, f"no {pattern.pattern!r} in:\n{''.join(self._lines)}"
                self._changed.wait(left)
            return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; answers the exit status."""
        self.signal(number)
        return self.wait_end()

    def signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)

    def wait_end(self) -> int:
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"relaypost did not stop:\n{self.output}") from None
        self._reader.join(STOP_SECONDS)
        return status

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def _wait_ready(self) -> str:
        try:
            url = self.wait_output(LISTENS)[1]
            address = urlsplit(url)
            assert address.hostname is not None
            _poll_ready(address.hostname, address.port or 80)
        except BaseException:
            self.kill()
            raise
        return url

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        with stream:
            for line in stream:
                with self._changed:
                    self._lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()


@contextmanager
def running(command: Command, *arguments: str, **settings: str) -> Iterator[RelaypostProcess]:
    """A server that is killed at the end, and that has met no defect of its own until then."""
    server = RelaypostProcess(command, settings, arguments)
    try:
        yield server
    finally:
        server.kill()
    assert "Traceback" not in server.output, server.output


def _plain_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and not name.lower().endswith("_proxy")
    }


def _poll_ready(host: str, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(host, port):
        assert time.monotonic() < deadline, "relaypost listens, but is not ready"
        time.sleep(PAUSE_SECONDS)


def _is_ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=START_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    finally:
        connection.close()
