from dataclasses import replace
from typing import Any

import pytest

from relaypost.domain.errors import Invalid, QuotaExceeded
from relaypost.domain.flow_control import FlowControl
from relaypost.domain.messages import Callback, Envelope, NewMessage, Redaction
from relaypost.domain.types import UnixMs
from relaypost.wire.overrides import read_overrides
from tests.support.publishing import NOW, URL, HeaderLines, context, pairs

DONE, BROKEN = "https://h/done", "https://h/broken"
CALLBACK = Callback(
    url=DONE,
    method="PUT",
    headers=(("X", "1"), ("Y", "2")),
    timeout_ms=1_000,
    max_retries=1,
    retry_delay="1000",
    delay_ms=5_000,
    labels=("c",),
    flow_control=FlowControl(key="done", parallelism=1),
    failure_callback=Callback(url=BROKEN, timeout_ms=2_000),
)
DEAD = Envelope(
    url=URL,
    method="PATCH",
    headers=(("Content-Type", "a/b"), ("X", "1"), ("X", "2"), ("Y", "3")),
    body=b"body",
    timeout_ms=30_000,
    max_retries=7,
    retry_delay="2000",
    callback=CALLBACK,
    labels=("a", "b"),
    redaction=Redaction(headers=("X",)),
    caller_ip="192.0.2.1",
    topic_name="grp",
    endpoint_name="first",
    schedule_id="scd_1",
    queue_name="invoices",
    flow_control=FlowControl(key="erp", rate=10, period_s=60),
)


def retried(
    headers: HeaderLines = (), query: str = "", *, dead: Envelope = DEAD, **overrides: Any
) -> NewMessage:
    given = read_overrides(pairs(headers), query.encode(), context(**overrides))
    return given.bring_back(dead)


def retried_callback(headers: HeaderLines, dead: Envelope = DEAD) -> Callback:
    callback = retried(headers, dead=dead).envelope.callback
    assert callback is not None
    return callback


def test_without_options_the_message_is_copied() -> None:
    plain = [("Content-Type", "c/d"), ("User-Agent", "x"), ("Upstash-Deduplication-Id", "a:b")]
    given = retried([*plain, ("Upstash-Header-Forward", "x"), ("Upstash-Cron", "x")], "dlqIds=1")
    assert given == NewMessage(project_id=context().project_id, envelope=DEAD)


@pytest.mark.parametrize(
    ("option", "text", "change"),
    [
        ("Retries", "0", {"max_retries": 0}),
        ("Retry-Delay", "1", {"retry_delay": "1"}),
        ("Timeout", "5s", {"timeout_ms": 5_000}),
        ("Method", "get", {"method": "GET"}),
        ("Label", "c", {"labels": ("c",)}),
        ("Redact-Fields", "body", {"redaction": Redaction(body=True, headers=("X",))}),
        (
            "Forward-X",
            "9",
            {"headers": (("Content-Type", "a/b"), ("Y", "3"), ("X", "9"))},
        ),
        ("Forward-Content-Type", "c/d", {}),
        ("Callback", BROKEN, {"callback": replace(CALLBACK, url=BROKEN)}),
        (
            "Failure-Callback",
            DONE,
            {"failure_callback": Callback(url=DONE, timeout_ms=7_200_000)},
        ),
        ("Failure-Callback-Retries", "1", {}),
        ("Queue-Name", "mails", {"queue_name": "mails"}),
    ],
)
def test_an_option_replaces_what_was_copied(option: str, text: str, change: dict[str, Any]) -> None:
    expected = replace(DEAD, **change)
    assert retried({f"Upstash-{option}": text}).envelope == expected
    assert retried(query=f"upstash-{option.lower()}={text}").envelope == expected


def test_a_new_key_replaces_the_old_one_whole() -> None:
    given = retried({"Upstash-Flow-Control-Key": "k", "Upstash-Flow-Control-Value": "rate=1"})
    assert given.envelope.flow_control == FlowControl(key="k", rate=1)
    query = "upstash-flow-control-key=k&upstash-flow-control-value=parallelism%3D2"
    assert retried(query=query).envelope.flow_control == FlowControl(key="k", parallelism=2)


def test_the_callback_gets_a_new_key() -> None:
    lines = {"Flow-Control-Key": "k", "Flow-Control-Value": "rate=1"}
    given = retried_callback({f"Upstash-Callback-{name}": text for name, text in lines.items()})
    assert given == replace(CALLBACK, flow_control=FlowControl(key="k", rate=1))
    own = retried({f"Upstash-Failure-Callback-{name}": text for name, text in lines.items()})
    assert own.envelope == DEAD


