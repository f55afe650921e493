"""Fake programs for the shell scripts: each run is written down, and answers as told."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.conformance import ROOT

# What the scripts themselves need; nothing else of the machine is visible to them.
BASICS = ("cat", "cksum", "cp", "dirname", "mkdir", "rm", "sed", "sh")


class Sandbox:
    """A copy of the parts of the repository that set it up, on a machine with chosen programs."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repository"
        self.bin = folder / "bin"
        self.log = folder / "log"
        self.root.mkdir()
        self.bin.mkdir()
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        for file in ("pyproject.toml", *(lock.name for lock in ROOT.glob("*.lock"))):
            shutil.copy(ROOT / file, self.root / file)
        for name in BASICS:
            (self.bin / name).symlink_to(shutil.which(name) or name)

    def program(self, name: str, body: str = "") -> Path:
        path = self.bin / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.log}\n{body}\n')
        path.chmod(0o755)
        return path

    def run(
        self, script: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", f"scripts/{script}", *arguments],
            cwd=self.root,
            env={"PATH": str(self.bin), **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[str]:
        """The runs of fake programs since the last time this was asked."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)
