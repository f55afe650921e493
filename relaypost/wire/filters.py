"""What the parameters of the read and bulk routes mean: filters and pages (section 6.1)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from relaypost.domain.errors import Invalid
from relaypost.domain.filters import Filter, Page
from relaypost.domain.logs import LogState
from relaypost.domain.types import DeadLetterId, MessageId, UnixMs
from relaypost.wire.durations import parse_integer
from relaypost.wire.ids import parse_cursor, parse_dead_letter_id, parse_message_id
from relaypost.wire.parameters import Values, one

STATES: Final[Mapping[str, tuple[LogState, ...]]] = {
    **{state.name: (state,) for state in LogState},
    "CANCELLED": (LogState.CANCELED,),
    "IN_PROGRESS": (LogState.ACTIVE, LogState.RETRY, LogState.ERROR),
}

ORDERS: Final = {"latestFirst": True, "earliestFirst": False}

MOST: Final = 1 << 62
"""A larger number is still a number, but nothing that is stored equals it."""

Reader = Callable[[str, tuple[str, ...]], tuple[Any, ...]]


def read_filter(values: Values) -> Filter:
    fields: dict[str, Any] = {}
    for name, (field, read) in FIELDS.items():
        if name in values:
            fields[field] = fields.get(field, ()) + read(name, values[name])
    return Filter(
        **fields,
        from_date=_optional_integer(values, "fromDate"),
        to_date=_optional_integer(values, "toDate"),
    )


def read_page(
    values: Values,
    *,
    default: int,
    most: int,
    takes_time: bool = False,
    latest_first: bool | None = None,
) -> Page:
    """Read which part of a list is asked for; `latest_first` where the order is not to choose."""
    if latest_first is None:
        latest_first = _is_latest_first(values)
    cursor = one(values, "cursor") or ""
    return Page(
        count=min(most, read_count(values, default=default)),
        after=parse_cursor(cursor, latest_first=latest_first, takes_time=takes_time),
        latest_first=latest_first,
    )


def read_count(values: Values, *, default: int) -> int:
    count = _optional_integer(values, "count")
    if count == 0:
        raise Invalid("invalid count")
    return count or default


def read_trim(values: Values) -> int | None:
    return -1 if one(values, "trimBody") == "-1" else _optional_integer(values, "trimBody")


def _is_latest_first(values: Values) -> bool:
    order = ORDERS.get(one(values, "order") or "latestFirst")
    if order is None:
        raise Invalid("invalid order")
    return order


def _optional_integer(values: Values, name: str) -> UnixMs | None:
    text = one(values, name)
    return None if text is None else UnixMs(_integer(name, text))


def _integer(name: str, text: str) -> int:
    try:
        return min(parse_integer(text), MOST)
    except ValueError:
        raise Invalid(f"invalid {name}") from None


def _as_they_are(_: str, texts: tuple[str, ...]) -> tuple[str, ...]:
    return texts


def _hosts(_: str, texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text.lower() for text in texts)


def _message_ids(_: str, texts: tuple[str, ...]) -> tuple[MessageId, ...]:
    """A text that can't be an id is the id of nothing."""
    ids = (parse_message_id(text) for text in texts)
    return tuple(id for id in ids if id is not None)


def _dead_letter_ids(_: str, texts: tuple[str, ...]) -> tuple[DeadLetterId, ...]:
    ids = (parse_dead_letter_id(text) for text in texts)
    return tuple(id for id in ids if id is not None)


def _statuses(name: str, texts: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(
        -_integer(name, text[1:]) if text.startswith("-") else _integer(name, text)
        for text in texts
    )


def _states(name: str, texts: tuple[str, ...]) -> tuple[LogState, ...]:
    states: dict[LogState, None] = {}
    for text in texts:
        known = STATES.get(text.upper())
        if known is None:
            raise Invalid(f"invalid {name}: {text}")
        states |= dict.fromkeys(known)
    return tuple(states)


FIELDS: Final[Mapping[str, tuple[str, Reader]]] = {
    "messageId": ("message_ids", _message_ids),
    "messageIds": ("message_ids", _message_ids),
    "dlqIds": ("dead_letter_ids", _dead_letter_ids),
    "url": ("urls", _as_they_are),
    "host": ("hosts", _hosts),
    "path": ("paths", _as_they_are),
    "topicName": ("topic_names", _as_they_are),
    "queueName": ("queue_names", _as_they_are),
    "scheduleId": ("schedule_ids", _as_they_are),
    "label": ("labels", _as_they_are),
    "flowControlKey": ("flow_control_keys", _as_they_are),
    "callerIp": ("caller_ips", _as_they_are),
    "responseStatus": ("response_statuses", _statuses),
    "state": ("states", _states),
}
"""The field of `Filter` that each list fills, and how its values are read."""
