"""Which source trees a run measures."""

import io
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import revision, short_commit
from benchmarks.options import Options
from benchmarks.processes import ROOT, BenchmarkFailed
from benchmarks.server import Subject


def find_subjects(options: Options, scratch: Path) -> list[Subject]:
    """One tree, or two to compare; two interpreters compare themselves on one tree."""
    trees = [_directory(name) for name in options.server_directories] or [_directory(ROOT)]
    if options.compare is not None:
        trees.insert(0, _tree(options.compare, scratch))
    if len(options.pythons) == 2 and len(trees) == 1:
        trees *= 2
    pythons = options.pythons if len(options.pythons) == len(trees) else options.pythons[:1] * 2
    labels = ["relaypost"] if len(trees) == 1 else ["A", "B"]
    return [
        Subject(
            label=label,
            directory=tree.directory,
            revision=tree.revision,
            python=python,
            environment=options.environment,
        )
        for label, tree, python in zip(labels, trees, pythons, strict=False)
    ]


class _Tree(NamedTuple):
    directory: Path
    revision: str


def _directory(name: str | Path) -> _Tree:
    directory = Path(name).resolve()
    return _Tree(directory, revision(directory))


def _tree(name: str, scratch: Path) -> _Tree:
    if Path(name).is_dir():
        return _directory(name)
    commit = short_commit(ROOT, name)
    if not commit:
        raise BenchmarkFailed(f"{name} is neither a directory nor a git revision")
    return _Tree(_export(commit, scratch / "compared"), commit)


def _export(commit: str, directory: Path) -> Path:
    """Unpack a revision beside the repository instead of touching its worktrees."""
    packed = subprocess.run(
        ["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=True
    )
    directory.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(directory, filter="data")
    return directory
