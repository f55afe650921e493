"""How long a publish and a whole trip take while the server is far from busy."""

from benchmarks.protocol import Pace
from benchmarks.scenarios.throughput import cpu_us
from benchmarks.server import Server, Subject
from benchmarks.stage import Row, Scenario, Stage, Trip, each_round

CONNECTIONS = 32
ARRIVAL_P99 = "arrival p99 ms"


def _play(stage: Stage, subject: Subject) -> list[Row]:
    rows = []
    with stage.server(subject) as server:
        stage.warm(server)
        for rate in stage.plan.rates:
            floor = stage.floor_trip(connections=CONNECTIONS, rate=rate)
            rows.append(Row(f"floor, {rate}/s", latency_figures(floor)))
            rows.append(_rate_row(stage, server, rate))
    return rows


def _rate_row(stage: Stage, server: Server, rate: int) -> Row:
    before = server.usage()
    pace = Pace(connections=CONNECTIONS, seconds=stage.plan.window_seconds, rate=rate)
    trip = stage.publish_trip(server, pace)
    cpu = cpu_us(before, server.wait_idle(), trip.sink.count)
    return Row(f"{rate}/s", {**latency_figures(trip), "CPU us/message": cpu})


def latency_figures(trip: Trip) -> dict[str, float]:
    return {
        "publish p50 ms": trip.load.latency.p50_ms,
        "publish p99 ms": trip.load.latency.p99_ms,
        "arrival p50 ms": trip.sink.latency.p50_ms,
        ARRIVAL_P99: trip.sink.latency.p99_ms,
        "arrival max ms": trip.sink.latency.max_ms,
        "generator late p99 ms": trip.load.lateness.p99_ms,
    }


LATENCY = Scenario(
    name="latency",
    title="Latency at a fixed rate",
    note="Open loop: a request is due at its time whatever the server does, and all latencies "
    "count from then, so a stall shows in every request that it delays. `publish` is until the "
    "answer, `arrival` until the sink has the message. `generator late` is how late the "
    "generator itself was.",
    open=each_round(_play),
)
