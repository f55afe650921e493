"""What queues and flow-control keys cost, beside the same messages without any."""

from collections.abc import Callable

from benchmarks.figures import ratio
from benchmarks.protocol import Pace
from benchmarks.requests import LANE, Template, batch_request, enqueue_request, publish_request
from benchmarks.scenarios.throughput import cpu_us
from benchmarks.server import TOKEN, Server, Subject
from benchmarks.stage import Row, Scenario, Stage, each_round

NO_LIMIT = {"RELAYPOST_MAX_QUEUES": "0"}
KEY = "Upstash-Flow-Control-Key"
VALUE = "Upstash-Flow-Control-Value"
WIDE = "parallelism=1000, rate=1000000"
"""Never full: what a key costs by itself."""

PUBLISHERS = 64
BATCH_PUBLISHERS = 8
BATCH_ITEMS = 100
ONE_BY_ONE = 10
"""A single queue has one message under way at a time: by how much fewer it is given."""

CPU = "CPU us/message"
Make = Callable[[Stage, Server], Template]


def _play(stage: Stage, subject: Subject) -> list[Row]:
    with stage.server(subject, settings=NO_LIMIT) as server:
        stage.warm(server)
        rows: list[Row] = []
        for lanes in stage.plan.lanes:
            rows += _pair(stage, server, _queued(lanes), f"queues, {lanes:,}", lanes=lanes)
        for lanes in stage.plan.lanes:
            rows += _pair(stage, server, _keyed(lanes), f"keys, {lanes:,}", lanes=0)
        return rows


def _play_batches(stage: Stage, subject: Subject) -> list[Row]:
    lanes = stage.plan.lanes[1]
    with stage.server(subject, settings=NO_LIMIT) as server:
        stage.warm(server)
        plain = _row(stage, server, _batch(), "batches, plain", pace=_batches(stage))
        queued = _row(
            stage, server, _batch(queues=lanes), f"batches, {lanes:,} queues", pace=_batches(stage)
        )
        keyed = _row(
            stage, server, _batch(keys=lanes), f"batches, {lanes:,} keys", pace=_batches(stage)
        )
        return [plain, _compared(queued, plain), _compared(keyed, plain)]


def _pair(stage: Stage, server: Server, make: Make, case: str, *, lanes: int) -> list[Row]:
    """Measure with gates right after the same without, as the machine's mood changes."""
    messages = stage.plan.messages // (ONE_BY_ONE if lanes == 1 else 1)
    pace = Pace(connections=PUBLISHERS, requests=messages)
    plain = _row(stage, server, _plain, f"plain, before {case}", pace=pace)
    return [plain, _compared(_row(stage, server, make, case, pace=pace), plain)]


def _row(stage: Stage, server: Server, make: Make, case: str, *, pace: Pace) -> Row:
    before = server.usage()
    trip = stage.trip(server.address, make(stage, server), pace)
    cpu = cpu_us(before, server.wait_idle(), trip.sink.count)
    return Row(
        case,
        {
            "end to end/s": trip.arrived_per_second,
            "publish p50 ms": trip.load.latency.p50_ms,
            "arrival p50 ms": trip.sink.latency.p50_ms,
            CPU: cpu,
            "duplicates": trip.sink.duplicates,
        },
    )


def _compared(row: Row, plain: Row) -> Row:
    return Row(row.case, {**row.figures, "CPU, ratio": ratio(row.figures[CPU], plain.figures[CPU])})


def _plain(stage: Stage, server: Server) -> Template:
    return publish_request(
        server.address,
        f"{stage.destination.url}/x",
        token=TOKEN,
        body_bytes=stage.plan.body_bytes,
    )


def _queued(lanes: int) -> Make:
    def make(stage: Stage, server: Server) -> Template:
        return enqueue_request(
            server.address,
            f"q{lanes}-{LANE}",
            f"{stage.destination.url}/x",
            token=TOKEN,
            body_bytes=stage.plan.body_bytes,
            lanes=lanes,
        )

    return make


def _keyed(lanes: int) -> Make:
    def make(stage: Stage, server: Server) -> Template:
        return publish_request(
            server.address,
            f"{stage.destination.url}/x",
            token=TOKEN,
            body_bytes=stage.plan.body_bytes,
            headers={KEY: f"k{lanes}-{LANE}", VALUE: WIDE},
            lanes=lanes,
        )

    return make


def _batch(*, queues: int = 0, keys: int = 0) -> Make:
    def make(stage: Stage, server: Server) -> Template:
        return batch_request(
            server.address,
            f"{stage.destination.url}/x",
            token=TOKEN,
            body_bytes=stage.plan.body_bytes,
            items=BATCH_ITEMS,
            headers={KEY: f"b{keys}-{LANE}", VALUE: WIDE} if keys else None,
            queue=f"b{queues}-{LANE}" if queues else None,
            lanes=queues or keys,
        )

    return make


def _batches(stage: Stage) -> Pace:
    return Pace(connections=BATCH_PUBLISHERS, requests=stage.plan.messages // BATCH_ITEMS)


GATES = Scenario(
    name="gates",
    title="Queues and flow-control keys",
    note="Messages go round so many queues of parallelism 1, or keys that are never full. Each "
    "is measured right after the same number of messages without gates, on the same server; the "
    "ratio is that of CPU. A single queue delivers one message after the other, and so is given "
    "fewer.",
    open=each_round(_play),
)

GATED_BATCHES = Scenario(
    name="gated-batches",
    title=f"Queues and flow-control keys, batches of {BATCH_ITEMS}",
    note="As before, with batches whose items go round the queues or keys.",
    open=each_round(_play_batches),
)
