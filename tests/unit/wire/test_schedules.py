from dataclasses import replace
from typing import Any

import pytest

from relaypost.domain.errors import NotFound, RelaypostError
from relaypost.domain.limits import Limits
from relaypost.domain.messages import Deduplication, Envelope, NewMessage, Redaction
from relaypost.domain.schedules import NewSchedule, Template
from relaypost.domain.types import Headers, ProjectId
from relaypost.domain.url_groups import Endpoint, UrlGroup
from relaypost.runtime import shipped_zone
from relaypost.wire.errors import status_of
from relaypost.wire.schedules import ID_RULE, Planning, messages_of, read_schedule
from tests.support.messages import MINUTE
from tests.support.publishing import NOW, URL, HeaderLines, context, pairs
from tests.support.schedules import FIRST_TICK, schedule, template
from tests.support.url_groups import known as known_groups
from tests.support.url_groups import url_group

CRON = {"Upstash-Cron": "* * * * *"}
NO_SCHEME = "invalid destination url: endpoint has invalid scheme, add http:// or https://"


def plan(
    destination: str = URL,
    headers: HeaderLines = CRON,
    *,
    body: bytes = b"",
    new_id: str = "scd_new",
    **overrides: Any,
) -> NewSchedule:
    path, _, query = destination.partition("?")
    return read_schedule(
        path.encode("latin-1"),
        query.encode("latin-1"),
        headers=pairs(headers),
        body=body,
        context=context(**overrides),
        planning=Planning(zones=shipped_zone, now=NOW, new_id=new_id),
    )


def refusal(destination: str = URL, headers: HeaderLines = CRON, **options: Any) -> tuple[int, str]:
    with pytest.raises(RelaypostError) as refused:
        plan(destination, headers, **options)
    return status_of(refused.value), str(refused.value)


def test_a_plain_request_gets_all_defaults() -> None:
    assert plan(URL, body=b"\0x") == NewSchedule(
        project_id=ProjectId(1),
        id="scd_new",
        cron="* * * * *",
        template=Template(
            envelope=Envelope(
                url=URL,
                body=b"\0x",
                timeout_ms=7_200_000,
                max_retries=3,
                caller_ip="203.0.113.9",
                schedule_id="scd_new",
            )
        ),
        accepted_at=NOW,
        next_tick_at=FIRST_TICK,
    )


def test_options_are_those_of_a_publish() -> None:
    asked = plan(
        f"{URL}?a=1&upstash-retries=5&b",
        {
            **CRON,
            "Content-Type": "application/json",
            "Upstash-Method": "put",
            "Upstash-Delay": "10.5s",
            "Upstash-Timeout": "1500ms",
            "Upstash-Retry-Delay": "1000",
            "Upstash-Forward-X-Tenant": "t-17",
            "Upstash-Label": "nightly,shop",
            "Upstash-Redact-Fields": "body",
            "Upstash-Callback": "https://example.com/done",
            "Upstash-Callback-Retries": "1",
            "Upstash-Failure-Callback": "https://example.com/broken",
            "Upstash-Schedule-Id": "nightly-report",
            "Upstash-Telemetry-Sdk": "x",
        },
    )
    given = asked.template.envelope
    assert (asked.id, given.schedule_id) == ("nightly-report", "nightly-report")
    assert (given.url, given.method, given.max_retries) == (f"{URL}?a=1&b", "PUT", 5)
    assert given.headers == (("Content-Type", "application/json"), ("X-Tenant", "t-17"))
    assert (asked.template.delay_ms, asked.template.timeout_ms) == (10_500, 1_500)
    assert (given.timeout_ms, given.retry_delay) == (1_500, "1000")
    assert (given.labels, given.redaction) == (("nightly", "shop"), Redaction(body=True))
    assert given.callback is not None
    assert (given.callback.url, given.callback.max_retries) == ("https://example.com/done", 1)
    assert given.failure_callback is not None


@pytest.mark.conformance("S-3")
@pytest.mark.parametrize("text", ["*/5 * * * * ", "\t*/5 * * * *"])
def test_the_cron_is_kept_without_blanks_at_its_ends(text: str) -> None:
    assert plan(headers={"Upstash-Cron": text}).cron == "*/5 * * * *"


