from typing import Any

import pytest

from relaypost.domain.errors import Invalid, QuotaExceeded
from relaypost.domain.messages import Callback, Redaction
from tests.support.publishing import envelope, publish

DONE, BROKEN, NESTED = "https://h/done", "https://h/broken", "https://h/nested"
PLAIN = Callback(url=DONE, timeout_ms=7_200_000)


def callback(**headers: str) -> Callback | None:
    return envelope(headers=_lines({"Callback": DONE, **headers})).callback


def _lines(headers: dict[str, str]) -> dict[str, str]:
    return {f"Upstash-{name.replace('_', '-')}": value for name, value in headers.items()}


def test_defaults() -> None:
    assert callback() == PLAIN
    assert envelope(headers={"Upstash-Failure-Callback": DONE}).failure_callback == PLAIN
    assert envelope().callback is None


def test_all_options_of_a_group() -> None:
    given = callback(
        Callback_Method="put",
        Callback_Timeout="30",
        Callback_Retries="0",
        Callback_Retry_Delay="1000",
        Callback_Delay="5s",
        Callback_Label="a,b",
        Callback_Redact_Fields="body",
        Callback_Forward_X="1",
    )
    assert given == Callback(
        url=DONE,
        method="PUT",
        timeout_ms=30_000,
        max_retries=0,
        retry_delay="1000",
        delay_ms=5_000,
        labels=("a", "b"),
        redaction=Redaction(body=True),
        headers=(("X", "1"),),
    )


@pytest.mark.conformance("P-25")
@pytest.mark.parametrize("name", ["Callback_X_Trace", "Callback_Forward_X_Trace"])
def test_headers_of_a_callback(name: str) -> None:
    given = callback(**{name: "1"})
    assert given is not None
    assert given.headers == (("X-Trace", "1"),)


def test_the_groups_are_apart() -> None:
    given = envelope(
        headers=_lines(
            {
                "Callback": DONE,
                "Failure_Callback": BROKEN,
                "Callback_Failure_Callback": NESTED,
                "Retries": "1",
                "Callback_Retries": "2",
                "Failure_Callback_Retries": "3",
                "Callback_Failure_Callback_Retries": "4",
                "Callback_Failure_Callback_X": "n",
            }
        )
    )
    assert given.max_retries == 1
    assert given.callback is not None
    assert given.failure_callback is not None
    assert (given.callback.url, given.callback.max_retries) == (DONE, 2)
    assert (given.failure_callback.url, given.failure_callback.max_retries) == (BROKEN, 3)
    assert given.failure_callback.failure_callback is None
    assert given.callback.failure_callback == Callback(
        url=NESTED, max_retries=4, headers=(("X", "n"),), timeout_ms=7_200_000
    )


def test_a_nested_group_without_its_parent_has_no_effect() -> None:
    given = envelope(headers=_lines({"Callback_Failure_Callback": NESTED}))
    assert given.callback is None


@pytest.mark.conformance("P-26")
@pytest.mark.parametrize(
    "group",
    [
        {"Callback_Retries": "1", "Callback_X": "1"},
        {"Failure_Callback_Retries": "1"},
        {"Callback_Failure_Callback_Delay": "1s"},
        {"Callback_Flow_Control_Key": "k", "Callback_Flow_Control_Value": "rate=1"},
    ],
)
def test_options_without_a_url_are_accepted(group: dict[str, str]) -> None:
    given = envelope(headers=_lines(group))
    assert (given.callback, given.failure_callback) == (None, None)


@pytest.mark.conformance("P-26")
@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("Callback-Retries", '"x" is not a valid integer'),
        ("Callback-Method", '"x" is not one of GET, POST, PUT, PATCH, DELETE'),
        ("Failure-Callback-Timeout", '"x" is not a valid duration'),
        ("Callback-Failure-Callback-Retry-Delay", 'unknown name "x"'),
        ("Callback-Redact-Fields", "x"),
    ],
)
def test_a_bad_option_is_refused_also_without_a_url(option: str, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        publish(headers={f"Upstash-{option}": "x"})
    assert str(refused.value) == f"invalid Upstash-{option}: {text}"


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"Callback_Retries": "101"}, "quota maxRetries exceeded, current limit: 100"),
        ({"Failure_Callback_Delay": "400d"}, "quota maxDelay exceeded, current limit: 31536000"),
        (
            {"Callback_Failure_Callback_Timeout": "3h"},
            "quota maxTimeout exceeded, current limit: 7200",
        ),
    ],
    ids=["callback", "failure", "nested"],
)
def test_quotas_hold_for_groups(option: dict[str, str], text: str) -> None:
    with pytest.raises(QuotaExceeded) as refused:
        publish(headers=_lines(option))
    assert str(refused.value) == text


@pytest.mark.parametrize(
    ("own", "of_message", "expected"),
    [
        (None, None, None),
        (None, "body", None),
        ("body", None, Redaction(body=True)),
        ("body", "header[X]", Redaction(body=True, headers=("X",))),
    ],
)
def test_redaction_adds_to_that_of_the_message(
    own: str | None, of_message: str | None, expected: Redaction | None
) -> None:
    options: dict[str, Any] = {
        "Callback_Redact_Fields": own or "",
        "Redact_Fields": of_message or "",
    }
    given = callback(**options)
    assert given is not None
    assert given.redaction == expected


def test_a_callback_goes_to_a_url() -> None:
    with pytest.raises(Invalid, match="invalid failure callback url: endpoint has invalid scheme"):
        publish(headers={"Upstash-Failure-Callback": "grp"})
    with pytest.raises(Invalid, match="invalid failure callback url: endpoint has invalid scheme"):
        publish(headers={"Upstash-Callback-Failure-Callback": "grp"})
    with pytest.raises(Invalid, match="invalid callback url: endpoint resolves to a loopback"):
        publish(headers={"Upstash-Callback": "http://localhost/"})
