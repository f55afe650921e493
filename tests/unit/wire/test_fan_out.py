"""Publishing to a URL group: place 3 of the options (1.4), a message for each endpoint (4.8)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from relaypost.domain.errors import Invalid, NotFound, QuotaExceeded
from relaypost.domain.flow_control import FlowControl
from relaypost.domain.limits import Limits
from relaypost.domain.messages import Deduplication, Envelope, Publication, Redaction
from relaypost.domain.url_groups import Endpoint
from relaypost.wire.fan_out import group_names
from tests.support.publishing import NOW, HeaderLines, publish
from tests.support.url_groups import CHAT, MAIL, known, url_group

DONE, BROKEN = "https://example.com/done", "https://example.com/broken"


def published(
    headers: HeaderLines = (),
    *,
    defaults: Mapping[str, str] | None = None,
    destination: str = "grp",
    **options: Any,
) -> Publication:
    groups = known(url_group(headers=defaults))
    return publish(destination, headers, groups=groups, **options)


def first(headers: HeaderLines = (), **options: Any) -> Envelope:
    return published(headers, **options).messages[0].envelope


@pytest.mark.conformance("P-6")
def test_one_message_for_each_endpoint_in_order() -> None:
    one, other = published({"Upstash-Delay": "5s"}, body=b"x").messages
    assert (one.envelope.url, one.envelope.topic_name) == (MAIL.url, "grp")
    assert one.envelope.endpoint_name == "mail"
    assert other == replace(one, envelope=replace(one.envelope, url=CHAT.url, endpoint_name=None))
    assert (one.delay_ms, one.envelope.body) == (5000, b"x")


@pytest.mark.conformance("P-5")
@pytest.mark.parametrize("name", ["non_existing_url_group", "Grp", "grp.", "api", "https"])
def test_a_name_that_is_no_group(name: str) -> None:
    with pytest.raises(NotFound) as refused:
        published(destination=name)
    assert str(refused.value) == f"topic {name} not found"


def test_a_name_that_is_no_group_with_a_query() -> None:
    with pytest.raises(NotFound, match=r"^topic none not found$"):
        published(destination="none?a=1")


@pytest.mark.parametrize("destination", ["grp/", "grp#x", "grp%2E", "/grp"])
def test_what_only_looks_like_a_name(destination: str) -> None:
    with pytest.raises(Invalid, match=r"^invalid destination url: endpoint has invalid scheme"):
        published(destination=destination)


def test_other_parameters_go_to_the_endpoints() -> None:
    endpoints = [
        ("https://a/hook", "https://a/hook?x=%20&y"),
        ("https://b/hook?k=v", "https://b/hook?k=v&x=%20&y"),
        ("https://c/hook?", "https://c/hook?x=%20&y"),
        ("https://d#part", "https://d?x=%20&y#part"),
    ]
    group = url_group(*(Endpoint(url=url) for url, _ in endpoints))
    given = publish("grp?x=%20&upstash-retries=1&y", groups=known(group))
    assert [one.envelope.url for one in given.messages] == [url for _, url in endpoints]
    assert {one.envelope.max_retries for one in given.messages} == {1}


def test_parameters_may_make_a_url_too_long() -> None:
    group = url_group(MAIL, Endpoint(url="https://a/" + "x" * 8182))
    assert len(publish("grp", groups=known(group)).messages) == 2
    with pytest.raises(Invalid, match=r"^invalid destination url: endpoint is longer than 8192"):
        publish("grp?a", {"Upstash-Retries": "101"}, groups=known(group))


@pytest.mark.conformance("Q-19")
def test_header_and_query_come_before_the_group() -> None:
    defaults = {"Upstash-Retries": "1", "Upstash-Timeout": "10s", "Upstash-Method": "PUT"}
    given = first(
        {"Upstash-Retries": "3"}, destination="grp?upstash-timeout=30s", defaults=defaults
    )
    assert (given.max_retries, given.timeout_ms, given.method) == (3, 30_000, "PUT")


@pytest.mark.conformance("Q-19")
def test_forwarded_headers_name_by_name() -> None:
    defaults = {
        "Content-Type": "text/plain",
        "Upstash-Forward-X-Both": "group",
        "Upstash-Forward-X-Group": "group",
    }
    given = first([("Upstash-Forward-X-Both", "1"), ("Upstash-Forward-X-Both", "2")])
    assert given.headers == (("X-Both", "1"), ("X-Both", "2"))
    given = first(
        [("Upstash-Forward-X-Both", "1"), ("Upstash-Forward-X-Both", "2")], defaults=defaults
    )
    assert sorted(given.headers) == [
        ("Content-Type", "text/plain"),
        ("X-Both", "1"),
        ("X-Both", "2"),
        ("X-Group", "group"),
    ]
    assert ("Content-Type", "a/b") in first({"Content-Type": "a/b"}, defaults=defaults).headers


def test_a_stored_flag_forwards_plain_headers_of_both() -> None:
    defaults = {
        "Upstash-Header-Forward": "true",
        "Authorization": "Bearer of-the-group",
        "X-Both": "group",
        "X-Group": "group",
        "Host": "group.example",
    }
    lines = [("Authorization", "Bearer secret"), ("X-Both", "own"), ("X-Own", "own")]
    assert sorted(first(lines, defaults=defaults).headers) == [
        ("Authorization", "Bearer of-the-group"),
        ("X-Both", "own"),
        ("X-Group", "group"),
        ("X-Own", "own"),
    ]
    off = {"Upstash-Header-Forward": "false"}
    assert first([*lines, *off.items()], defaults=defaults).headers == ()
    del defaults["Upstash-Header-Forward"]
    assert first(lines, defaults=defaults).headers == ()


def test_the_options_of_a_callback_one_by_one() -> None:
    defaults = {
        "Upstash-Callback": DONE,
        "Upstash-Callback-Retries": "1",
        "Upstash-Callback-Timeout": "10s",
        "Upstash-Callback-X-Trace": "group",
        "Upstash-Failure-Callback": BROKEN,
    }
    given = first({"Upstash-Callback-Retries": "2"}, defaults=defaults)
    assert given.callback is not None
    assert given.failure_callback is not None
    assert (given.callback.url, given.failure_callback.url) == (DONE, BROKEN)
    assert (given.callback.max_retries, given.callback.timeout_ms) == (2, 10_000)
    assert given.callback.headers == (("X-Trace", "group"),)


def test_redactions_add_up_and_labels_do_not() -> None:
    defaults = {"Upstash-Redact-Fields": "body", "Upstash-Label": "a,b"}
    given = first({"Upstash-Redact-Fields": "header[x]", "Upstash-Label": "c"}, defaults=defaults)
    assert given.redaction == Redaction(body=True, headers=("X",))
    assert given.labels == ("c",)
    assert first(defaults=defaults).labels == ("a", "b")


@pytest.mark.conformance("F-16")
def test_a_delay_of_ones_own_leaves_no_stored_instant() -> None:
    (given, _) = published(
        {"Upstash-Delay": "5s"}, defaults={"Upstash-Not-Before": str(NOW // 1000 + 60)}
    ).messages
    assert (given.delay_ms, given.not_before) == (5000, None)


STORED_KEY = {"Upstash-Flow-Control-Key": "g", "Upstash-Flow-Control-Value": "rate=1"}
OWN_KEY = {"Upstash-Flow-Control-Key": "own", "Upstash-Flow-Control-Value": "parallelism=2"}


@pytest.mark.conformance("F-16")
def test_flow_control_is_never_mixed() -> None:
    own = first(OWN_KEY, defaults=STORED_KEY).flow_control
    assert own == FlowControl(key="own", parallelism=2)
    with pytest.raises(Invalid, match="should be provided together"):
        first({"Upstash-Flow-Control-Key": "own"}, defaults=STORED_KEY)


@pytest.mark.conformance("P-22")
@pytest.mark.parametrize(("headers", "defaults"), [(STORED_KEY, {}), ({}, STORED_KEY)])
def test_every_message_gets_the_same_key(
    headers: Mapping[str, str], defaults: Mapping[str, str]
) -> None:
    made = published(headers.items(), defaults=defaults).messages
    assert [one.envelope.flow_control for one in made] == [FlowControl(key="g", rate=1)] * 2


@pytest.mark.parametrize(
    ("queue", "headers", "expected"),
    [
        (None, {}, "stored"),
        (None, {"Upstash-Queue-Name": "header"}, "header"),
        ("path", {"Upstash-Queue-Name": "header"}, "path"),
        ("path", {}, "path"),
    ],
)
def test_a_stored_queue_counts_as_the_publishers_would(
    queue: str | None, headers: Mapping[str, str], expected: str
) -> None:
    defaults = {"Upstash-Queue-Name": "stored"}
    made = published(headers.items(), defaults=defaults, queue=queue).messages
    assert [one.envelope.queue_name for one in made] == [expected] * 2


def test_a_stored_id_makes_all_publishes_one() -> None:
    given = published(defaults={"Upstash-Deduplication-Id": "once"}).deduplication
    assert given == Deduplication(key=b"ionce", window_ms=600_000)
    own = published(
        {"Upstash-Content-Based-Deduplication": "False"},
        defaults={"Upstash-Deduplication-Id": "once"},
    )
    assert own.deduplication is None


@pytest.mark.conformance("P-15")
def test_content_is_compared_with_the_merged_headers() -> None:
    by_content = {"Upstash-Content-Based-Deduplication": "true"}

    def key(headers: Mapping[str, str], defaults: Mapping[str, str], query: str = "") -> bytes:
        given = published(by_content | dict(headers), defaults=defaults, destination=f"grp{query}")
        assert given.deduplication is not None
        return given.deduplication.key

    plain = key({}, {})
    assert key({}, {"Upstash-Forward-X": "1"}) != plain
    assert key({}, {"Content-Type": "a/b"}) != plain
    assert key({}, {}, "?x=1") != plain
    assert key({}, {"Upstash-Forward-X": "1"}) == key({"Upstash-Forward-X": "1"}, {})
    assert key({}, {"Upstash-Retries": "1"}) == plain
    assert published(defaults=by_content).deduplication == Deduplication(
        key=plain, window_ms=600_000
    )


def test_limits_hold_for_what_was_merged() -> None:
    with pytest.raises(QuotaExceeded, match=r"^quota maxRetries exceeded, current limit: 2$"):
        published(defaults={"Upstash-Retries": "3"}, limits=Limits(max_retries=2))


def test_names_that_destinations_may_mean() -> None:
    destinations = ["grp", "grp?a=1", "https://h/", "api/llm", "", "a.b", "http", "grp/"]
    assert group_names(destinations) == {"grp", "a.b", "http"}
