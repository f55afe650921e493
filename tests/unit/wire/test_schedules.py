from dataclasses import replace
from typing import Any

import pytest

from relaypost.domain.errors import RelaypostError
from relaypost.domain.limits import Limits
from relaypost.domain.messages import Deduplication, Envelope, NewMessage, Redaction
from relaypost.domain.schedules import NewSchedule, Template
from relaypost.domain.types import ProjectId
from relaypost.runtime import shipped_zone
from relaypost.wire.errors import status_of
from relaypost.wire.schedules import ID_RULE, Planning, messages_of, read_schedule
from tests.support.messages import MINUTE
from tests.support.publishing import NOW, URL, HeaderLines, context, pairs
from tests.support.schedules import FIRST_TICK, schedule, template

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