def test_the_cron_may_come_in_the_query() -> None:
    asked = plan(f"{URL}?upstash-cron=CRON_TZ%3DEurope/Berlin+30+*+*+*+*&x=1", {})
    assert asked.cron == "CRON_TZ=Europe/Berlin 30 * * * *"
    assert asked.template.envelope.url == f"{URL}?x=1"


def test_plain_headers_are_those_of_the_create_request() -> None:
    headers = {**CRON, "Upstash-Header-Forward": "true", "X-Shop": "7", "Authorization": "Bearer t"}
    assert plan(headers=headers).template.envelope.headers == (("X-Shop", "7"),)
    forwarded = plan(headers=headers, token_in_query=True).template.envelope.headers
    assert dict(forwarded) == {"X-Shop": "7", "Authorization": "Bearer t"}


def test_workflow_headers_are_ignored() -> None:
    headers = {
        **CRON,
        "Upstash-Workflow-RunId": "wfr_1",
        "Upstash-Workflow-Init": "false",
        "Upstash-Feature-Set": "LazyFetch",
    }
    assert plan(headers=headers) == plan()


@pytest.mark.conformance("S-2")
@pytest.mark.parametrize("destination", ["", "no scheme", "ftp://h/", "a/b"])
def test_the_destination_is_looked_at_first(destination: str) -> None:
    headers = {"Upstash-Schedule-Id": "a/b", "Upstash-Retries": "x"}
    assert refusal(destination, headers) == (400, NO_SCHEME)


@pytest.mark.conformance("S-2")
@pytest.mark.parametrize("headers", [{}, {"Upstash-Cron": " "}])
def test_then_the_cron(headers: dict[str, str]) -> None:
    bad = {**headers, "Upstash-Schedule-Id": "a/b", "Upstash-Retries": "x"}
    assert refusal(headers=bad) == (400, "Invalid cron expression empty spec string")


@pytest.mark.conformance("S-6")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0 * * * * *", "expected exactly 5 fields, found 6: [0 * * * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * * * 8", "end of range (8) above maximum (7): 8"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("L * * * *", "failed to parse int from L"),
        ("0 0 30 2 *", "never fires: 0 0 30 2 *"),
        (
            "CRON_TZ=Mars/X * * * * *",
            "provided bad location Mars/X: unknown time zone Mars/X",
        ),
        ("@every 30s", "@every needs a duration of at least 1m"),
        ("\xff * * * *", "failed to parse int from \udcff"),
    ],
)
def test_a_cron_that_is_none(text: str, reason: str) -> None:
    assert refusal(headers={"Upstash-Cron": text}) == (400, f"Invalid cron expression {reason}")


@pytest.mark.parametrize("id", ["a/b", "user@example.com", ".", "..", "a b", "x" * 257, "\xe9"])
def test_then_the_id(id: str) -> None:
    headers = {**CRON, "Upstash-Schedule-Id": id, "Upstash-Retries": "x"}
    assert refusal(headers=headers) == (400, ID_RULE)


@pytest.mark.parametrize("id", ["a", "A-b_c.9", "x" * 256, "..."])
def test_an_id_of_ones_own(id: str) -> None:
    assert plan(headers={**CRON, "Upstash-Schedule-Id": id}).id == id


@pytest.mark.conformance("S-18")
@pytest.mark.parametrize(
    ("option", "status", "text"),
    [
        (
            ("Not-Before", "1795525409"),
            400,
            "invalid Upstash-Not-Before: not allowed on schedules, use Upstash-Delay",
        ),
        (("Delay", "400d"), 412, "quota maxDelay exceeded, current limit: 31536000"),
        (("Delay", "x"), 400, 'invalid Upstash-Delay: "x" is not a valid duration'),
        (("Retries", "101"), 412, "quota maxRetries exceeded, current limit: 100"),
        (("Retry-Delay", "pow("), 400, "invalid Upstash-Retry-Delay"),
        (("Timeout", "0"), 400, "invalid Upstash-Timeout: must be greater than 0"),
        (("Method", "HEAD"), 400, "invalid Upstash-Method"),
        (("Callback", "nowhere"), 400, "invalid callback url"),
        (("Deduplication-Id", "a:b"), 400, "DeduplicationId cannot contain ':'"),
        (("Redact-Fields", "all"), 400, "invalid Upstash-Redact-Fields: all"),
    ],
)
def test_then_all_other_options(option: tuple[str, str], status: int, text: str) -> None:
    name, value = option
    seen = refusal(headers={**CRON, f"Upstash-{name}": value})
    assert (seen[0], seen[1][: len(text)]) == (status, text)


