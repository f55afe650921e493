"""Gates: what a message must pass before an attempt.

A gate is named by a 64-bit hash, so that none has to be looked up or interned. A message that meets
a closed gate is parked in a wait list of it and is not looked at again until the gate opens. It
holds no slot of one gate while it waits at another: slots of all its gates are taken together, or
none. Only the place in its queue is taken before, and kept.
"""

import enum
import hashlib
from dataclasses import dataclass
from functools import lru_cache

from relaypost.domain.types import GateId, ProjectId


class GateKind(enum.Enum):
    QUEUE = "queue"
    """Where messages wait for a place."""
    IN_HAND = "in hand"
    """Where those that have a place wait while their queue is paused."""
    KEY = "key"
    PROJECT = "project"
    HOST = "host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How many attempts may be open at once: of this node, of a project, to a host of a project."""

    node: int = 4096
    project: int = 1000
    """Zero means unlimited."""
    host: int = 256


def gate_id(kind: GateKind, project: ProjectId, name: str = "") -> GateId:
    digest = hashlib.blake2b(f"{kind.value}\0{project}\0{name}".encode(), digest_size=8).digest()
    return GateId(int.from_bytes(digest, "big", signed=True))


@lru_cache(maxsize=4096)
def project_gate(project: ProjectId) -> GateId:
    return gate_id(GateKind.PROJECT, project)


@lru_cache(maxsize=65536)
def host_gate(project: ProjectId, host: str) -> GateId:
    return gate_id(GateKind.HOST, project, host)


@lru_cache(maxsize=65536)
def key_gate(project: ProjectId, key: str) -> GateId:
    return gate_id(GateKind.KEY, project, key)


def wait_list(host: GateId, key: GateId | None) -> GateId:
    """The list of a host in which messages of a key wait, or those without one.

    Freed slots go round these lists, so that a long one delays no other.
    """
    return host if key is None else GateId(host ^ key)


STEPS = 8


def crowding(open_attempts: int, capacity: Capacity, *, was: int = 0) -> int:
    """How full the node is, in eighths: 0 is empty, 7 nearly full.

    It falls half a step below where it rose: a node at an edge would else give all hosts more
    room, and look at all their backlogs, with every other attempt.
    """
    crowded = min(STEPS - 1, open_attempts * STEPS // capacity.node)
    if crowded >= was:
        return crowded
    return min(was, (open_attempts * STEPS + capacity.node // 2) // capacity.node)


def next_step(crowded: int, capacity: Capacity) -> int:
    """With how many open attempts the node is a step fuller."""
    return -(-(crowded + 1) * capacity.node // STEPS)


def host_limit(crowded: int, capacity: Capacity) -> int:
    """The slots that one host may hold: all its own while there is plenty, few when the node fills.

    The cube makes room quickly: at half of the node's capacity an eighth, at seven eighths one in
    five hundred, so that a few hosts that never answer cannot take every slot of the others.
    """
    free = STEPS - crowded
    return max(1, capacity.host * free**3 // STEPS**3)


def allowance_after(allowance: int, *, reached: bool, capacity: Capacity) -> int:
    """The slots of a host after an attempt: halved when nothing answered, else doubled.

    A destination that is down is so tried by one attempt at a time, and costs its neighbours
    nothing.
    """
    if reached:
        return min(capacity.host, allowance * 2)
    return max(1, allowance // 2)
