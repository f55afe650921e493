from dataclasses import replace

import pytest

from relaypost.domain.errors import Invalid, QuotaExceeded
from relaypost.domain.flow_control import FlowControl
from relaypost.wire.flow_control import check_period, read_flow_control

MALFORMED = (
    "Upstash-Flow-Control-Value should be either rate=X or parallelism=Y, "
    "or both as comma-separated values"
)
TOGETHER = "Upstash-Flow-Control-Key and Upstash-Flow-Control-Value should be provided together"


def read(value: str | None, key: str | None = "k") -> FlowControl | None:
    return read_flow_control("Upstash-", key, value)


@pytest.mark.conformance("P-22")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("rate=23, period=1h30m3s", FlowControl(key="k", rate=23, period_s=5403)),
        ("parallelism=5", FlowControl(key="k", parallelism=5, period_s=1)),
        (
            "parallelism=3, rate=10, period=1m",
            FlowControl(key="k", parallelism=3, rate=10, period_s=60),
        ),
        ("period = 60 ,\trate = +2", FlowControl(key="k", rate=2, period_s=60)),
        ("rate=1,period=7d", FlowControl(key="k", rate=1, period_s=604_800)),
    ],
)
def test_values(value: str, expected: FlowControl) -> None:
    assert read(value) == expected


def test_none_is_given() -> None:
    assert read(None, None) is None


@pytest.mark.conformance("P-22")
@pytest.mark.parametrize(
    "value",
    [
        "period=1m",
        "parallelism=0",
        "rate=0",
        "rate=-1",
        "rate=1.5",
        "rate=",
        "rate",
        "rate=1,",
        ",rate=1",
        "rate=1,rate=2",
        "Rate=1",
        "ratePerSecond=1",
        "rate=1, other=2",
        "rate=1, period=0",
        "rate=1, period=1.5s",
        "rate=1, period=500ms",
        "rate=1, period=1w",
        "rate=1 period=1m",
        "5",
    ],
)
def test_malformed_values(value: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(value)
    assert str(refused.value) == MALFORMED


@pytest.mark.parametrize(("key", "value"), [("k", None), (None, "rate=1")])
def test_a_key_and_its_value_come_together(key: str | None, value: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        read(value, key)
    assert str(refused.value) == TOGETHER


@pytest.mark.parametrize(
    ("period_s", "limit_ms", "shown"),
    [
        (604_801, 604_800_000, "7 days"),
        (3_601, 3_600_000, "3600 seconds"),
        (86_401, 86_400_000, "86400 seconds"),
    ],
)
def test_a_long_period(period_s: int, limit_ms: int, shown: str) -> None:
    asked = FlowControl(key="k", rate=1, period_s=period_s)
    with pytest.raises(Invalid) as refused:
        check_period(asked, "Upstash-Callback-", max_period_ms=limit_ms)
    reason = f"invalid Upstash-Callback-Flow-Control-Value: period can be at most {shown}"
    assert str(refused.value) == reason
    check_period(replace(asked, period_s=limit_ms // 1000), "", max_period_ms=limit_ms)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("x" * 513, "longer than 512 bytes"),
        ("é" * 257, "longer than 512 bytes"),
        ("a\tb", "control characters are not allowed"),
        ("a\x7f", "control characters are not allowed"),
        ("$", '"$" is reserved'),
    ],
    ids=["long", "bytes", "tab", "delete", "reserved"],
)
def test_bad_keys(key: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        read("rate=1", key)
    assert str(refused.value) == f"invalid Upstash-Flow-Control-Key: {reason}"


@pytest.mark.parametrize("key", ["x" * 512, "a b:c/d", "$$", "schlüssel", "\u200b"])
def test_keys_are_any_text(key: str) -> None:
    assert read("rate=1", key) == FlowControl(key=key, rate=1)


def test_a_key_that_is_no_utf8_is_read_as_latin1() -> None:
    assert read("rate=1", "\udce9") == FlowControl(key="é", rate=1)


def test_a_number_that_no_store_holds_is_above_every_limit() -> None:
    with pytest.raises(QuotaExceeded, match="quota maxRate exceeded, current limit: 2147483647"):
        read("rate=9999999999")
