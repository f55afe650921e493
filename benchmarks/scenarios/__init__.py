"""All scenarios, in the order of a report."""

from benchmarks.scenarios.backlog import BACKLOG
from benchmarks.scenarios.closed_gates import CLOSED_GATES
from benchmarks.scenarios.gates import GATED_BATCHES, GATES
from benchmarks.scenarios.isolation import ISOLATION
from benchmarks.scenarios.latency import LATENCY
from benchmarks.scenarios.schedules import SCHEDULES
from benchmarks.scenarios.startup import START_UP
from benchmarks.scenarios.throughput import BATCH, END_TO_END, FLOOR, PUBLISH

SCENARIOS = (
    FLOOR,
    PUBLISH,
    END_TO_END,
    LATENCY,
    BACKLOG,
    ISOLATION,
    BATCH,
    GATES,
    GATED_BATCHES,
    CLOSED_GATES,
    SCHEDULES,
    START_UP,
)
