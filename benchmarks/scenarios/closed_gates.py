"""What a backlog behind closed gates costs those that are free."""

import http.client
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec

from benchmarks.figures import ratio
from benchmarks.processes import BenchmarkFailed
from benchmarks.protocol import Pace
from benchmarks.requests import LANE, batch_request
from benchmarks.scenarios.gates import CPU, KEY, NO_LIMIT, VALUE
from benchmarks.scenarios.throughput import end_to_end_floor, end_to_end_row
from benchmarks.server import TOKEN, Server, Subject
from benchmarks.stage import Play, Row, Scenario, Stage, say

BATCH_ITEMS = 1000
BODY_BYTES = 256
LOAD_SECONDS = 900.0
FULL = "rate=1, period=7d"
"""The first message of a key goes, all others wait for a week."""


class Stocked(msgspec.Struct, frozen=True, kw_only=True):
    server: Server
    loaded_per_second: float
    restarted_rss: int


@contextmanager
def _open(stage: Stage, subject: Subject) -> Iterator[Play]:
    """Keep a server with and one without a backlog running, so that they take turns."""
    with ExitStack() as stack:
        free = _start(stage, subject, stack, waiting=0)
        beside = _start(stage, subject, stack, waiting=stage.plan.gated_messages)
        yield lambda: _play(stage, free, beside)


def _play(stage: Stage, free: Stocked, beside: Stocked) -> list[Row]:
    rows = [end_to_end_floor(stage)]
    alone = end_to_end_row(stage, free.server, case="alone")
    crowded = end_to_end_row(
        stage, beside.server, case=f"beside {stage.plan.gated_messages:,} behind closed gates"
    )
    for row, stock in ((alone, free), (crowded, beside)):
        figures = {
            **row.figures,
            "CPU, ratio": ratio(row.figures[CPU], alone.figures[CPU]),
            "ready again ms": stock.server.ready_seconds * 1000,
            "RSS MB, started again": stock.restarted_rss / 1e6,
        }
        if stock.loaded_per_second:
            figures["loaded/s"] = stock.loaded_per_second
        rows.append(Row(row.case, figures))
    return rows


def _start(stage: Stage, subject: Subject, stack: ExitStack, *, waiting: int) -> Stocked:
    data = stage.fresh_data()
    with stage.server(subject, data, settings=NO_LIMIT) as server:
        stage.warm(server)
        loaded_per_second = _load(stage, server, waiting)
        server.wait_idle(seconds=60)
        server.stop(seconds=30)
    again = stack.enter_context(stage.server(subject, data, settings=NO_LIMIT))
    restarted_rss = again.wait_idle().rss_bytes
    stage.warm(again)
    return Stocked(server=again, loaded_per_second=loaded_per_second, restarted_rss=restarted_rss)


def _load(stage: Stage, server: Server, waiting: int) -> float:
    """Half of the messages behind keys that are full, half in queues that are paused."""
    if not waiting:
        return 0.0
    say(f"  loading {waiting:,} messages behind {2 * stage.plan.gates:,} closed gates")
    _pause_queues(server, stage.plan.gates)
    seconds = _load_half(stage, server, waiting // 2, queue=None)
    seconds += _load_half(stage, server, waiting // 2, queue=f"q-{LANE}")
    return waiting / seconds


def _pause_queues(server: Server, count: int) -> None:
    connection = http.client.HTTPConnection(server.address.host, server.address.port, timeout=10)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    for number in range(count):
        body = json.dumps({"queueName": f"q-{number:06d}", "parallelism": 1, "paused": True})
        connection.request("POST", "/v2/queues", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise BenchmarkFailed(f"no queue was made: {answer.status} {text[:200]!r}")
    connection.close()


def _load_half(stage: Stage, server: Server, waiting: int, *, queue: str | None) -> float:
    template = batch_request(
        server.address,
        f"{stage.destination.url}/x",
        token=TOKEN,
        body_bytes=BODY_BYTES,
        items=min(BATCH_ITEMS, waiting),
        headers=None if queue else {KEY: f"k-{LANE}", VALUE: FULL},
        queue=queue,
        lanes=stage.plan.gates,
    )
    pace = Pace(connections=2, requests=-(-waiting // template.items), seconds=LOAD_SECONDS)
    report = stage.load(server.address, template, pace)
    if report.accepted < pace.requests:
        raise BenchmarkFailed(f"loading {waiting:,} messages took over {LOAD_SECONDS:.0f} s")
    return (report.ended_ns - report.started_ns) / 1e9


CLOSED_GATES = Scenario(
    name="closed-gates",
    title="Free messages beside a backlog behind closed gates",
    note="Half of the backlog waits behind flow-control keys whose rate is used up, half in "
    "paused queues. It is loaded by batches, then the server is started again on that database, "
    "and the end-to-end measurement of messages without gates takes turns with the same on an "
    "empty one. The ratio is that of CPU.",
    open=_open,
)
