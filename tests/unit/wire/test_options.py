import pytest

from relaypost.domain.errors import Invalid
from relaypost.wire.options import (
    CALLBACK,
    CALLBACK_FAILURE,
    FAILURE,
    MESSAGE,
    Options,
    collect,
    merge,
    plain_headers,
)
from tests.support.publishing import HeaderLines, pairs


def collected(headers: HeaderLines) -> Options:
    return collect(pairs(headers))


def where(name: str) -> tuple[str, str, bool] | None:
    """Group, option, and whether it is a forwarded header; `None` for what says nothing."""
    options = collected({name: "v"})
    for prefix, group in {MESSAGE: options.message, **options.callbacks}.items():
        if group.texts:
            return prefix, next(iter(group.texts)), False
        if group.forwarded:
            return prefix, next(iter(group.forwarded)), True
    return None


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ("Content-Type", (MESSAGE, "Content-Type", False)),
        ("upstash-retries", (MESSAGE, "Retries", False)),
        ("UPSTASH-RETRY-DELAY", (MESSAGE, "Retry-Delay", False)),
        ("Upstash-Cron", (MESSAGE, "Cron", False)),
        ("Upstash-Forward-x-shop", (MESSAGE, "X-Shop", True)),
        ("Upstash-Forward-Content-Type", (MESSAGE, "Forward-Content-Type", False)),
        ("Upstash-Forward-Upstash-Delay", (MESSAGE, "Upstash-Delay", True)),
        ("Upstash-Forward-Authorization", (MESSAGE, "Authorization", True)),
        ("Upstash-Callback", (MESSAGE, "Callback", False)),
        ("Upstash-Failure-Callback", (MESSAGE, "Failure-Callback", False)),
        ("Upstash-Workflow-RunId", (MESSAGE, "Workflow-Runid", False)),
        ("Upstash-Feature-Set", (MESSAGE, "Feature-Set", False)),
        ("Upstash-Callback-Retries", (CALLBACK, "Retries", False)),
        ("Upstash-Callback-Forward-X", (CALLBACK, "X", True)),
        ("Upstash-Callback-X-Trace", (CALLBACK, "X-Trace", True)),
        ("Upstash-Callback-Authorization", (CALLBACK, "Authorization", True)),
        ("Upstash-Callback-Workflow-RunId", (CALLBACK, "Workflow-Runid", False)),
        ("Upstash-Callback-Failure-Callback", (CALLBACK, "Failure-Callback", False)),
        ("Upstash-Callback-Failure-Callback-Delay", (CALLBACK_FAILURE, "Delay", False)),
        ("Upstash-Callback-Failure-Callback-X", (CALLBACK_FAILURE, "X", True)),
        ("Upstash-Failure-Callback-Method", (FAILURE, "Method", False)),
        ("Upstash-Failure-Callback-Forward-X", (FAILURE, "X", True)),
        ("Upstash-Failure-Callback-X-Trace", (FAILURE, "X-Trace", True)),
    ],
)
def test_what_a_header_is(header: str, place: tuple[str, str, bool]) -> None:
    assert where(header) == place


@pytest.mark.parametrize(
    "header",
    [
        "User-Agent",
        "Authorization",
        "Upstash",
        "Upstash-Telemetry-Sdk",
        "Upstash-Telemetry-Platform",
        "Upstash-Whatever",
        "Upstash-Callback-Not-Before",
        "Upstash-Callback-Deduplication-Id",
        "Upstash-Callback-Content-Based-Deduplication",
        "Upstash-Callback-Header-Forward",
        "Upstash-Callback-Queue-Name",
        "Upstash-Callback-Cron",
        "Upstash-Callback-Schedule-Id",
        "Upstash-Callback-Telemetry-Sdk",
        "Upstash-Callback-Callback",
        "Upstash-Callback-Callback-Retries",
        "Upstash-Callback-Failure-Callbacks",
        "Upstash-Callback-Content-Type",
        "Upstash-Callback-Forward-Content-Type",
        "Upstash-Callback-Upstash-Signature",
        "Upstash-Callback-Host",
        "Upstash-Failure-Callback-Callback",
        "Upstash-Failure-Callback-Failure-Callback",
        "Upstash-Failure-Callback-Failure-Callback-Retries",
        "Upstash-Failure-Callback-Forward-Transfer-Encoding",
        "Upstash-Callback-Failure-Callback-Callback",
        "Upstash-Callback-Failure-Callback-Failure-Callback",
    ],
)
def test_what_says_nothing(header: str) -> None:
    assert where(header) is None


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "Content-Length",
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "HTTP2-Settings",
        "Upstash-Signature",
        "Upstash-Message-Id",
        "Upstash-Retried",
        "Upstash-Caller-Ip",
        "Upstash-Topic-Name",
        "Upstash-Schedule-Id",
        "Upstash-Region",
    ],
)
def test_never_delivered_not_even_with_a_prefix(name: str) -> None:
    assert where(f"Upstash-Forward-{name}") is None
    assert plain_headers(collected({"Upstash-Header-Forward": "true", name: "v"})) == {}


@pytest.mark.parametrize(
    "name", ["Upstash-Forward-", "Upstash-Callback-", "Upstash-Callback-Forward-"]
)
def test_a_forwarded_header_needs_a_name(name: str) -> None:
    with pytest.raises(Invalid, match="invalid header Upstash-"):
        collected({name: "v"})


def test_long_names_are_understood() -> None:
    name = "X-A" + "a" * 300
    assert where(f"upstash-forward-{name}") == (MESSAGE, name, True)


