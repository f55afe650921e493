import pytest

from relaypost.domain.errors import Invalid, QuotaExceeded
from relaypost.domain.flow_control import FlowControl
from relaypost.domain.limits import Limits
from relaypost.wire.option_values import (
    NOTHING_GIVEN,
    UNLIMITED_MS,
    UNLIMITED_RETRIES,
    OptionValues,
    check_delay,
    check_quotas,
    read_flag,
    read_not_before,
    read_values,
    timeout_or_default_ms,
)

PREFIX = "Upstash-Callback-"


def values(**texts: str) -> OptionValues:
    return read_values({name.replace("_", "-"): text for name, text in texts.items()}, PREFIX)


def test_nothing_given() -> None:
    assert values() is NOTHING_GIVEN
    assert values(Other="x") == NOTHING_GIVEN


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"Method": "patch"}, OptionValues(method="PATCH")),
        ({"Timeout": "30"}, OptionValues(timeout_ms=30_000)),
        ({"Timeout": "1.5s"}, OptionValues(timeout_ms=1_500)),
        ({"Timeout": "1d1h30m"}, OptionValues(timeout_ms=91_800_000)),
        ({"Retries": "0"}, OptionValues(max_retries=0)),
        ({"Retries": "+7"}, OptionValues(max_retries=7)),
        ({"Retry-Delay": "1000 * retried"}, OptionValues(retry_delay="1000 * retried")),
        ({"Delay": "10s"}, OptionValues(delay_ms=10_000)),
        ({"Delay": "0"}, OptionValues(delay_ms=0)),
        ({"Label": ","}, NOTHING_GIVEN),
        ({"Redact-Fields": ","}, NOTHING_GIVEN),
    ],
)
def test_what_texts_mean(texts: dict[str, str], expected: OptionValues) -> None:
    assert read_values(texts, PREFIX) == expected


@pytest.mark.parametrize(
    ("option", "text", "error"),
    [
        ("Method", "HEAD", '"HEAD" is not one of GET, POST, PUT, PATCH, DELETE'),
        ("Method", "OPTIONS", '"OPTIONS" is not one of GET, POST, PUT, PATCH, DELETE'),
        ("Timeout", "x", '"x" is not a valid duration'),
        ("Timeout", "0", "must be greater than 0"),
        ("Timeout", "0.0001s", "must be greater than 0"),
        ("Delay", "10 s", '"10 s" is not a valid duration'),
        ("Delay", "1" * 40 + "w", f'"{"1" * 40}w" is not a valid duration'),
        ("Retries", "-1", '"-1" is not a valid integer'),
        ("Retries", "3.5", '"3.5" is not a valid integer'),
        ("Retries", "NaN", '"NaN" is not a valid integer'),
        ("Retry-Delay", "foo", 'unknown name "foo"'),
        ("Redact-Fields", "boddy", "boddy"),
    ],
)
def test_what_is_wrong_names_the_header(option: str, text: str, error: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_values({option: text}, PREFIX)
    assert str(refused.value) == f"invalid {PREFIX}{option}: {error}"


@pytest.mark.conformance("P-20")
@pytest.mark.parametrize("expression", ["pow(2)", "foo", "1 +"])
def test_a_bad_expression_is_refused(expression: str) -> None:
    with pytest.raises(Invalid, match="invalid Upstash-Retry-Delay: "):
        read_values({"Retry-Delay": expression}, "Upstash-")


@pytest.mark.conformance("P-23")
def test_labels_are_split_trimmed_and_kept_once() -> None:
    assert values(Label="a, b,,a").labels == ("a", "b")


def test_a_label_that_is_no_utf8_is_read_as_latin1() -> None:
    assert values(Label="\udce9").labels == ("é",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (",".join(map(str, range(21))), "more than 20 labels"),
        ("é" * 129, "a label is longer than 256 bytes"),
    ],
    ids=["many", "long"],
)
def test_labels_have_limits(text: str, reason: str) -> None:
    with pytest.raises(Invalid, match=f"invalid {PREFIX}Label: {reason}"):
        values(Label=text)


