"""How long a start takes, and what an idle server holds."""

import statistics
import subprocess
import time

from benchmarks.server import Subject
from benchmarks.stage import Row, Scenario, Stage, each_round


def _play(stage: Stage, subject: Subject) -> list[Row]:
    bare = [_bare_start_ms(subject) for _ in range(stage.plan.starts)]
    fresh = [_start(stage, subject) for _ in range(stage.plan.starts)]
    return [
        Row("floor, bare interpreter", {"ready ms": statistics.median(bare)}),
        Row(
            "empty database",
            {
                "ready ms": statistics.median(ready for ready, _ in fresh),
                "RSS MB": statistics.median(rss for _, rss in fresh),
            },
        ),
    ]


def _start(stage: Stage, subject: Subject) -> tuple[float, float]:
    with stage.server(subject) as server:
        return server.ready_seconds * 1000, server.usage().rss_bytes / 1e6


def _bare_start_ms(subject: Subject) -> float:
    started = time.monotonic()
    subprocess.run([subject.python, "-c", "pass"], check=True)
    return (time.monotonic() - started) * 1000


START_UP = Scenario(
    name="start-up",
    title="Start-up time",
    note="From process start until `GET /readyz` answers 200, asked every 2 ms.",
    open=each_round(_play),
)
