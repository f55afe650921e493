"""The command line, read once into values; and how much a quick and a full run do."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.processes import Cpus, placement

DESCRIPTION = "Measure a running relaypost over HTTP, beside the floor of the machine."


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much each scenario does in one round. Every load is bounded in count and in time."""

    seconds: float
    floor_seconds: float
    messages: int
    rates: tuple[int, ...]
    backlogs: tuple[int, ...]
    lanes: tuple[int, ...]
    gated_messages: int
    gates: int
    due_messages: int
    healthy_rate: int
    window_seconds: float
    starts: int
    body_bytes: int
    schedules: int
    tick_seconds: float


class Options(msgspec.Struct, frozen=True, kw_only=True):
    plan: Plan
    only: tuple[str, ...]
    rounds: int
    server_directories: tuple[str, ...]
    compare: str | None
    pythons: tuple[str, ...]
    environment: dict[str, str]
    server_cpus: Cpus | None
    load_cpus: Cpus | None
    output: Path
    command: str


FULL = Plan(
    seconds=5,
    floor_seconds=2,
    messages=30_000,
    rates=(50, 200, 1000),
    backlogs=(0, 100_000, 1_000_000),
    lanes=(1, 100, 10_000),
    gated_messages=1_000_000,
    gates=1_000,
    due_messages=10_000,
    healthy_rate=200,
    window_seconds=10,
    starts=5,
    body_bytes=1000,
    schedules=100_000,
    tick_seconds=60,
)

QUICK = msgspec.structs.replace(
    FULL,
    seconds=1.5,
    floor_seconds=0.7,
    messages=10_000,
    backlogs=(0, 20_000),
    lanes=(1, 100, 1_000),
    gated_messages=20_000,
    gates=100,
    window_seconds=3,
    starts=3,
    schedules=5_000,
    tick_seconds=10,
)


def parse_options(arguments: Sequence[str], *, scenarios: Sequence[str]) -> Options:
    parser = _parser(scenarios)
    given = parser.parse_args(arguments)
    if len(given.server_dir) > 2 or (given.compare and len(given.server_dir) > 1):
        parser.error("at most two trees can be compared")
    server_cpus, load_cpus = (None, None) if given.no_pin else _placement()
    return Options(
        plan=_plan(given),
        only=tuple(given.only),
        rounds=given.rounds or (1 if given.quick else 3),
        server_directories=tuple(given.server_dir),
        compare=given.compare,
        pythons=tuple(given.python) or (sys.executable,),
        environment=dict(pair.split("=", 1) for pair in given.server_env),
        server_cpus=server_cpus,
        load_cpus=load_cpus,
        output=given.output,
        command=show_command(arguments),
    )


def show_command(arguments: Sequence[str]) -> str:
    """Repeat the command without what only means something on this machine, or is private."""
    return " ".join(["python -m benchmarks", *map(_show, arguments)])


def _show(argument: str) -> str:
    name, equals, value = argument.partition("=")
    if argument.startswith("--"):
        return name + equals + _show(value) if equals else name
    if equals:
        return f"{name}=..."
    return Path(argument).name if argument.startswith(("/", ".", "~")) else argument


def _parser(scenarios: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=DESCRIPTION)
    add = parser.add_argument
    add("--quick", action="store_true", help="one short round of everything, about a minute")
    add("--only", action="append", default=[], choices=scenarios, help="may be given repeatedly")
    add("--rounds", type=int, help="3 unless quick; figures are medians over rounds")
    add("--server-dir", action="append", default=[], metavar="DIR", help="tree; twice: compare")
    add("--compare", metavar="TREE", help="measure against this directory or git revision")
    add("--python", action="append", default=[], metavar="PATH", help="runs the server; repeatable")
    add("--server-env", action="append", default=[], metavar="KEY=VALUE", type=_pair)
    add("--body-bytes", type=int, help=f"size of a message body (default {FULL.body_bytes})")
    add("--backlog", type=_counts, metavar="N,N", help="waiting messages, 0 first")
    add("--gated", type=int, metavar="N", help="messages behind closed gates")
    add("--seconds", type=float, help="length of each timed measurement")
    add("--no-pin", action="store_true", help="let server and load share all CPUs")
    add("--output", type=Path, default=Path("build/benchmarks"), metavar="DIR")
    return parser


def _plan(given: argparse.Namespace) -> Plan:
    changes = {
        "body_bytes": given.body_bytes,
        "backlogs": given.backlog,
        "gated_messages": given.gated,
        "seconds": given.seconds,
    }
    asked = {name: value for name, value in changes.items() if value is not None}
    return msgspec.structs.replace(QUICK if given.quick else FULL, **asked)


def _placement() -> tuple[Cpus | None, Cpus | None]:
    return placement(sorted(os.sched_getaffinity(0)))


def _pair(text: str) -> str:
    if "=" not in text:
        raise argparse.ArgumentTypeError("must be KEY=VALUE")
    return text


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))
