"""What all scenarios share: one sink, fresh servers, and a measured trip from load to sink."""

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Self

import msgspec

from benchmarks.figures import NS_PER_MS
from benchmarks.options import Options, Plan
from benchmarks.processes import BenchmarkFailed, Child
from benchmarks.protocol import Begin, LoadJob, LoadReport, Pace, SinkReady, SinkReport, Wait
from benchmarks.requests import Address, Template, plain_request, publish_request
from benchmarks.server import TOKEN, Server, Subject


class Row(msgspec.Struct, frozen=True):
    """One case of a scenario in one round. Figures are named with their unit."""

    case: str
    figures: dict[str, float]


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """What the two ends of a measurement saw."""

    load: LoadReport
    sink: SinkReport

    @property
    def seconds(self) -> float:
        """From the first request to the last arrival."""
        return max(self.sink.last_ns - self.load.started_ns, 1) / 1e9

    @property
    def accepted_per_second(self) -> float:
        return self.load.accepted * 1e9 / (self.load.ended_ns - self.load.started_ns)

    @property
    def arrived_per_second(self) -> float:
        return self.sink.count / self.seconds

    @property
    def drain_ms(self) -> float:
        """How long deliveries went on after the last publish was answered."""
        return max(self.sink.last_ns - self.load.ended_ns, 0) / NS_PER_MS

    @property
    def load_busy_percent(self) -> float:
        """CPU of generator and sink. Near 100 the load, not the server, is the bound."""
        return 100 * (self.load.cpu_seconds + self.sink.cpu_seconds) / self.seconds


class Stage:
    """Everything a scenario may use, for one run."""

    def __init__(self, options: Options, scratch: Path) -> None:
        self.plan: Plan = options.plan
        self.load_cpus = options.load_cpus
        self._options = options
        self._scratch = scratch
        self._numbers = itertools.count(1)
        self.sink = Child("benchmarks.sink", "127.0.0.1", "ok", cpus=options.load_cpus)
        self.destination = self.sink.hear(SinkReady, seconds=10).address

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sink.stop()

    def fresh_data(self) -> Path:
        data = self._scratch / f"data-{next(self._numbers)}"
        data.mkdir()
        return data

    def server(
        self,
        subject: Subject,
        data: Path | None = None,
        *,
        settings: Mapping[str, str] | None = None,
    ) -> Server:
        given = {**(settings or {}), **subject.environment}
        subject = msgspec.structs.replace(subject, environment=given)
        return Server(subject, data or self.fresh_data(), cpus=self._options.server_cpus)

    def hanging_sink(self, host: str) -> Child:
        return Child("benchmarks.sink", host, "hang", cpus=self._options.load_cpus)

    def load(self, address: Address, template: Template, pace: Pace, *, tag: int = 0) -> LoadReport:
        """Run a generator to its end. Every request must be accepted."""
        job = LoadJob(address=address, template=template, pace=pace, tag=tag)
        with Child("benchmarks.load", cpus=self._options.load_cpus) as generator:
            generator.tell(job)
            report = generator.hear(LoadReport, seconds=pace.seconds + job.grace_seconds + 15)
        if report.errors or not report.accepted:
            raise BenchmarkFailed(f"refused: {report.errors} {report.first_error}")
        return report

    def trip(self, address: Address, template: Template, pace: Pace) -> Trip:
        """Load, then wait until all that was accepted has arrived. Nothing may be lost."""
        tag = next(self._numbers) % 10_000
        self.sink.tell(Begin(tag=tag))
        self.sink.hear(SinkReport, seconds=10)
        load = self.load(address, template, pace, tag=tag)
        return Trip(load=load, sink=self._arrivals(load.accepted * template.items, load))

    def floor_trip(self, *, connections: int, rate: float | None = None) -> Trip:
        """The same trip with no server on the way."""
        template = plain_request(self.destination, body_bytes=self.plan.body_bytes)
        pace = Pace(connections=connections, seconds=self.plan.floor_seconds, rate=rate)
        return self.trip(self.destination, template, pace)

    def publish_trip(self, server: Server, pace: Pace) -> Trip:
        template = publish_request(
            server.address,
            f"{self.destination.url}/x",
            token=TOKEN,
            body_bytes=self.plan.body_bytes,
        )
        return self.trip(server.address, template, pace)

    def warm(self, server: Server) -> None:
        """Let the server import, connect and allocate before anything counts."""
        self.publish_trip(server, Pace(connections=16, requests=1000))
        server.wait_idle()

    def _arrivals(self, count: int, load: LoadReport) -> SinkReport:
        patience = 30.0 + (load.ended_ns - load.started_ns) / 1e9
        self.sink.tell(Wait(count=count, seconds=patience))
        report = self.sink.hear(SinkReport, seconds=patience + 15)
        if report.count < count:
            raise BenchmarkFailed(f"{count} accepted, but {report.count} arrived in time")
        return report


Play = Callable[[], list[Row]]
"""Measure one round."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """`open` prepares what lasts for all rounds and cleans up after them."""

    name: str
    title: str
    note: str
    open: Callable[[Stage, Subject], AbstractContextManager[Play]]


def each_round(
    play: Callable[[Stage, Subject], list[Row]],
) -> Callable[[Stage, Subject], AbstractContextManager[Play]]:
    """Make the `open` of a scenario that prepares nothing."""

    @contextmanager
    def open_scenario(stage: Stage, subject: Subject) -> Iterator[Play]:
        yield lambda: play(stage, subject)

    return open_scenario


def say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