def test_an_empty_value_counts_as_absent() -> None:
    options = collected({"Upstash-Label": " \t", "Upstash-Forward-X": ""})
    assert (options.message.texts, options.message.forwarded) == ({}, {})


def test_of_an_option_the_first_value_counts() -> None:
    options = collected(
        [("Upstash-Retries", ""), ("Upstash-Retries", "1"), ("Upstash-Retries", "2")]
    )
    assert options.message.texts == {"Retries": "1"}


def test_lists_add_up() -> None:
    lines = [("Upstash-Label", "a"), ("Upstash-Redact-Fields", "body"), ("Upstash-Label", "b")]
    texts = collected([*lines, ("Upstash-Redact-Fields", "header")]).message.texts
    assert texts == {"Label": "a,b", "Redact-Fields": "body,header"}


def test_a_forwarded_header_keeps_all_values_in_order() -> None:
    lines = [("Upstash-Forward-X", "1"), ("Upstash-Forward-Y", "2"), ("upstash-forward-x", "3")]
    assert collected(lines).message.forwarded == {"X": ["1", "3"], "Y": ["2"]}


def test_names_that_connection_lists_are_dropped() -> None:
    lines = {"Connection": "close, X-Hop", "Upstash-Forward-X-Hop": "1", "Upstash-Forward-Y": "2"}
    assert collected(lines).message.forwarded == {"Y": ["2"]}


def merged(higher: HeaderLines, lower: HeaderLines) -> Options:
    return merge(collected(higher), collected(lower))


@pytest.mark.parametrize(
    ("higher", "lower", "texts"),
    [
        ({"Upstash-Retries": "1"}, {"Upstash-Retries": "2"}, {"Retries": "1"}),
        ({"Upstash-Retries": "1"}, {"Upstash-Delay": "2"}, {"Retries": "1", "Delay": "2"}),
        ({"Upstash-Retries": ""}, {"Upstash-Retries": "2"}, {"Retries": "2"}),
        ({"Upstash-Not-Before": "1"}, {"Upstash-Delay": "2"}, {"Not-Before": "1"}),
        ({"Upstash-Delay": "2"}, {"Upstash-Not-Before": "1"}, {"Delay": "2"}),
        (
            {"Upstash-Flow-Control-Key": "k"},
            {"Upstash-Flow-Control-Key": "l", "Upstash-Flow-Control-Value": "rate=1"},
            {"Flow-Control-Key": "k"},
        ),
        (
            {"Upstash-Content-Based-Deduplication": "False"},
            {"Upstash-Deduplication-Id": "d"},
            {"Content-Based-Deduplication": "False"},
        ),
        ({"Upstash-Label": "a"}, {"Upstash-Label": "b,c"}, {"Label": "a"}),
        (
            {"Upstash-Redact-Fields": "body"},
            {"Upstash-Redact-Fields": "header"},
            {"Redact-Fields": "body,header"},
        ),
        (
            {"Upstash-Forward-Content-Type": "a"},
            {"Content-Type": "b"},
            {"Forward-Content-Type": "a"},
        ),
    ],
)
def test_a_higher_place_replaces_a_lower_one_unit_by_unit(
    higher: HeaderLines, lower: HeaderLines, texts: dict[str, str]
) -> None:
    assert merged(higher, lower).message.texts == texts


def test_forwarded_headers_are_replaced_name_by_name_with_all_their_values() -> None:
    higher = {"Upstash-Forward-X": "1"}
    lower = [("Upstash-Forward-X", "2"), ("Upstash-Forward-X", "3"), ("Upstash-Forward-Y", "4")]
    assert merged(higher, lower).message.forwarded == {"X": ["1"], "Y": ["4"]}


def test_each_callback_group_is_merged_for_itself() -> None:
    options = merged(
        {"Upstash-Callback-Retries": "1", "Upstash-Callback-Forward-X": "1"},
        {
            "Upstash-Callback-Retries": "2",
            "Upstash-Callback-Y": "2",
            "Upstash-Failure-Callback-Z": "3",
        },
    )
    assert options.callback(CALLBACK).texts == {"Retries": "1"}
    assert options.callback(CALLBACK).forwarded == {"X": ["1"], "Y": ["2"]}
    assert options.callback(FAILURE).forwarded == {"Z": ["3"]}
    assert options.callback(CALLBACK_FAILURE).forwarded == {}


def test_plain_headers_are_taken_over_but_for_some() -> None:
    lines = pairs(
        [
            ("Upstash-Header-Forward", "true"),
            ("Accept-Encoding", "gzip"),
            ("Content-Type", "text/plain"),
            ("Connection", "X-Hop"),
            ("X-Hop", "1"),
            ("Authorization", "Basic x"),
            ("Stripe-Signature", "t=1"),
            ("stripe-signature", "t=2"),
            ("X-Empty", ""),
        ]
    )
    plain = {"Authorization": ["Basic x"], "Stripe-Signature": ["t=1", "t=2"]}
    assert plain_headers(collect(lines)) == plain
    del plain["Authorization"]
    assert plain_headers(collect(lines, withheld=b"authorization")) == plain


def test_of_a_plain_header_the_highest_place_counts() -> None:
    own = collect(pairs({"X": "1", "Authorization": "Bearer"}), withheld=b"authorization")
    defaults = [
        ("X", "2"),
        ("X", "3"),
        ("Authorization", "default"),
        ("Upstash-Header-Forward", "1"),
    ]
    options = merge(own, collected(defaults))
    assert plain_headers(options) == {"X": ["1"], "Authorization": ["default"]}
