"""URL groups as requests change them and answers show them (4.6, 4.7)."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.errors import Invalid, RelaypostError
from relaypost.domain.types import Headers, UnixMs
from relaypost.domain.url_groups import Endpoint, EndpointFilter
from relaypost.wire.errors import status_of
from relaypost.wire.url_groups import (
    check_name,
    read_added,
    read_default_headers,
    read_removed,
    url_group_body,
    url_groups_body,
)
from tests.support.publishing import NOW, context
from tests.support.url_groups import CHAT, MAIL, url_group

URL = "https://example.com/1"
NO_SCHEME = "invalid endpoint url: endpoint has invalid scheme, add http:// or https://"
NO_LIST = "endpoints must be a non-empty list"
NO_URL = "endpoint url is required"
NO_FILTER = "endpoint name or url is required"
NO_NAME = "invalid endpoint name"


def added(body: bytes) -> list[Endpoint]:
    return read_added(body, AddressPolicy())


def encoded(*items: Any) -> bytes:
    return json.dumps({"endpoints": items}).encode()


def refusal(read: Callable[[bytes], object], body: bytes) -> str:
    with pytest.raises(Invalid) as refused:
        read(body)
    return str(refused.value)


@pytest.mark.parametrize("name", ["purchases", "a.b-c_D9", "x" * 256, "...", "endpoints"])
def test_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "grüße", "x" * 257, "a\n"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_name(name)
    assert str(refused.value) == (
        "topic name may only contain alphanumeric characters, hyphens, underscores and periods"
    )


@pytest.mark.conformance("Q-15")
def test_endpoints_as_sdks_send_them() -> None:
    body = encoded({"name": "First endpoint", "url": URL}, {"url": f"{URL}?x"})
    assert added(body) == [Endpoint(url=URL, name="First endpoint"), Endpoint(url=f"{URL}?x")]
    removed = read_removed(encoded({"name": "ep1"}, {"url": URL}, {"name": "a", "url": URL}))
    assert removed == [
        EndpointFilter(name="ep1"),
        EndpointFilter(url=URL),
        EndpointFilter(name="a", url=URL),
    ]


def test_null_and_empty_are_absent_and_the_rest_is_ignored() -> None:
    plain: dict[str, Any] = {"url": URL, "name": None, "headers": {}, "x": 1}
    assert added(encoded(plain, {"url": URL, "name": ""})) == [Endpoint(url=URL)] * 2
    assert read_removed(encoded({"url": None, "name": "a"}, {"url": URL, "name": ""})) == [
        EndpointFilter(name="a"),
        EndpointFilter(url=URL),
    ]
    assert added(b'{"other":1,"endpoints":[{"url":"https://h"}]}') == [Endpoint(url="https://h")]


@pytest.mark.parametrize("read", [added, read_removed])
@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "invalid JSON body: Input data was truncated"),
        (b"{}", NO_LIST),
        (b'{"endpoints":null}', NO_LIST),
        (b'{"endpoints":[]}', NO_LIST),
        (b'{"endpoints":{"url":"https://h"}}', NO_LIST),
        (b'{"endpoints":"https://h"}', NO_LIST),
        (b"[]", "invalid JSON body: must be an object"),
        (b"null", "invalid JSON body: must be an object"),
        (b"{", "invalid JSON body: Input data was truncated"),
        (b"{} {}", "invalid JSON body: trailing characters (byte 4)"),
        (b'{"endpoints":"\xff"}', "invalid JSON body: not valid UTF-8"),
        (b'{"endpoints":' + b"[" * 100_000, "invalid JSON body: nested too deeply"),
    ],
)
def test_bodies_without_endpoints(read: Callable[[bytes], object], body: bytes, text: str) -> None:
    assert refusal(read, body) == text


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (1, NO_URL),
        ("https://h", NO_URL),
        (None, NO_URL),
        ([], NO_URL),
        ({}, NO_URL),
        ({"name": "a"}, NO_URL),
        ({"url": None}, NO_URL),
        ({"url": ""}, NO_URL),
        ({"url": 1}, NO_SCHEME),
        ({"url": "example.com"}, NO_SCHEME),
        ({"url": "grp"}, NO_SCHEME),
        ({"url": "ftp://h"}, NO_SCHEME),
        ({"url": "https://"}, "invalid endpoint url: endpoint has no host"),
        ({"url": "https://h:0"}, "invalid endpoint url: endpoint has an invalid port"),
        ({"url": "https://h/\n"}, "invalid endpoint url: endpoint has control characters"),
        (
            {"url": "https://h/" + "x" * 8192},
            "invalid endpoint url: endpoint is longer than 8192 bytes",
        ),
        (
            {"url": "http://localhost:3000/"},
            "invalid endpoint url: endpoint resolves to a loopback address: 127.0.0.1 "
            "(see RELAYPOST_ALLOW_NETWORKS)",
        ),
        ({"url": URL, "name": 1}, NO_NAME),
        ({"url": URL, "name": ["a"]}, NO_NAME),
        ({"url": URL, "name": False}, NO_NAME),
        ({"url": URL, "name": "a\tb"}, NO_NAME),
        ({"url": URL, "name": "a\x7f"}, NO_NAME),
        ({"url": URL, "name": "ü" * 129}, NO_NAME),
    ],
)
def test_endpoints_that_can_not_be_added(item: object, text: str) -> None:
    assert refusal(added, encoded({"url": URL}, item)) == text


@pytest.mark.parametrize("name", [" ", "ü" * 128, "a, b; c/d", "0"])
def test_names_of_endpoints_are_free(name: str) -> None:
    assert added(encoded({"url": URL, "name": name})) == [Endpoint(url=URL, name=name)]


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (1, NO_FILTER),
        (None, NO_FILTER),
        ("ep1", NO_FILTER),
        ({}, NO_FILTER),
        ({"name": "", "url": None}, NO_FILTER),
        ({"name": "x" * 257}, NO_NAME),
        ({"name": 1, "url": URL}, NO_NAME),
        ({"name": "a", "url": 1}, NO_SCHEME),
    ],
)
def test_endpoints_that_can_not_be_meant(item: object, text: str) -> None:
    assert refusal(read_removed, encoded({"url": URL}, item)) == text


def test_what_a_policy_forbids_today_can_be_removed() -> None:
    assert read_removed(encoded({"url": "http://10.0.0.1/"})) == [
        EndpointFilter(url="http://10.0.0.1/")
    ]


def defaults(headers: Any, **overrides: Any) -> Headers | None:
    return read_default_headers(json.dumps({"headers": headers}).encode(), context(**overrides))


@pytest.mark.conformance("Q-19")
def test_texts_and_lists() -> None:
    given = {
        "upstash-header-FORWARD": ["true"],
        "Upstash-Retries": " 3 ",
        "x-shop": ["a", "b"],
        "X-Shop": "c",
        "content-type": "text/plain",
        "Upstash-Forward-x-trace": "ü",
    }
    assert defaults(given) == (
        ("Upstash-Header-Forward", "true"),
        ("Upstash-Retries", "3"),
        ("X-Shop", "a"),
        ("X-Shop", "b"),
        ("X-Shop", "c"),
        ("Content-Type", "text/plain"),
        ("Upstash-Forward-X-Trace", "ü"),
    )


def test_nothing_empties_and_no_word_changes_nothing() -> None:
    assert defaults({}) == defaults(None) == ()
    for body in (b"{}", b'{"header":{"X":"1"}}'):
        assert read_default_headers(body, context()) is None


def test_values_of_other_kinds_are_read_as_in_a_batch() -> None:
    given = {"Upstash-Retries": 3, "Upstash-Header-Forward": True, "X": ["a", None, 1.5], "Y": None}
    assert defaults(given) == (
        ("Upstash-Retries", "3"),
        ("Upstash-Header-Forward", "true"),
        ("X", "a"),
        ("X", "1.5"),
    )


def test_what_says_nothing_is_not_kept() -> None:
    given = {
        "Upstash-Telemetry-Sdk": "x",
        "Upstash-Callback-Telemetry-Sdk": "x",
        "Upstash-Callback-Cron": "x",
        "Upstash-Forward-Host": "x",
        "Upstash-Unknown": "x",
        "Upstash-Cron": "",
        "X-Empty": ["", " \t"],
    }
    assert defaults(given) == ()


@pytest.mark.parametrize(
    "options",
    [
        {"Upstash-Callback": URL, "Upstash-Callback-X-Trace": "1"},
        {"Upstash-Failure-Callback-Retries": "1"},
        {"Upstash-Callback-Failure-Callback": URL},
        {"Upstash-Deduplication-Id": "once"},
        {"Upstash-Delay": "10d", "Upstash-Label": "a,b"},
        {"Upstash-Not-Before": str(NOW // 1000 + 60)},
        {"Upstash-Redact-Fields": "body,header[x]"},
        {"Upstash-Queue-Name": "q"},
        {"Upstash-Flow-Control-Key": "k", "Upstash-Flow-Control-Value": "rate=1"},
        {"Upstash-Callback-Flow-Control-Key": "k", "Upstash-Callback-Flow-Control-Value": "rate=1"},
    ],
)
def test_options_that_can_be_defaults(options: dict[str, str]) -> None:
    assert defaults(options) == tuple(options.items())


NOT_FOR_ALL = "not allowed as a default of a topic"


@pytest.mark.conformance("Q-19")
@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ([], 400, "invalid headers"),
        ("", 400, "invalid headers"),
        (0, 400, "invalid headers"),
        (False, 400, "invalid headers"),
        ({"X": {}}, 400, "invalid headers"),
        ({"X": [["a"]]}, 400, "invalid headers"),
        ({"a b": "1"}, 400, "invalid header A b"),
        ({"": "1"}, 400, "invalid header "),
        ({"X": "a\r\nY: b"}, 400, "invalid header X"),
        ({"Upstash-Forward-": "1"}, 400, "invalid header Upstash-Forward-"),
        (
            {"Upstash-Retries": "x"},
            400,
            'invalid Upstash-Retries: "x" is not a valid integer',
        ),
        ({"Upstash-Retries": "101"}, 412, "quota maxRetries exceeded, current limit: 100"),
        ({"Upstash-Delay": "400d"}, 412, "quota maxDelay exceeded, current limit: 31536000"),
        (
            {"Upstash-Header-Forward": "yes"},
            400,
            'invalid Upstash-Header-Forward: "yes" is not a valid boolean',
        ),
        (
            {"Upstash-Content-Based-Deduplication": "yes"},
            400,
            'invalid Upstash-Content-Based-Deduplication: "yes" is not a valid boolean',
        ),
        ({"Upstash-Deduplication-Id": "a:b"}, 400, "DeduplicationId cannot contain ':'"),
        (
            {"Upstash-Queue-Name": "a/b"},
            400,
            "invalid Upstash-Queue-Name: queue name may only contain alphanumeric characters, "
            "hyphens, underscores and periods",
        ),
        (
            {"Upstash-Flow-Control-Key": "k"},
            400,
            "Upstash-Flow-Control-Key and Upstash-Flow-Control-Value should be provided together",
        ),
        (
            {"Upstash-Callback": "grp"},
            400,
            "invalid callback url: endpoint has invalid scheme, add http:// or https://",
        ),
        (
            {"Upstash-Callback-Timeout": "3h"},
            412,
            "quota maxTimeout exceeded, current limit: 7200",
        ),
        ({"Upstash-Cron": "* * * * *"}, 400, f"invalid Upstash-Cron: {NOT_FOR_ALL}"),
        ({"Upstash-Schedule-Id": "x"}, 400, f"invalid Upstash-Schedule-Id: {NOT_FOR_ALL}"),
        ({"Upstash-Feature-Set": "x"}, 400, f"invalid Upstash-Feature-Set: {NOT_FOR_ALL}"),
        (
            {"Upstash-Workflow-RunId": "wfr_1"},
            400,
            f"invalid Upstash-Workflow-Runid: {NOT_FOR_ALL}",
        ),
        (
            {"Upstash-Callback-Workflow-Init": "false"},
            400,
            f"invalid Upstash-Callback-Workflow-Init: {NOT_FOR_ALL}",
        ),
    ],
)
def test_defaults_that_are_refused(headers: Any, status: int, text: str) -> None:
    with pytest.raises(RelaypostError) as refused:
        defaults(headers)
    assert (status_of(refused.value), str(refused.value)) == (status, text)


@pytest.mark.parametrize(
    ("body", "text"), [(b"[]", "must be an object"), (b"", "Input data was truncated")]
)
def test_a_change_that_is_no_object(body: bytes, text: str) -> None:
    refused = refusal(lambda raw: read_default_headers(raw, context()), body)
    assert refused == f"invalid JSON body: {text}"


@pytest.mark.conformance("Q-15")
def test_a_group_as_it_is_shown() -> None:
    group = replace(url_group(name="purchases"), updated_at=UnixMs(NOW + 1))
    assert url_group_body(group) == (
        b'{"name":"purchases","createdAt":1795525409034,"updatedAt":1795525409035,'
        b'"endpoints":[{"name":"mail","url":"https://mail.example.com/hook"},'
        b'{"url":"https://chat.example.com/hook"}]}'
    )
    assert url_groups_body([group]) == b"[" + url_group_body(group) + b"]"
    assert url_groups_body([]) == b"[]"


def test_headers_are_shown_as_lists() -> None:
    group = replace(
        url_group(MAIL, CHAT), headers=(("Upstash-Retries", "3"), ("X", "1"), ("X", "2"))
    )
    shown = json.loads(url_group_body(group))
    assert shown["headers"] == {"Upstash-Retries": ["3"], "X": ["1", "2"]}
