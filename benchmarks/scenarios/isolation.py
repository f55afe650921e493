"""What a host that is dead, or that never answers, does to messages for a healthy one."""

import math
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.figures import ratio
from benchmarks.options import FULL
from benchmarks.processes import BenchmarkFailed, Child
from benchmarks.protocol import Pace, SinkReady, SinkReport, Wait
from benchmarks.requests import Address, batch_request
from benchmarks.scenarios.latency import ARRIVAL_P99, CONNECTIONS, latency_figures
from benchmarks.server import TOKEN, Server, Subject
from benchmarks.stage import Row, Scenario, Stage, each_round

DEAD_HOST = "127.0.0.2"
HANGING_HOST = "127.0.0.3"
HANGING_TIMEOUT = "5s"
BATCH_ITEMS = 500
BODY_BYTES = 256
LOADING_SECONDS = 4


def _play(stage: Stage, subject: Subject) -> list[Row]:
    floor = stage.floor_trip(connections=CONNECTIONS, rate=stage.plan.healthy_rate)
    rows = [Row("floor", latency_figures(floor))]
    with _dead_port() as address:
        rows += _beside(stage, subject, address, what="dead")
    with stage.hanging_sink(HANGING_HOST) as sink:
        address = sink.hear(SinkReady, seconds=10).address
        rows += _beside(stage, subject, address, what="hanging")
        rows[-1].figures["connections held"] = _most_connections(sink)
    return rows


def _beside(stage: Stage, subject: Subject, bad: Address, *, what: str) -> list[Row]:
    with stage.server(subject) as server:
        stage.warm(server)
        alone = _window(stage, server)
        due_at = _load_due(stage, server, bad)
        time.sleep(max(due_at - time.time(), 0))
        beside = _window(stage, server)
    beside["arrival p99 ratio"] = ratio(beside[ARRIVAL_P99], alone[ARRIVAL_P99])
    return [Row(f"alone, before {what}", alone), Row(f"beside a {what} host", beside)]


def _window(stage: Stage, server: Server) -> dict[str, float]:
    """Measure the healthy host. The CPU shows whether the other one was busy meanwhile."""
    before = server.usage().cpu_seconds
    pace = Pace(
        connections=CONNECTIONS,
        seconds=stage.plan.window_seconds,
        rate=stage.plan.healthy_rate,
    )
    figures = latency_figures(stage.publish_trip(server, pace))
    return {**figures, "server CPU s": server.usage().cpu_seconds - before}


def _load_due(stage: Stage, server: Server, bad: Address) -> int:
    """Give the bad host its messages, all due at one moment, which is returned."""
    due_at = math.ceil(time.time()) + LOADING_SECONDS
    headers = {"Upstash-Not-Before": str(due_at), "Upstash-Timeout": HANGING_TIMEOUT}
    template = batch_request(
        server.address,
        f"{bad.url}/x",
        token=TOKEN,
        body_bytes=BODY_BYTES,
        items=BATCH_ITEMS,
        headers=headers,
    )
    requests = -(-stage.plan.due_messages // BATCH_ITEMS)
    stage.load(server.address, template, Pace(connections=2, requests=requests, seconds=60))
    if time.time() > due_at:
        raise BenchmarkFailed(f"loading took longer than {LOADING_SECONDS} s")
    return due_at


@contextmanager
def _dead_port() -> Iterator[Address]:
    """Hold a port without listening: connecting is refused, and nobody else can take it."""
    with socket.socket() as held:
        held.bind((DEAD_HOST, 0))
        yield Address(DEAD_HOST, held.getsockname()[1])


def _most_connections(sink: Child) -> int:
    sink.tell(Wait(count=0, seconds=0))
    return sink.hear(SinkReport, seconds=10).most_connections


ISOLATION = Scenario(
    name="isolation",
    title="A healthy host beside a dead or a hanging one",
    note="Open loop to a healthy host: first alone, then from the moment when "
    f"{FULL.due_messages:,} messages for the other host are all due. The dead host refuses "
    f"connections; the hanging one takes them and never answers (timeout {HANGING_TIMEOUT}). "
    "Retries are the protocol's defaults. The ratio is that of the p99 from publish to arrival.",
    open=each_round(_play),
)
