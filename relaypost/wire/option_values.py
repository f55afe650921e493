"""What the texts of options mean, and what is wrong with those that mean nothing (1.7, 2.3)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from relaypost.domain.errors import Invalid, QuotaExceeded
from relaypost.domain.expressions import ExpressionError
from relaypost.domain.expressions import parse as parse_expression
from relaypost.domain.flow_control import FlowControl
from relaypost.domain.limits import Limits
from relaypost.domain.messages import Redaction
from relaypost.domain.types import UnixMs
from relaypost.wire.durations import (
    parse_boolean,
    parse_duration_ms,
    parse_integer,
    parse_not_before,
)
from relaypost.wire.flow_control import check_period, read_flow_control
from relaypost.wire.headers import encode_value, shown_text
from relaypost.wire.options import MESSAGE
from relaypost.wire.redactions import read_redaction

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
CACHED_TEXT: Final = 32
"""Longer numbers are read each time, so that the caches of them stay small."""

MAX_LABELS: Final = 20
MAX_LABEL_BYTES: Final = 256

UNLIMITED_RETRIES: Final = 2**31 - 1
UNLIMITED_MS: Final = 2**52
"""Where "unlimited" ends: what a store and a JSON reader can still hold."""

DEFAULT_TIMEOUT_MS: Final = Limits().max_timeout_ms


class OptionValues(NamedTuple):
    """The options that messages and callbacks share; `None` for those not given."""

    method: str | None = None
    timeout_ms: int | None = None
    max_retries: int | None = None
    retry_delay: str | None = None
    delay_ms: int | None = None
    labels: tuple[str, ...] | None = None
    redaction: Redaction | None = None
    flow_control: FlowControl | None = None


NOTHING_GIVEN: Final = OptionValues()


def read_values(texts: Mapping[str, str], prefix: str) -> OptionValues:
    """Read the shared options of one group."""
    if not texts:
        return NOTHING_GIVEN
    get = texts.get
    return OptionValues(
        read_method(prefix, text) if (text := get("Method")) else None,
        read_timeout_ms(prefix, text) if (text := get("Timeout")) else None,
        read_retries(prefix, text) if (text := get("Retries")) else None,
        read_retry_delay(prefix, text) if (text := get("Retry-Delay")) else None,
        read_delay_ms(prefix, text) if (text := get("Delay")) else None,
        read_labels(prefix, text) if (text := get("Label")) else None,
        read_redaction(prefix, text) if (text := get("Redact-Fields")) else None,
        read_flow_control(prefix, get("Flow-Control-Key"), get("Flow-Control-Value")),
    )


def read_method(prefix: str, text: str) -> str:
    method = text.upper()
    if method not in METHODS:
        raise Invalid(f'invalid {prefix}Method: "{text}" is not one of {", ".join(METHODS)}')
    return method


def read_timeout_ms(prefix: str, text: str) -> int:
    timeout_ms = read_duration_ms(f"{prefix}Timeout", text)
    if timeout_ms == 0:
        raise Invalid(f"invalid {prefix}Timeout: must be greater than 0")
    return timeout_ms


def read_retries(prefix: str, text: str) -> int:
    try:
        return _cached_integer(text) if len(text) < CACHED_TEXT else parse_integer(text)
    except ValueError:
        raise Invalid(f'invalid {prefix}Retries: "{text}" is not a valid integer') from None


def read_retry_delay(prefix: str, text: str) -> str:
    """Check an expression; it is kept as it was written."""
    try:
        parse_expression(text)
    except ExpressionError as error:
        raise Invalid(f"invalid {prefix}Retry-Delay: {error}") from None
    return text


def read_delay_ms(prefix: str, text: str) -> int:
    return read_duration_ms(f"{prefix}Delay", text)


def read_duration_ms(name: str, text: str) -> int:
    try:
        return _cached_duration_ms(text) if len(text) < CACHED_TEXT else parse_duration_ms(text)
    except ValueError:
        raise Invalid(f'invalid {name}: "{text}" is not a valid duration') from None


_cached_integer = lru_cache(maxsize=1024)(parse_integer)
_cached_duration_ms = lru_cache(maxsize=1024)(parse_duration_ms)


def read_labels(prefix: str, text: str) -> tuple[str, ...] | None:
    stripped = [label.strip(" \t") for label in shown_text(text).split(",")]
    labels = tuple(dict.fromkeys([label for label in stripped if label]))
    if len(labels) > MAX_LABELS:
        raise Invalid(f"invalid {prefix}Label: more than {MAX_LABELS} labels")
    if any(len(encode_value(label)) > MAX_LABEL_BYTES for label in labels):
        raise Invalid(f"invalid {prefix}Label: a label is longer than {MAX_LABEL_BYTES} bytes")
    return labels or None


def read_flag(texts: Mapping[str, str], option: str) -> bool:
    """Read a truth value of the message itself; it is off when not given."""
    text = texts.get(option)
    try:
        return text is not None and parse_boolean(text)
    except ValueError:
        raise Invalid(f'invalid Upstash-{option}: "{text}" is not a valid boolean') from None


def read_not_before(texts: Mapping[str, str]) -> UnixMs | None:
    text = texts.get("Not-Before")
    try:
        return None if text is None else parse_not_before(text)
    except ValueError:
        reason = f'"{text}" is not a valid Unix time in seconds'
        raise Invalid(f"invalid Upstash-Not-Before: {reason}") from None


def check_quotas(values: OptionValues, limits: Limits, *, prefix: str = MESSAGE) -> None:
    """Hold what one group asks for against the limits of the project (section 1.10)."""
    if (values.max_retries or 0) > (most := limits.max_retries or UNLIMITED_RETRIES):
        raise exceeded("maxRetries", most)
    if (values.timeout_ms or 0) > (most := limits.max_timeout_ms or UNLIMITED_MS):
        raise exceeded("maxTimeout", most // 1000)
    if values.flow_control is not None:
        most = limits.max_period_ms or UNLIMITED_MS
        check_period(values.flow_control, prefix, max_period_ms=most)


def check_delay(delay_ms: int, limits: Limits) -> None:
    if delay_ms > (most := limits.max_delay_ms or UNLIMITED_MS):
        raise exceeded("maxDelay", most // 1000)


def exceeded(quota: str, limit: int) -> QuotaExceeded:
    return QuotaExceeded(f"quota {quota} exceeded, current limit: {limit}")


def timeout_or_default_ms(timeout_ms: int | None, limits: Limits) -> int:
    return timeout_ms or limits.max_timeout_ms or DEFAULT_TIMEOUT_MS
