"""What can be done to a flow-control key, for the store and for the model of the gates (4.11)."""

from typing import Any

from relaypost.domain import flow_control
from tests.support.gate_parts import KeyModel
from tests.support.gate_watch import Steering

PAUSE = Steering(
    of_pace=lambda pace, now: flow_control.pause(pace),
    of_model=lambda key, now: setattr(key, "is_paused", True),
    creates=True,
)
RESUME = Steering(
    of_pace=lambda pace, now: flow_control.resume(pace),
    of_model=lambda key, now: setattr(key, "is_paused", False),
)
RESET = Steering(
    of_pace=lambda pace, now: flow_control.reset(pace, now=now),
    of_model=KeyModel.reset,
)


def pin(parallelism: int | None, rate: int | None, period_s: int) -> Steering:
    fixed: dict[str, Any] = {"parallelism": parallelism, "rate": rate, "period_s": period_s}
    return Steering(
        of_pace=lambda pace, now: flow_control.pin(pace, **fixed, now=now),
        of_model=lambda key, now: key.pin(**fixed, now=now),
        creates=True,
    )


def unpin(*, parallelism: bool, rate: bool) -> Steering:
    return Steering(
        of_pace=lambda pace, now: flow_control.unpin(pace, parallelism=parallelism, rate=rate),
        of_model=lambda key, now: key.unpin(parallelism=parallelism, rate=rate),
    )
