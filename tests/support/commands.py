"""The command line as a program that runs to its end."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
END_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Ended:
    status: int
    out: str
    err: str


def relaypost(*arguments: str, **variables: str) -> Ended:
    """Run a command that ends by itself; the variables are all that it has beside the path."""
    done = subprocess.run(
        [sys.executable, "-m", "relaypost", *arguments],
        cwd=ROOT,
        env=_environment(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"PYTHONWARNINGS": "error"} | dict(variables)
