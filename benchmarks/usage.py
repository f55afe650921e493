"""CPU time and memory of a process and all its children, from /proc."""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    cpu_seconds: float
    rss_bytes: int
    peak_rss_bytes: int


def read_usage(pid: int) -> Usage:
    """Add up the tree. CPU of children that have ended counts through their parent."""
    cpu, rss, peak = 0.0, 0, 0
    for member in _tree(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            status = _status(member)
            cpu += _cpu_seconds(member)
            rss += status.get("VmRSS", 0)
            peak += status.get("VmHWM", 0)
    return Usage(cpu_seconds=cpu, rss_bytes=rss, peak_rss_bytes=peak)


def parse_cpu_ticks(stat: str) -> int:
    """Add user and system ticks, own and of ended children: fields 14 to 17 of /proc/PID/stat.

    The second field is the name, which may hold blanks and parentheses, so count from its end.
    """
    fields = stat.rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])


def parse_status_bytes(status: str) -> dict[str, int]:
    """Read the lines of /proc/PID/status that end in kB."""
    sizes = {}
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if value.endswith("kB"):
            sizes[name] = int(value.split()[0]) * 1024
    return sizes


def _cpu_seconds(pid: int) -> float:
    return parse_cpu_ticks(Path(f"/proc/{pid}/stat").read_text()) / TICKS_PER_SECOND


def _status(pid: int) -> dict[str, int]:
    return parse_status_bytes(Path(f"/proc/{pid}/status").read_text())


def _tree(pid: int) -> list[int]:
    members = [pid]
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children = (task / "children").read_text().split()
            for child in children:
                members += _tree(int(child))
    return members
