"""Queues as they are named, asked for and shown (sections 4.2, 4.3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from relaypost.domain.errors import Invalid, NotFound
from relaypost.domain.limits import Limits
from relaypost.domain.queues import Queue
from relaypost.wire.destinations import is_name
from relaypost.wire.json_bodies import read_object
from relaypost.wire.option_values import exceeded
from relaypost.wire.responses import encode
from relaypost.wire.shapes import Millis, QueueNameText

QUEUE_NAME_RULE: Final = (
    "queue name may only contain alphanumeric characters, hyphens, underscores and periods"
)
UNLIMITED: Final = 2**31 - 1
"""Where "unlimited" ends: no store holds a larger number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueUpdate:
    """`QueueFields`, read; `None` leaves a part as it is, or gives a new queue its default."""

    name: str
    parallelism: int | None = None
    is_paused: bool | None = None


class QueueFields(msgspec.Struct, rename="camel"):
    """What a queue is to be; a field that is not given stays as it is."""

    queue_name: QueueNameText
    parallelism: Annotated[int, msgspec.Meta(ge=1)] | None = None
    paused: bool | None = None


class QueueRecord(msgspec.Struct, rename="camel"):
    """Exactly these fields: clients fail on a missing one, and on one that they don't know."""

    name: QueueNameText
    parallelism: int
    created_at: Millis
    updated_at: Millis
    lag: Annotated[int, msgspec.Meta(description="Messages that wait in it.")]
    paused: bool


def check_queue_name(text: Any) -> str:
    if not isinstance(text, str) or not is_name(text):
        raise Invalid(QUEUE_NAME_RULE)
    return text


def read_queue_update(body: bytes, limits: Limits) -> QueueUpdate:
    fields = read_object(body)
    return QueueUpdate(
        name=check_queue_name(fields.get("queueName")),
        parallelism=_read_parallelism(fields.get("parallelism"), limits),
        is_paused=_read_paused(fields.get("paused")),
    )


def _read_parallelism(value: Any, limits: Limits) -> int | None:
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Invalid("invalid parallelism: must be an integer greater than 0")
    if value > (most := limits.max_parallelism or UNLIMITED):
        raise exceeded("maxParallelism", most)
    return value


def _read_paused(value: Any) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise Invalid("invalid paused: must be a boolean")
    return value


def queue_not_found(name: str) -> NotFound:
    return NotFound(f"queue {name} not found")


def queue_body(queue: Queue) -> bytes:
    return encode(_record(queue))


def queues_body(queues: Iterable[Queue]) -> bytes:
    return encode([_record(queue) for queue in queues])


def _record(queue: Queue) -> QueueRecord:
    return QueueRecord(
        name=queue.name,
        parallelism=queue.parallelism,
        created_at=queue.created_at,
        updated_at=queue.updated_at,
        lag=queue.lag,
        paused=queue.is_paused,
    )
