"""Many schedules that tick at the same minute, beside messages that have nothing to do with it."""

import time

import msgspec

from benchmarks.figures import NS_PER_MS, ratio
from benchmarks.processes import BenchmarkFailed, Child
from benchmarks.protocol import Begin, Pace, SinkReady, SinkReport, Wait
from benchmarks.requests import Address, schedule_request
from benchmarks.scenarios.latency import ARRIVAL_P99, CONNECTIONS, latency_figures
from benchmarks.scenarios.throughput import cpu_us
from benchmarks.server import TOKEN, Server, Subject
from benchmarks.stage import Row, Scenario, Stage, Trip, each_round, say

TICKING_HOST = "127.0.0.4"
CREATED_PER_SECOND = 500
"""A server that takes fewer is too slow for what this measures."""
TAG = 1
MINUTE_S = 60
HEAD_START_S = 5
"""How long before the tick the other messages begin: what comes late is not of the tick."""


def _play(stage: Stage, subject: Subject) -> list[Row]:
    with Child("benchmarks.sink", TICKING_HOST, "ok", cpus=stage.load_cpus) as sink:
        address = sink.hear(SinkReady, seconds=10).address
        with stage.server(_unlimited(subject)) as server:
            stage.warm(server)
            alone = latency_figures(_window(stage, server))
            tick_at = _create(stage, server, sink, address)
            beside = _meet(stage, server, sink, tick_at)
    beside["arrival p99 ratio"] = ratio(beside[ARRIVAL_P99], alone[ARRIVAL_P99])
    return [Row("alone", alone), Row("beside the tick", beside)]


def _unlimited(subject: Subject) -> Subject:
    environment = {**subject.environment, "RELAYPOST_MAX_SCHEDULES": "0"}
    return msgspec.structs.replace(subject, environment=environment)


def _window(stage: Stage, server: Server) -> Trip:
    """Messages to another host, at a rate that leaves the server room."""
    rate, seconds = stage.plan.healthy_rate, stage.plan.tick_seconds
    return stage.publish_trip(server, Pace(connections=CONNECTIONS, seconds=seconds, rate=rate))


def _create(stage: Stage, server: Server, sink: Child, address: Address) -> int:
    """Make all schedules, for a minute that is far enough ahead, which is returned."""
    count = stage.plan.schedules
    say(f"  creating {count:,} schedules")
    patience = count / CREATED_PER_SECOND + HEAD_START_S
    tick_at = (int(time.time() + patience) // MINUTE_S + 1) * MINUTE_S
    minute = time.gmtime(tick_at)
    template = schedule_request(
        server.address,
        f"{address.url}/x",
        token=TOKEN,
        cron=f"{minute.tm_min} {minute.tm_hour} * * *",
        body_bytes=stage.plan.body_bytes,
    )
    sink.tell(Begin(tag=TAG))
    sink.hear(SinkReport, seconds=10)
    pace = Pace(connections=CONNECTIONS, requests=count, seconds=patience)
    report = stage.load(server.address, template, pace, tag=TAG)
    if report.accepted < count:
        raise BenchmarkFailed(f"only {report.accepted:,} schedules were made in time")
    return tick_at


def _meet(stage: Stage, server: Server, sink: Child, tick_at: int) -> dict[str, float]:
    """Publish to the other host while all schedules run."""
    server.wait_idle()
    time.sleep(max(tick_at - HEAD_START_S - time.time(), 0))
    before = server.usage()
    tick_ns = time.monotonic_ns() + int((tick_at - time.time()) * 1e9)
    trip = _window(stage, server)
    sink.tell(Wait(count=stage.plan.schedules, seconds=2 * MINUTE_S))
    ran = sink.hear(SinkReport, seconds=2 * MINUTE_S + 15)
    if ran.count < stage.plan.schedules or ran.duplicates:
        raise BenchmarkFailed(f"{ran.count:,} schedules ran, {ran.duplicates:,} of them twice")
    cpu = cpu_us(before, server.wait_idle(), ran.count + trip.sink.count)
    return {
        **latency_figures(trip),
        "last delivery s": (ran.last_ns - tick_ns) / NS_PER_MS / 1000,
        "CPU us/message": cpu,
    }


SCHEDULES = Scenario(
    name="schedules",
    title="Schedules that tick at the same minute",
    note="All schedules of the plan tick at one minute, to a host of their own; meanwhile, and "
    "before, messages go to another host in an open loop. `last delivery` is from the tick to the "
    "arrival of the last message of a run. The ratio is that of the p99 from publish to arrival.",
    open=each_round(_play),
)
