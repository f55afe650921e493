"""What a store says of queues, keys and messages, compared with the model of the gates."""

from relaypost.domain.flow_control import KEYLESS, KeyStatus, Pace
from relaypost.domain.messages import State
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.store.base import Store
from tests.support.coroutines import at_once
from tests.support.gate_model import GateModel
from tests.support.gate_parts import KeyModel, QueueModel, Stage

STATES = {
    Stage.WAITING: {State.WAITING},
    Stage.ACTIVE: {State.ACTIVE},
    Stage.OVER: {State.DELIVERED, State.FAILED, State.CANCELED},
}


def check_readings(store: Store, model: GateModel, projects: tuple[ProjectId, ...]) -> None:
    for queue in model.queues:
        if not queue.is_deleted:
            check_queue(store, model, queue)
    for (owner, key), expected in model.keys.items():
        status = at_once(store.flow_control_keys.get(owner, key, now=UnixMs(model.now)))
        assert status is not None
        check_pace(status.pace, expected, model.now)
        check_counts(model, owner, key, status)
    for owner in projects:
        open_attempts = at_once(store.flow_control_keys.open_attempts(owner))
        assert open_attempts == len(model.open_attempts(owner))
        keyless = at_once(store.flow_control_keys.keyless(owner))
        assert keyless.key == KEYLESS
        assert keyless.open_attempts == len(model.open_attempts(owner, None))
        # Those of a paused queue that a full host holds as well may count or not.
        assert len(model.crowded(owner)) <= keyless.wait_list <= len(model.wait_list(owner, None))


def check_queue(store: Store, model: GateModel, expected: QueueModel) -> None:
    found = at_once(store.queues.get(expected.project, expected.name))
    assert found is not None
    assert (found.parallelism, found.is_paused) == (expected.parallelism, expected.is_paused)
    assert found.lag == model.lag(expected)


def check_pace(pace: Pace, expected: KeyModel, now: int) -> None:
    assert pace.parallelism == expected.parallelism
    assert pace.rate == expected.rate
    if pace.rate is not None:
        assert pace.period_s * 1000 == expected.period_ms
        assert pace.count_at(UnixMs(now)) == expected.starts_in_window(now)
    assert pace.is_paused == expected.is_paused
    assert pace.is_parallelism_pinned == expected.pins_parallelism
    assert pace.is_rate_pinned == expected.pins_rate


def check_counts(model: GateModel, owner: ProjectId, key: str, status: KeyStatus) -> None:
    assert status.open_attempts == len(model.open_attempts(owner, key))
    assert status.wait_list == len(model.wait_list(owner, key))


def check_states(store: Store, model: GateModel) -> None:
    """A message that has ended may be forgotten, or not be shown any more."""
    for item in (*model.items.values(), *model.ended.values()):
        found = at_once(store.messages.get(item.project, [item.id]))
        if item.queue is not None and item.queue.is_deleted:
            continue  # whether it has been written down that it is canceled
        assert not found or found[0].state in STATES[item.stage], (item, found)
        assert found or item.stage is Stage.OVER, item
