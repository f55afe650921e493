"""Flow-control keys as they are named in a path, steered and shown (sections 4.11 to 4.13)."""

from collections.abc import Iterable
from typing import Annotated, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from relaypost.domain.errors import Invalid, NotFound
from relaypost.domain.flow_control import KEYLESS, KeyStatus
from relaypost.domain.limits import Limits
from relaypost.domain.types import UnixMs
from relaypost.wire.durations import parse_boolean, parse_integer
from relaypost.wire.flow_control import check_count, key_defect
from relaypost.wire.option_values import UNLIMITED_MS
from relaypost.wire.parameters import plain_parameters
from relaypost.wire.responses import encode
from relaypost.wire.shapes import Seconds
from relaypost.wire.targets import decode_text


class Pin(NamedTuple):
    """The parts of a pace that a caller fixes; a period only together with a rate."""

    parallelism: int | None
    rate: int | None
    period_s: int


class Unpin(NamedTuple):
    parallelism: bool
    rate: bool


class KeyRecord(msgspec.Struct, rename="camel", omit_defaults=True):
    """A limit that is not set is left out, and its window with it."""

    flow_control_key: str
    wait_list_size: Annotated[int, msgspec.Meta(description="Messages that wait for the key.")]
    parallelism_count: Annotated[int, msgspec.Meta(description="Deliveries that are open now.")]
    rate_count: Annotated[int, msgspec.Meta(description="Deliveries of the present window.")]
    is_paused: bool
    is_pinned_parallelism: bool
    is_pinned_rate: bool
    parallelism_max: int | None = None
    rate_max: int | None = None
    rate_period: Seconds | None = None
    rate_period_start: Seconds | None = None


class GlobalRecord(msgspec.Struct, rename="camel"):
    """All deliveries of a project."""

    parallelism_max: Annotated[int, msgspec.Meta(description="The limit; 0 for none.")]
    parallelism_count: Annotated[int, msgspec.Meta(description="Deliveries that are open now.")]


def read_key(rest: bytes) -> str:
    """Read the rest of a raw path: keys may hold slashes, and SDKs don't escape them."""
    return decode_text(unquote_to_bytes(rest))


def read_steered_key(rest: bytes) -> str:
    """Read a path that ends with what is to be done to the key."""
    raw, _, _ = rest.rpartition(b"/")
    key = read_key(raw)
    if not key:
        raise Invalid("flow control key is required")
    if key == KEYLESS:
        raise Invalid(f"flow control key {KEYLESS} is reserved")
    defect = key_defect(key, byte_count=len(key.encode()))
    if defect is not None:
        raise Invalid(f"invalid flow control key: {defect}")
    return key


def read_search(query: bytes) -> str:
    return plain_parameters(query).get("search", "")


def read_pin(query: bytes, limits: Limits) -> Pin:
    values = plain_parameters(query)
    pin = Pin(
        _read_count(values, "parallelism"),
        _read_count(values, "rate"),
        _read_period_s(values, limits),
    )
    if pin.parallelism is None and pin.rate is None:
        raise Invalid("parallelism or rate is required")
    return pin


def read_unpin(query: bytes) -> Unpin:
    values = plain_parameters(query)
    return Unpin(_read_flag(values, "parallelism"), _read_flag(values, "rate"))


def _read_count(values: dict[str, str], name: str) -> int | None:
    if name not in values:
        return None
    count = _read_positive(values, name)
    check_count(name, count)
    return count


def _read_period_s(values: dict[str, str], limits: Limits) -> int:
    if "period" not in values:
        return 1
    period_s = _read_positive(values, "period")
    if period_s * 1000 > (limits.max_period_ms or UNLIMITED_MS):
        raise Invalid("invalid period")
    return period_s


def _read_positive(values: dict[str, str], name: str) -> int:
    try:
        number = parse_integer(values[name])
    except ValueError:
        number = 0
    if number < 1:
        raise Invalid(f"invalid {name}")
    return number


def _read_flag(values: dict[str, str], name: str) -> bool:
    try:
        return parse_boolean(values.get(name, "false"))
    except ValueError:
        raise Invalid(f"invalid {name}") from None


def key_not_found(key: str) -> NotFound:
    return NotFound(f"flow control key {key} not found")


def key_body(status: KeyStatus, *, now: UnixMs) -> bytes:
    return encode(_record(status, now))


def keys_body(statuses: Iterable[KeyStatus], *, now: UnixMs) -> bytes:
    return encode([_record(status, now) for status in statuses])


def global_parallelism_body(most: int, open_attempts: int) -> bytes:
    """The limit is 0 when there is none."""
    return encode(GlobalRecord(most, open_attempts))


def _record(status: KeyStatus, now: UnixMs) -> KeyRecord:
    pace = status.pace
    has_rate = pace.rate is not None
    return KeyRecord(
        flow_control_key=status.key,
        wait_list_size=status.wait_list,
        parallelism_count=status.open_attempts,
        rate_count=pace.count_at(now),
        is_paused=pace.is_paused,
        is_pinned_parallelism=pace.is_parallelism_pinned,
        is_pinned_rate=pace.is_rate_pinned,
        parallelism_max=pace.parallelism,
        rate_max=pace.rate,
        rate_period=pace.period_s if has_rate else None,
        rate_period_start=pace.window_started_at // 1000 if has_rate else None,
    )
