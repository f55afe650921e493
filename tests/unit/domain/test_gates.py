"""Gates: their names, and how much room a host has."""

import pytest

from relaypost.domain.gates import (
    STEPS,
    Capacity,
    GateKind,
    allowance_after,
    crowding,
    gate_id,
    host_gate,
    host_limit,
    project_gate,
)
from relaypost.domain.types import ProjectId

ONE, TWO = ProjectId(1), ProjectId(2)
CAPACITY = Capacity(node=64, host=32)


def test_gates_have_names_of_their_own() -> None:
    names = {
        project_gate(ONE),
        project_gate(TWO),
        host_gate(ONE, "a.example"),
        host_gate(ONE, "a.example:8443"),
        host_gate(TWO, "a.example"),
        gate_id(GateKind.HOST, ONE),
    }
    assert len(names) == 6


def test_names_stay_as_they_are_stored() -> None:
    assert project_gate(ONE) == gate_id(GateKind.PROJECT, ONE) == 4607986831128931312
    assert host_gate(ONE, "api.example.com") == 7939034292221854246


@pytest.mark.parametrize(
    ("open_attempts", "crowded"), [(0, 0), (7, 0), (8, 1), (32, 4), (63, 7), (64, 7), (100, 7)]
)
def test_a_node_fills_in_steps(open_attempts: int, crowded: int) -> None:
    assert crowding(open_attempts, CAPACITY) == crowded


@pytest.mark.parametrize(
    ("open_attempts", "crowded"), [(32, 4), (31, 4), (28, 4), (27, 3), (20, 3), (19, 2), (0, 0)]
)
def test_it_eases_half_a_step_below(open_attempts: int, crowded: int) -> None:
    assert crowding(open_attempts, CAPACITY, was=4) == crowded


def test_it_rises_at_once() -> None:
    assert crowding(40, CAPACITY, was=2) == 5


def test_a_host_has_less_room_the_fuller_the_node() -> None:
    limits = [host_limit(crowded, CAPACITY) for crowded in range(STEPS)]
    assert limits == [32, 21, 13, 7, 4, 1, 1, 1]


def test_down_halves_and_back_doubles() -> None:
    downwards = [32]
    for _ in range(6):
        downwards.append(allowance_after(downwards[-1], reached=False, capacity=CAPACITY))
    assert downwards == [32, 16, 8, 4, 2, 1, 1]
    upwards = [1]
    for _ in range(6):
        upwards.append(allowance_after(upwards[-1], reached=True, capacity=CAPACITY))
    assert upwards == [1, 2, 4, 8, 16, 32, 32]