def test_the_header_counts_before_the_query() -> None:
    given = retried({"Upstash-Retries": "1"}, "upstash-retries=2&upstash-timeout=5s")
    assert (given.envelope.max_retries, given.envelope.timeout_ms) == (1, 5_000)


def test_times() -> None:
    assert retried({"Upstash-Delay": "5s"}).delay_ms == 5_000
    later = NOW // 1000 + 60
    given = retried({"Upstash-Not-Before": str(later), "Upstash-Delay": "5s"})
    assert (given.not_before, given.delay_ms) == (UnixMs(later * 1000), 0)


@pytest.mark.parametrize(
    ("option", "text", "change"),
    [
        ("Method", "post", {"method": "POST"}),
        ("Timeout", "9s", {"timeout_ms": 9_000}),
        ("Retries", "0", {"max_retries": 0}),
        ("Retry-Delay", "1", {"retry_delay": "1"}),
        ("Delay", "0", {"delay_ms": 0}),
        ("Label", "d", {"labels": ("d",)}),
        ("Redact-Fields", "body", {"redaction": Redaction(body=True, headers=("X",))}),
        ("Forward-X", "9", {"headers": (("Y", "2"), ("X", "9"))}),
        ("Z", "9", {"headers": (("X", "1"), ("Y", "2"), ("Z", "9"))}),
        (
            "Failure-Callback",
            DONE,
            {"failure_callback": Callback(url=DONE, timeout_ms=2_000)},
        ),
        (
            "Failure-Callback-Retries",
            "4",
            {"failure_callback": Callback(url=BROKEN, timeout_ms=2_000, max_retries=4)},
        ),
    ],
)
def test_options_of_the_callback_one_by_one(option: str, text: str, change: dict[str, Any]) -> None:
    given = retried_callback({f"Upstash-Callback-{option}": text})
    assert given == replace(CALLBACK, **change)


def test_a_group_without_callback_has_no_effect() -> None:
    dead = replace(DEAD, callback=None)
    assert retried({"Upstash-Callback-Retries": "1"}, dead=dead).envelope == dead


def test_a_new_callback_takes_the_redaction_of_the_message() -> None:
    options = {"Upstash-Callback": DONE, "Upstash-Callback-Redact-Fields": "body"}
    given = retried_callback(options, replace(DEAD, callback=None))
    assert given.redaction == Redaction(body=True, headers=("X",))


def test_what_the_message_hides_anew_its_callbacks_hide_too() -> None:
    own = replace(CALLBACK, redaction=Redaction(headers=("X", "Z")))
    given = retried_callback({"Upstash-Redact-Fields": "body"}, replace(DEAD, callback=own))
    assert given.redaction == Redaction(body=True, headers=("X", "Z"))
    assert retried_callback({"Upstash-Redact-Fields": "body"}).redaction is None


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"Upstash-Retries": "x"}, 'invalid Upstash-Retries: "x" is not a valid integer'),
        ({"Upstash-Callback": "grp"}, "invalid callback url: endpoint has invalid scheme"),
        ({"Upstash-Queue-Name": "a b"}, "invalid Upstash-Queue-Name: queue name may only"),
        (
            {"Upstash-Flow-Control-Key": "k"},
            "Upstash-Flow-Control-Key and Upstash-Flow-Control-Value should be provided together",
        ),
        (
            {
                "Upstash-Callback-Flow-Control-Key": "$",
                "Upstash-Callback-Flow-Control-Value": "rate=1",
            },
            'invalid Upstash-Callback-Flow-Control-Key: "$" is reserved',
        ),
        (
            {
                "Upstash-Callback-Failure-Callback-Flow-Control-Key": "k",
                "Upstash-Callback-Failure-Callback-Flow-Control-Value": "rate=1, period=8d",
            },
            "invalid Upstash-Callback-Failure-Callback-Flow-Control-Value: period can be at most",
        ),
    ],
)
def test_invalid_options(headers: HeaderLines, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        retried(headers)
    assert str(refused.value).startswith(text)


def test_a_query_cannot_break_out_of_a_header() -> None:
    with pytest.raises(Invalid, match="invalid header Upstash-Forward-X"):
        retried(query="upstash-forward-x=a%0Db")


@pytest.mark.parametrize("option", ["Retries", "Callback-Retries", "Failure-Callback-Retries"])
def test_quotas_hold(option: str) -> None:
    with pytest.raises(QuotaExceeded):
        retried({f"Upstash-{option}": "101"})
    with pytest.raises(QuotaExceeded):
        retried({"Upstash-Delay": "400d"})
