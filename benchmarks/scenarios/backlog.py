"""What messages that wait for a later day cost those that do not."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec

from benchmarks.figures import ratio
from benchmarks.processes import BenchmarkFailed
from benchmarks.protocol import Pace
from benchmarks.requests import batch_request
from benchmarks.scenarios.throughput import end_to_end_floor, end_to_end_row
from benchmarks.server import TOKEN, Server, Subject
from benchmarks.stage import Play, Row, Scenario, Stage, say

BATCH_ITEMS = 1000
BODY_BYTES = 256
LOAD_SECONDS = 600.0

END_TO_END = "end to end/s"


class Stocked(msgspec.Struct, frozen=True, kw_only=True):
    """A server started again on a database with `waiting` messages, and what came before."""

    waiting: int
    server: Server
    loaded_per_second: float
    growth_bytes: float
    restarted_rss: int


@contextmanager
def _open(stage: Stage, subject: Subject) -> Iterator[Play]:
    """Keep a server of each size running, so that sizes take turns within a round."""
    with ExitStack() as stack:
        stocks = [_stock(stage, subject, stack, waiting=count) for count in stage.plan.backlogs]
        yield lambda: _play(stage, stocks)


def _play(stage: Stage, stocks: list[Stocked]) -> list[Row]:
    rows = [end_to_end_floor(stage)]
    base = None
    for stock in stocks:
        row = end_to_end_row(stage, stock.server, case=f"{stock.waiting:,} waiting")
        base = base or row.figures[END_TO_END]
        rows.append(Row(row.case, _figures(row, stock, base=base, empty=stocks[0])))
    return rows


def _figures(row: Row, stock: Stocked, *, base: float, empty: Stocked) -> dict[str, float]:
    figures = {
        END_TO_END: row.figures[END_TO_END],
        "publish/s": row.figures["publish/s"],
        "load CPU %": row.figures["load CPU %"],
        "ratio to none": ratio(row.figures[END_TO_END], base),
        "CPU us/message": row.figures["CPU us/message"],
        "ready again ms": stock.server.ready_seconds * 1000,
        "peak RSS MB": row.figures["peak RSS MB"],
    }
    if stock.waiting:
        restarted = (stock.restarted_rss - empty.restarted_rss) / stock.waiting
        figures["loaded/s"] = stock.loaded_per_second
        figures["RSS B/waiting"] = stock.growth_bytes / stock.waiting
        figures["RSS B/waiting, started again"] = restarted
    return figures


def _stock(stage: Stage, subject: Subject, stack: ExitStack, *, waiting: int) -> Stocked:
    data = stage.fresh_data()
    with stage.server(subject, data) as server:
        stage.warm(server)
        before = server.usage().rss_bytes
        loaded_per_second = _load(stage, server, waiting)
        growth = server.wait_idle().rss_bytes - before
        server.stop(seconds=30)
    again = stack.enter_context(stage.server(subject, data))
    restarted_rss = again.wait_idle().rss_bytes
    stage.warm(again)
    return Stocked(
        waiting=waiting,
        server=again,
        loaded_per_second=loaded_per_second,
        growth_bytes=growth,
        restarted_rss=restarted_rss,
    )


def _load(stage: Stage, server: Server, waiting: int) -> float:
    if not waiting:
        return 0.0
    say(f"  loading {waiting:,} delayed messages")
    template = batch_request(
        server.address,
        f"{stage.destination.url}/x",
        token=TOKEN,
        body_bytes=BODY_BYTES,
        items=min(BATCH_ITEMS, waiting),
        headers={"Upstash-Delay": "1d"},
    )
    pace = Pace(connections=2, requests=-(-waiting // template.items), seconds=LOAD_SECONDS)
    report = stage.load(server.address, template, pace)
    if report.accepted < pace.requests:
        raise BenchmarkFailed(f"loading {waiting:,} messages took over {LOAD_SECONDS:.0f} s")
    return report.accepted * template.items * 1e9 / (report.ended_ns - report.started_ns)


BACKLOG = Scenario(
    name="backlog",
    title="Throughput beside messages that wait",
    note="Messages delayed by a day are loaded by batches, then the server is started again on "
    "that database and the end-to-end measurement runs beside them. `RSS B/waiting` is growth "
    f"of resident memory for each waiting message (body {BODY_BYTES} B): right after loading, "
    "which includes caches and what the allocator keeps, and after the new start.",
    open=_open,
)
