"""The generator and the sink as the processes they are."""

import os
import sys
from pathlib import Path

import pytest

from benchmarks.processes import BenchmarkFailed, Child
from benchmarks.protocol import Begin, LoadJob, LoadReport, Pace, SinkReady, SinkReport, Wait
from benchmarks.requests import Address, plain_request
from benchmarks.server import Server, Subject
from benchmarks.usage import read_usage


def load(address: Address, pace: Pace, *, grace_seconds: float = 15) -> LoadReport:
    job = LoadJob(
        address=address,
        template=plain_request(address, body_bytes=200),
        pace=pace,
        tag=5,
        grace_seconds=grace_seconds,
    )
    with Child("benchmarks.load", cpus=None) as generator:
        generator.tell(job)
        return generator.hear(LoadReport, seconds=20)


@pytest.mark.parametrize("rate", [None, 500.0])
def test_all_that_is_sent_arrives_once(rate: float | None) -> None:
    with Child("benchmarks.sink", "127.0.0.1", "ok", cpus=None) as sink:
        address = sink.hear(SinkReady, seconds=10).address
        sink.tell(Begin(tag=5))
        assert sink.hear(SinkReport, seconds=10).count == 0

        report = load(address, Pace(connections=4, requests=100, rate=rate))
        sink.tell(Wait(count=100, seconds=10))
        arrived = sink.hear(SinkReport, seconds=15)

    assert (report.sent, report.accepted, report.errors) == (100, 100, {})
    assert (arrived.count, arrived.duplicates, arrived.strays) == (100, 0, 0)
    assert report.started_ns < arrived.last_ns < report.ended_ns
    assert 0 < arrived.latency.p50_ms < report.latency.max_ms


def test_a_hanging_sink_takes_requests_and_answers_none() -> None:
    with Child("benchmarks.sink", "127.0.0.1", "hang", cpus=None) as sink:
        address = sink.hear(SinkReady, seconds=10).address
        report = load(address, Pace(connections=3, requests=9, seconds=0.1), grace_seconds=0.1)
        sink.tell(Wait(count=0, seconds=0))
        arrived = sink.hear(SinkReport, seconds=10)

    assert report.accepted == 0
    assert report.errors == {"not done in time": 1, "unanswered": 3}
    assert arrived.most_connections == 3


def test_a_server_that_ends_at_once_is_a_failure_with_its_last_words(tmp_path: Path) -> None:
    package = tmp_path / "relaypost"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("raise SystemExit('no such setting')")
    subject = Subject(
        label="A", directory=tmp_path, revision="", python=sys.executable, environment={}
    )

    with pytest.raises(BenchmarkFailed, match="no such setting"):
        Server(subject, tmp_path, cpus=None)


def test_usage_of_this_very_process() -> None:
    usage = read_usage(os.getpid())

    assert usage.cpu_seconds > 0
    assert 0 < usage.rss_bytes <= usage.peak_rss_bytes
