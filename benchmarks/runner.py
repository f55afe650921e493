"""Runs the chosen scenarios round by round and writes the report."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from benchmarks.machine import filesystem, machine_line, subject_line
from benchmarks.options import Options, parse_options
from benchmarks.processes import BenchmarkFailed
from benchmarks.report import Report, Section, Series, render
from benchmarks.scenarios import SCENARIOS
from benchmarks.server import Subject
from benchmarks.sources import find_subjects
from benchmarks.stage import Scenario, Stage, say


def main(arguments: Sequence[str]) -> int:
    options = parse_options(arguments, scenarios=[scenario.name for scenario in SCENARIOS])
    scratch = Path(tempfile.mkdtemp(prefix="relaypost-benchmark-"))
    try:
        report = _run(options, scratch)
    except BenchmarkFailed as error:
        say(str(error))
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    text = render(report)
    _write(options.output, report, text)
    sys.stdout.write(text)
    return 1 if any(section.failure for section in report.sections) else 0


def _run(options: Options, scratch: Path) -> Report:
    subjects = find_subjects(options, scratch)
    facts = _facts(options, subjects, scratch)
    if options.load_cpus:
        os.sched_setaffinity(0, options.load_cpus)
    chosen = [s for s in SCENARIOS if not options.only or s.name in options.only]
    with Stage(options, scratch) as stage:
        sections = [_section(scenario, stage, subjects, options.rounds) for scenario in chosen]
    return Report(
        command=options.command,
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        facts=facts,
        labels=[subject.label for subject in subjects],
        rounds=options.rounds,
        sections=sections,
    )


def _facts(options: Options, subjects: list[Subject], scratch: Path) -> list[str]:
    """What has to stand beside the figures; read before this process is pinned."""
    pins = "server and load share all CPUs"
    if options.server_cpus and options.load_cpus:
        pins = f"server on CPU {_show(options.server_cpus)}, load on {_show(options.load_cpus)}"
    return [
        f"Machine: {machine_line()}; data on {filesystem(scratch)}; {pins}",
        *(subject_line(subject) for subject in subjects),
        f"Message body: {options.plan.body_bytes} B",
    ]


def _section(scenario: Scenario, stage: Stage, subjects: list[Subject], rounds: int) -> Section:
    series = Series()
    failure = ""
    try:
        with ExitStack() as stack:
            plays = [stack.enter_context(scenario.open(stage, s)) for s in subjects]
            for number in range(1, rounds + 1):
                for subject, play in zip(subjects, plays, strict=True):
                    say(f"{scenario.name}: round {number} of {rounds}, {subject.label}")
                    series.add(subject.label, play())
    except BenchmarkFailed as error:
        failure = str(error)
        say(f"{scenario.name} failed: {failure}")
    return Section(
        name=scenario.name,
        title=scenario.title,
        note=scenario.note,
        failure=failure.partition("\n")[0],
        figures=series.figures,
    )


def _write(directory: Path, report: Report, text: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "report.md").write_text(text)
    (directory / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(report)))


def _show(cpus: frozenset[int]) -> str:
    return ",".join(str(cpu) for cpu in sorted(cpus))