def test_a_body_over_the_limit() -> None:
    limits = Limits(max_message_bytes=3)
    assert refusal(body=b"1234", limits=limits) == (
        412,
        "quota maxMessageSize exceeded, current limit: 3",
    )


def test_a_query_cannot_break_out_of_a_header() -> None:
    assert refusal(f"{URL}?upstash-cron=%0A") == (400, "invalid header Upstash-Cron")


# --- URL groups and api/llm ----------------------------------------------------------------------


def group(*urls: str, headers: Headers = ()) -> UrlGroup:
    endpoints = [Endpoint(url=url, name=f"n{number}") for number, url in enumerate(urls)]
    return url_group(*endpoints, headers=dict(headers))


A, B = "https://a.example/x", "https://b.example/y?b=1"
LABELED: Headers = (
    ("Upstash-Label", "of-the-group"),
    ("Upstash-Retries", "9"),
    ("Upstash-Header-Forward", "true"),
)


@pytest.mark.conformance("S-13")
def test_a_group_is_kept_by_name_without_its_defaults() -> None:
    headers = {**CRON, "Upstash-Delay": "5s", "X-Shop": "7", "Upstash-Forward-X": "1"}
    asked = plan(
        "grp?q=1&upstash-timeout=9s", headers, groups=known_groups(group(A, headers=LABELED))
    )
    given = asked.template.envelope
    assert (given.url, given.schedule_id) == ("grp", "scd_new")
    assert (given.labels, given.max_retries, given.headers) == ((), 3, (("X", "1"),))
    assert (asked.template.delay_ms, asked.template.timeout_ms) == (5_000, 9_000)
    lookup = asked.template.lookup
    assert lookup is not None
    assert (lookup.group, lookup.destination) == ("grp", "grp?q=1")


def test_a_group_must_exist_before_anything_else_is_looked_at() -> None:
    assert refusal("nobody", {}) == (404, "topic nobody not found")


@pytest.mark.conformance("S-18")
def test_what_the_group_brings_in_is_looked_at_now() -> None:
    late = group(A, headers=(("Upstash-Delay", "400d"),))
    refused = (412, "quota maxDelay exceeded, current limit: 31536000")
    assert refusal("grp", groups=known_groups(late)) == refused


@pytest.mark.conformance("S-13")
def test_a_run_makes_a_message_for_each_endpoint_of_that_moment() -> None:
    headers = {**CRON, "Upstash-Schedule-Id": "me", "Upstash-Label": "own", "X-Shop": "7"}
    asked = plan("grp?q=1", headers, body=b"x", groups=known_groups(group(A)))
    known = schedule("me", template=asked.template)
    then = context(groups=known_groups(group(A, B, headers=LABELED)), caller_ip="203.0.113.7")
    first, second = (message.envelope for message in messages_of(known, then))
    assert [first.url, second.url] == [f"{A}?q=1", f"{B}&q=1"]
    for number, each in enumerate((first, second)):
        assert (each.topic_name, each.endpoint_name) == ("grp", f"n{number}")
        assert (each.schedule_id, each.caller_ip, each.body) == ("me", "203.0.113.7", b"x")
        assert (each.labels, each.max_retries) == (("own",), 9)
        assert dict(each.headers)["X-Shop"] == "7"


def test_a_group_that_is_gone() -> None:
    known = schedule(template=plan("grp", groups=known_groups(group(A))).template)
    with pytest.raises(NotFound, match=r"^topic grp not found$"):
        messages_of(known, context())


def test_the_token_is_not_kept() -> None:
    headers = {**CRON, "Authorization": "Bearer secret", "Cookie": "c", "Host": "h"}
    groups = known_groups(group(A))
    kept = plan("grp", headers, groups=groups).template.lookup
    assert kept is not None
    assert {name for name, _ in kept.headers} == {b"upstash-cron", b"cookie"}
    with_token_in_query = plan("grp", headers, groups=groups, token_in_query=True).template.lookup
    assert with_token_in_query is not None
    assert (b"authorization", b"Bearer secret") in with_token_in_query.headers


