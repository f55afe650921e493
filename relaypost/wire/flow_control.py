"""Flow control of a message as its headers say it (section 2.11)."""

from typing import Final

from relaypost.domain.errors import Invalid, QuotaExceeded
from relaypost.domain.flow_control import KEYLESS, FlowControl
from relaypost.wire.durations import parse_duration_ms, parse_integer
from relaypost.wire.headers import encode_value, shown_text

MAX_KEY_BYTES: Final = 512
MAX_PERIOD_MS: Final = 7 * 86_400_000
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
        period_s=_read_period_s(prefix, items),
    )


def _read_key(prefix: str, text: str) -> str:
    key = shown_text(text)
    if len(encode_value(text)) > MAX_KEY_BYTES:
        raise Invalid(f"invalid {prefix}Flow-Control-Key: longer than {MAX_KEY_BYTES} bytes")
    if not key.isprintable() and any(ord(char) < 32 or ord(char) == 127 for char in key):
        raise Invalid(f"invalid {prefix}Flow-Control-Key: control characters are not allowed")
    if key == KEYLESS:
        raise Invalid(f'invalid {prefix}Flow-Control-Key: "{KEYLESS}" is reserved')
    return key


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
    if count > MAX_COUNT:
        raise QuotaExceeded(f"quota max{name.capitalize()} exceeded, current limit: {MAX_COUNT}")
    return count


def _read_period_s(prefix: str, items: dict[str, str]) -> int:
    if "period" not in items:
        return 1
    try:
        period_ms = parse_duration_ms(items["period"])
    except ValueError:
        raise _malformed() from None
    if period_ms > MAX_PERIOD_MS:
        raise Invalid(f"invalid {prefix}Flow-Control-Value: period can be at most 7 days")
    if period_ms < 1000 or period_ms % 1000:
        raise _malformed()
    return period_ms // 1000


def _malformed() -> Invalid:
    """The text is the original's, letter for letter, whatever the group (section 1.7)."""
    return Invalid(
        "Upstash-Flow-Control-Value should be either rate=X or parallelism=Y, "
        "or both as comma-separated values"
    )
