"""How much goes through: the floor, single publishes, whole trips, batches."""

from benchmarks.protocol import LoadReport, Pace
from benchmarks.requests import Address, Template, batch_request
from benchmarks.server import TOKEN, Server, Subject
from benchmarks.stage import Row, Scenario, Stage, Trip, each_round
from benchmarks.usage import Usage

PUBLISHERS = (32, 64)
BATCH_ITEMS = 100
BATCH_PUBLISHERS = 8


def _play_floor(stage: Stage, subject: Subject) -> list[Row]:
    return [_floor_row(stage, connections) for connections in (1, *PUBLISHERS)]


def _play_publish(stage: Stage, subject: Subject) -> list[Row]:
    with stage.server(subject) as server:
        stage.warm(server)
        return [
            row
            for connections in PUBLISHERS
            for row in (_floor_row(stage, connections), _publish_row(stage, server, connections))
        ]


def _play_end_to_end(stage: Stage, subject: Subject) -> list[Row]:
    with stage.server(subject) as server:
        stage.warm(server)
        return [end_to_end_floor(stage), end_to_end_row(stage, server, case="64 publishers")]


def _play_batch(stage: Stage, subject: Subject) -> list[Row]:
    rows = [_batch_floor_row(stage)]
    with stage.server(subject) as server:
        stage.warm(server)
        rows.append(_batch_row(stage, server, case="delivered at once", delay=None))
        rows.append(_batch_row(stage, server, case="delayed by a day", delay="1d"))
    return rows


def end_to_end_floor(stage: Stage) -> Row:
    trip = stage.floor_trip(connections=64)
    return Row(
        "floor, 64 at once",
        {
            "end to end/s": trip.arrived_per_second,
            "publish/s": trip.accepted_per_second,
            "load CPU %": trip.load_busy_percent,
        },
    )


def end_to_end_row(stage: Stage, server: Server, *, case: str) -> Row:
    """Publish a number of messages as fast as it goes, until the sink has all of them."""
    before = server.usage()
    trip = stage.publish_trip(server, Pace(connections=64, requests=stage.plan.messages))
    after = server.wait_idle()
    return Row(
        case,
        {
            "end to end/s": trip.arrived_per_second,
            "publish/s": trip.accepted_per_second,
            "load CPU %": trip.load_busy_percent,
            "CPU us/message": cpu_us(before, after, trip.sink.count),
            "drain ms": trip.drain_ms,
            "RSS MB": after.rss_bytes / 1e6,
            "peak RSS MB": after.peak_rss_bytes / 1e6,
            "duplicates": trip.sink.duplicates,
        },
    )


def _floor_row(stage: Stage, connections: int) -> Row:
    trip = stage.floor_trip(connections=connections)
    return Row(f"floor, {connections} at once", _publish_figures(trip))


def _publish_row(stage: Stage, server: Server, connections: int) -> Row:
    before = server.usage()
    pace = Pace(connections=connections, seconds=stage.plan.seconds)
    trip = stage.publish_trip(server, pace)
    cpu = cpu_us(before, server.wait_idle(), trip.sink.count)
    figures = {**_publish_figures(trip), "drain ms": trip.drain_ms, "CPU us/message": cpu}
    return Row(f"{connections} publishers", figures)


def _publish_figures(trip: Trip) -> dict[str, float]:
    return {
        "publish/s": trip.accepted_per_second,
        "p50 ms": trip.load.latency.p50_ms,
        "p99 ms": trip.load.latency.p99_ms,
        "max ms": trip.load.latency.max_ms,
        "end to end/s": trip.arrived_per_second,
        "load CPU %": trip.load_busy_percent,
    }


def _batch_floor_row(stage: Stage) -> Row:
    template = _batch(stage, stage.destination, delay=None)
    pace = Pace(connections=BATCH_PUBLISHERS, seconds=stage.plan.floor_seconds)
    return Row("floor", _batch_figures(stage.load(stage.destination, template, pace)))


def _batch_row(stage: Stage, server: Server, *, case: str, delay: str | None) -> Row:
    template = _batch(stage, server.address, delay=delay)
    pace = Pace(connections=BATCH_PUBLISHERS, seconds=stage.plan.seconds)
    before = server.usage()
    trip = None if delay else stage.trip(server.address, template, pace)
    load = trip.load if trip else stage.load(server.address, template, pace)
    cpu = cpu_us(before, server.wait_idle(), load.accepted * BATCH_ITEMS)
    figures = {**_batch_figures(load), "CPU us/message": cpu}
    if trip:
        figures["end to end/s"] = trip.arrived_per_second
    return Row(f"{BATCH_PUBLISHERS} publishers, {case}", figures)


def _batch_figures(load: LoadReport) -> dict[str, float]:
    seconds = (load.ended_ns - load.started_ns) / 1e9
    return {
        "publish/s": load.accepted * BATCH_ITEMS / seconds,
        "request p50 ms": load.latency.p50_ms,
        "request p99 ms": load.latency.p99_ms,
    }


def _batch(stage: Stage, address: Address, *, delay: str | None) -> Template:
    return batch_request(
        address,
        f"{stage.destination.url}/x",
        token=TOKEN,
        body_bytes=stage.plan.body_bytes,
        items=BATCH_ITEMS,
        headers={"Upstash-Delay": delay} if delay else None,
    )


def cpu_us(before: Usage, after: Usage, messages: int) -> float:
    return (after.cpu_seconds - before.cpu_seconds) * 1e6 / max(messages, 1)


FLOOR = Scenario(
    name="floor",
    title="Floor: the load generator straight at the sink",
    note="No server on the way. Nothing below can be faster than this on the same machine.",
    open=each_round(_play_floor),
)

PUBLISH = Scenario(
    name="publish",
    title="Publish throughput, with deliveries",
    note="Closed loop for a fixed time: each publisher sends when its last answer has come.",
    open=each_round(_play_publish),
)

END_TO_END = Scenario(
    name="end-to-end",
    title="End-to-end throughput",
    note="A fixed number of messages, from the first publish to the last arrival at the sink. "
    "CPU is user and system time of the whole server until it is idle again.",
    open=each_round(_play_end_to_end),
)

BATCH = Scenario(
    name="batch",
    title=f"Batch publish throughput, {BATCH_ITEMS} messages a request",
    note="The floor posts the same batches to the sink, which does not take them apart.",
    open=each_round(_play_batch),
)
