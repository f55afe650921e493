"""What the processes of a run tell each other: one JSON line for a command, one for its answer."""

import msgspec

from benchmarks.figures import Latency
from benchmarks.requests import Address, Template


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Send until `requests` are sent or `seconds` are over, whichever is first.

    Without a rate the loop is closed: a connection sends when its last answer has come. With one
    it is open: a request is due at its time, and its latency counts from then.
    """

    connections: int
    requests: int = 2_000_000
    seconds: float = 120.0
    rate: float | None = None


class LoadJob(msgspec.Struct, frozen=True, kw_only=True):
    address: Address
    template: Template
    pace: Pace
    tag: int
    grace_seconds: float = 15.0


class LoadReport(msgspec.Struct, frozen=True, kw_only=True):
    sent: int
    accepted: int
    errors: dict[str, int]
    first_error: str
    started_ns: int
    ended_ns: int
    latency: Latency
    lateness: Latency
    cpu_seconds: float


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag="begin"):
    """Forget all counts and count only messages of this tag."""

    tag: int


class Wait(msgspec.Struct, frozen=True, kw_only=True, tag="wait"):
    """Answer when `count` different messages have come, or after `seconds`."""

    count: int
    seconds: float


class SinkReady(msgspec.Struct, frozen=True, kw_only=True):
    address: Address


class SinkReport(msgspec.Struct, frozen=True, kw_only=True):
    """`strays` carry another tag; `unstamped` have a body that was not made for this sink."""

    count: int
    duplicates: int
    strays: int
    unstamped: int
    last_ns: int
    open_connections: int
    most_connections: int
    latency: Latency
    cpu_seconds: float