def test_labels_at_their_limits_are_fine() -> None:
    labels = values(Label=",".join(f"{number:0256}" for number in range(20))).labels
    assert labels is not None
    assert len(labels) == 20


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "1"])
def test_flags_that_are_on(text: str) -> None:
    assert read_flag({"Header-Forward": text}, "Header-Forward")


@pytest.mark.parametrize("text", ["false", "False", "0"])
def test_flags_that_are_off(text: str) -> None:
    assert not read_flag({"Header-Forward": text}, "Header-Forward")
    assert not read_flag({}, "Header-Forward")


def test_a_flag_that_is_neither() -> None:
    with pytest.raises(Invalid) as refused:
        read_flag({"Header-Forward": "yes"}, "Header-Forward")
    assert str(refused.value) == 'invalid Upstash-Header-Forward: "yes" is not a valid boolean'


def test_not_before() -> None:
    assert read_not_before({}) is None
    assert read_not_before({"Not-Before": "1790000123.5"}) == 1_790_000_123_500
    with pytest.raises(Invalid) as refused:
        read_not_before({"Not-Before": "10s"})
    reason = '"10s" is not a valid Unix time in seconds'
    assert str(refused.value) == f"invalid Upstash-Not-Before: {reason}"


LIMITS = Limits(max_retries=5, max_timeout_ms=60_000, max_delay_ms=10_000)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (OptionValues(max_retries=6), "quota maxRetries exceeded, current limit: 5"),
        (OptionValues(timeout_ms=60_001), "quota maxTimeout exceeded, current limit: 60"),
    ],
    ids=["retries", "timeout"],
)
def test_above_a_limit(given: OptionValues, text: str) -> None:
    with pytest.raises(QuotaExceeded) as refused:
        check_quotas(given, LIMITS)
    assert str(refused.value) == text


def test_exactly_the_limit_is_allowed() -> None:
    check_quotas(OptionValues(max_retries=5, timeout_ms=60_000), LIMITS)
    check_delay(10_000, LIMITS)
    with pytest.raises(QuotaExceeded, match="quota maxDelay exceeded, current limit: 10"):
        check_delay(10_001, LIMITS)


def test_a_period_above_its_limit_makes_no_sense() -> None:
    def given(period_s: int) -> OptionValues:
        return OptionValues(flow_control=FlowControl(key="k", rate=1, period_s=period_s))

    check_quotas(given(604_800), LIMITS)
    with pytest.raises(Invalid, match="invalid Upstash-Flow-Control-Value: period can be at most"):
        check_quotas(given(604_801), LIMITS)
    with pytest.raises(Invalid, match="invalid Upstash-Callback-Flow-Control-Value"):
        check_quotas(given(604_801), LIMITS, prefix="Upstash-Callback-")
    check_quotas(given(UNLIMITED_MS // 1000), UNLIMITED)
    with pytest.raises(Invalid):
        check_quotas(given(UNLIMITED_MS // 1000 + 1), UNLIMITED)


UNLIMITED = Limits(max_retries=0, max_timeout_ms=0, max_delay_ms=0, max_period_ms=0)


def test_zero_is_unlimited_up_to_what_can_be_stored() -> None:
    check_quotas(OptionValues(max_retries=UNLIMITED_RETRIES, timeout_ms=UNLIMITED_MS), UNLIMITED)
    check_delay(UNLIMITED_MS, UNLIMITED)
    for beyond in (
        OptionValues(max_retries=UNLIMITED_RETRIES + 1),
        OptionValues(timeout_ms=UNLIMITED_MS + 1),
    ):
        with pytest.raises(QuotaExceeded):
            check_quotas(beyond, UNLIMITED)
    with pytest.raises(QuotaExceeded):
        check_delay(UNLIMITED_MS + 1, UNLIMITED)


def test_any_number_of_digits_is_well_formed() -> None:
    with pytest.raises(QuotaExceeded):
        check_quotas(values(Retries="9" * 10_000), LIMITS)


def test_the_timeout_when_none_is_given() -> None:
    assert timeout_or_default_ms(5, LIMITS) == 5
    assert timeout_or_default_ms(None, LIMITS) == 60_000
    assert timeout_or_default_ms(None, UNLIMITED) == 7_200_000
