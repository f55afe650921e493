"""What a figure depends on besides the code: machine, interpreter, versions."""

import os
import platform
import subprocess
from pathlib import Path

from benchmarks.server import Subject

PACKAGES = ("apsw", "uvicorn", "uvloop", "httptools", "msgspec")

_ASK_VERSIONS = """
import importlib.metadata as m, platform
found = [platform.python_implementation() + " " + platform.python_version()]
for name in %r:
    try: found.append(name + " " + m.version(name))
    except m.PackageNotFoundError: pass
print(", ".join(found))
"""


def machine_line() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{len(os.sched_getaffinity(0))} CPUs ({cpu_model()}), {memory:.0f} GiB, "
        f"{platform.system()} {platform.release().split('-')[0]}"
    )


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def versions_line(python: str) -> str:
    """Ask the interpreter that runs the server, which need not be this one."""
    asked = subprocess.run(
        [python, "-c", _ASK_VERSIONS % (PACKAGES,)], capture_output=True, text=True, check=True
    )
    return asked.stdout.strip()


def revision(directory: Path) -> str:
    """Name the commit, with a plus when the tree has changes of its own."""
    commit = short_commit(directory, "HEAD")
    if not commit:
        return "no revision"
    return commit + ("+" if _git(directory, "status", "--porcelain", "--", "relaypost") else "")


def short_commit(directory: Path, name: str) -> str:
    return _git(directory, "rev-parse", "--short", f"{name}^{{commit}}")


def filesystem(directory: Path) -> str:
    """Name the kind of file system: on tmpfs a flush costs nothing and figures mean little."""
    path, best = str(directory.resolve()), ("", "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        mount, kind = line.split()[1:3]
        inside = path == mount or path.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best[0]):
            best = (mount, kind)
    return best[1]


def subject_line(subject: Subject) -> str:
    return f"{subject.label}: {subject.revision}, {versions_line(subject.python)}"


def _git(directory: Path, *arguments: str) -> str:
    asked = subprocess.run(
        ["git", "-C", str(directory), *arguments], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() if asked.returncode == 0 else ""
