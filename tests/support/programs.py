"""A program that is not ours to import: started, read, and ended with all that it started."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.servers import FOREIGN

START_SECONDS = 180.0
"""Time to be ready on a busy machine; some of these programs compile first."""
STOP_SECONDS = 20.0
DROPPED = ("FORCE_COLOR", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PORT", "VENV")
ADDED = {"NEXT_TELEMETRY_DISABLED": "1", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


class Program:
    """A running command, in a process group of its own."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=plain_environment() | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._has_ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """All that it has printed so far, on both streams."""
        with self._changed:
            return "".join(self._lines)

    def wait_output(self, pattern: str) -> re.Match[str]:
        """The first place in the output that matches."""
        deadline = time.monotonic() + START_SECONDS
        with self._changed:
            while not (found := re.search(pattern, "".join(self._lines))):
                left = deadline - time.monotonic()
                assert not self._has_ended, f"it ended:\n{''.join(self._lines)}"
                assert left > 0, f"no {pattern!r} in:\n{''.join(self._lines)}"
                self._changed.wait(left)
            return found

    def stop(self) -> None:
        """Ask the whole group to end, as Ctrl-C or a supervisor would, and wait for it."""
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
            self._reader.join(STOP_SECONDS)
            assert not self._reader.is_alive(), f"something runs on:\n{self.output}"
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not stop:\n{self.output}") from None
        finally:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

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
def program(*command: str, folder: Path, environment: Mapping[str, str] = {}) -> Iterator[Program]:
    started = Program(command, folder=folder, environment=environment)
    try:
        yield started
    finally:
        started.stop()


def plain_environment() -> dict[str, str]:
    """That of whoever runs the tests, without what would change them, reach out or add colour."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN)
        and not name.lower().endswith("_proxy")
        and name not in DROPPED
    }
    return kept | ADDED