def test_messages_of_a_group_are_not_deduplicated_nor_planned_again() -> None:
    headers = {**CRON, "Upstash-Deduplication-Id": "me", "Upstash-Schedule-Id": "a"}
    asked = plan("grp", headers, groups=known_groups(group(A)))
    (message,) = messages_of(
        schedule("a", template=asked.template), context(groups=known_groups(group(A)))
    )
    assert message.envelope.schedule_id == "a"


def test_api_llm_is_looked_up_at_each_run() -> None:
    headers = {**CRON, "Upstash-Callback": "https://example.com/done"}
    asked = plan("api/llm", headers, body=b"{}", llm_url="https://llm.example/v1")
    assert asked.template.envelope.api == "llm"
    known = schedule(template=asked.template)
    (message,) = messages_of(known, context(llm_url="https://other.example/v1"))
    assert message.envelope.url == "https://other.example/v1"
    with pytest.raises(RelaypostError) as refused:
        messages_of(known, context())
    assert str(refused.value) == "invalid destination url: api llm is not configured"


# --- deduplication of the creation ---------------------------------------------------------------


def key_of(destination: str = URL, headers: HeaderLines = (), **options: Any) -> bytes:
    deduplication = plan(destination, {**CRON, **dict(headers)}, **options).deduplication
    assert deduplication is not None
    assert deduplication.window_ms == 600_000
    return deduplication.key


BY_CONTENT = {"Upstash-Content-Based-Deduplication": "True"}


@pytest.mark.conformance("S-19")
def test_an_id_deduplicates_the_creation() -> None:
    assert plan().deduplication is None
    expected = Deduplication(key=b"sime", window_ms=600_000)
    given = {**CRON, "Upstash-Deduplication-Id": "me"}
    assert plan(headers=given).deduplication == expected
    assert plan(headers={**given, **BY_CONTENT}).deduplication == expected


def test_content_is_what_is_delivered_where_and_when() -> None:
    same = key_of(headers=BY_CONTENT, body=b"x")
    assert key_of(headers={**BY_CONTENT, "Upstash-Retries": "1"}, body=b"x", new_id="other") == same
    assert key_of(headers={**BY_CONTENT, "Upstash-Method": "post"}, body=b"x") == same
    others = [
        key_of(headers=BY_CONTENT, body=b"y"),
        key_of("https://example.com/other", BY_CONTENT, body=b"x"),
        key_of(headers={**BY_CONTENT, "Upstash-Cron": "@hourly"}, body=b"x"),
        key_of(headers={**BY_CONTENT, "Upstash-Schedule-Id": "a"}, body=b"x"),
        key_of(headers={**BY_CONTENT, "Upstash-Method": "PUT"}, body=b"x"),
        key_of(headers={**BY_CONTENT, "Upstash-Forward-X": "1"}, body=b"x"),
        key_of(headers={**BY_CONTENT, "Content-Type": "text/plain"}, body=b"x"),
    ]
    assert len({same, *others}) == 1 + len(others)


# --- the messages of a run -----------------------------------------------------------------------


def test_a_run_makes_the_message_of_the_template() -> None:
    sealed = template(schedule_id="scd_1", delay_ms=10_500)
    assert messages_of(schedule(template=sealed), context()) == (
        NewMessage(project_id=ProjectId(1), envelope=sealed.envelope, delay_ms=10_500),
    )


def test_a_body_that_is_over_the_limit_by_now() -> None:
    large = schedule(template=template(body=b"1234"))
    with pytest.raises(RelaypostError) as refused:
        messages_of(large, context(limits=Limits(max_message_bytes=3)))
    assert str(refused.value) == "quota maxMessageSize exceeded, current limit: 3"


def test_other_limits_hold_for_new_schedules_only() -> None:
    asked = plan(headers={**CRON, "Upstash-Retries": "9", "Upstash-Timeout": "1h"})
    known = replace(schedule(), template=asked.template)
    strict = context(limits=Limits(max_retries=1, max_timeout_ms=MINUTE))
    (message,) = messages_of(known, strict)
    assert (message.envelope.max_retries, message.envelope.timeout_ms) == (9, 60 * MINUTE)
