"""Flow control of a message as its headers say it, and what keys and limits may be (2.11)."""

from typing import Final

from relaypost.domain.errors import Invalid, QuotaExceeded
from relaypost.domain.flow_control import KEYLESS, FlowControl
from relaypost.wire.durations import parse_duration_ms, parse_integer
from relaypost.wire.headers import encode_value, shown_text

MAX_KEY_BYTES: Final = 512
DAY_MS: Final = 86_400_000
MAX_COUNT: Final = 2**31 - 1
"""What a limit can be at most; above it stands for a number no store holds."""

ITEMS: Final = frozenset({"parallelism", "rate", "period"})


def read_flow_control(prefix: str, key: str | None, value: str | None) -> FlowControl | None:
    """Read a key and its value, which have a meaning only together."""
    if key is None and value is None:
        return None
    if key is None or value is None:
        raise Invalid(
            f"{prefix}Flow-Control-Key and {prefix}Flow-Control-Value should be provided together"
        )
    checked_key = _read_key(prefix, key)
    items = _split_items(value)
    if "parallelism" not in items and "rate" not in items:
        raise _malformed()
    return FlowControl(
        key=checked_key,
        parallelism=_read_count(items, "parallelism"),
        rate=_read_count(items, "rate"),
        period_s=_read_period_s(items),
    )


def _read_key(prefix: str, text: str) -> str:
    key = shown_text(text)
    defect = key_defect(key, byte_count=len(encode_value(text)))
    if defect is not None:
        raise Invalid(f"invalid {prefix}Flow-Control-Key: {defect}")
    if key == KEYLESS:
        raise Invalid(f'invalid {prefix}Flow-Control-Key: "{KEYLESS}" is reserved')
    return key


def key_defect(key: str, *, byte_count: int) -> str | None:
    """Say why a text can't be a key (section 1.6), or `None`."""
    if byte_count > MAX_KEY_BYTES:
        return f"longer than {MAX_KEY_BYTES} bytes"
    if not key.isprintable() and any(ord(char) < 32 or ord(char) == 127 for char in key):
        return "control characters are not allowed"
    return None


def _split_items(value: str) -> dict[str, str]:
    items: dict[str, str] = {}
    for item in value.split(","):
        name, equals, text = item.partition("=")
        name = name.strip(" \t")
        if not equals or name not in ITEMS or name in items:
            raise _malformed()
        items[name] = text.strip(" \t")
    return items


def _read_count(items: dict[str, str], name: str) -> int | None:
    if name not in items:
        return None
    try:
        count = parse_integer(items[name])
    except ValueError:
        raise _malformed() from None
    if count < 1:
        raise _malformed()
    check_count(name, count)
    return count


def check_count(name: str, count: int) -> None:
    if count > MAX_COUNT:
        raise QuotaExceeded(f"quota max{name.capitalize()} exceeded, current limit: {MAX_COUNT}")


def _read_period_s(items: dict[str, str]) -> int:
    if "period" not in items:
        return 1
    try:
        period_ms = parse_duration_ms(items["period"])
    except ValueError:
        raise _malformed() from None
    if period_ms < 1000 or period_ms % 1000:
        raise _malformed()
    return period_ms // 1000


def check_period(flow_control: FlowControl, prefix: str, *, max_period_ms: int) -> None:
    if flow_control.period_s * 1000 > max_period_ms:
        most = _shown_period(max_period_ms)
        raise Invalid(f"invalid {prefix}Flow-Control-Value: period can be at most {most}")


def _shown_period(period_ms: int) -> str:
    days, rest_ms = divmod(period_ms, DAY_MS)
    return f"{period_ms // 1000} seconds" if rest_ms or days < 2 else f"{days} days"


def _malformed() -> Invalid:
    """The text is the original's, letter for letter, whatever the group (section 1.7)."""
    return Invalid(
        "Upstash-Flow-Control-Value should be either rate=X or parallelism=Y, "
        "or both as comma-separated values"
    )
