from typing import Any

import pytest

from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.errors import Invalid, NotFound, QuotaExceeded, RelaypostError
from relaypost.domain.flow_control import FlowControl
from relaypost.domain.limits import Limits
from relaypost.domain.messages import Deduplication, Envelope, NewMessage, Redaction
from relaypost.domain.types import Headers, ProjectId, UnixMs
from relaypost.wire.errors import status_of
from tests.support.publishing import NOW, URL, HeaderLines, envelope, message, pairs, publish

MALFORMED_LIMITS = (
    "Upstash-Flow-Control-Value should be either rate=X or parallelism=Y, "
    "or both as comma-separated values"
)
BEARER = ("Authorization", "Bearer secret")


def refusal(destination: str = URL, headers: HeaderLines = (), **options: Any) -> tuple[int, str]:
    with pytest.raises(RelaypostError) as refused:
        publish(destination, headers, **options)
    return status_of(refused.value), str(refused.value)


def test_a_plain_request_gets_all_defaults() -> None:
    assert publish(URL, body=b"\x00x").messages == (
        NewMessage(
            project_id=ProjectId(1),
            envelope=Envelope(
                url=URL,
                body=b"\x00x",
                timeout_ms=7_200_000,
                max_retries=3,
                caller_ip="203.0.113.9",
            ),
        ),
    )


@pytest.mark.conformance("P-3")
def test_options_of_the_query_count_and_leave_the_destination() -> None:
    given = envelope("https://h/a%2Fb//c?x=%20&upstash-retries=2&y")
    assert (given.url, given.max_retries) == ("https://h/a%2Fb//c?x=%20&y", 2)


def test_a_url_is_kept_verbatim() -> None:
    assert envelope("http://example.com").url == "http://example.com"


def test_headers_count_before_the_query() -> None:
    target = (
        f"{URL}?upstash-retries=2&upstash-timeout=5s&upstash-forward-x=q&upstash-forward-y=%C3%A9"
    )
    given = envelope(target, {"Upstash-Retries": "1", "Upstash-Forward-X": "h"})
    assert (given.max_retries, given.timeout_ms) == (1, 5_000)
    assert given.headers == (("X", "h"), ("Y", "é")) or given.headers == (("Y", "é"), ("X", "h"))


@pytest.mark.parametrize("query", ["upstash-forward-x=a%0Ab", "upstash-forward-x=%00"])
def test_a_query_cannot_break_out_of_a_header(query: str) -> None:
    assert refusal(f"{URL}?{query}") == (400, "invalid header Upstash-Forward-X")


@pytest.mark.conformance("P-8")
def test_only_content_type_and_user_headers_are_delivered() -> None:
    given = envelope(
        headers=[
            ("host", "localhost"),
            BEARER,
            ("accept", "*/*"),
            ("user-agent", "node"),
            ("upstash-telemetry-sdk", "upstash-qstash-js@2.12.0"),
            ("upstash-method", "POST"),
            ("upstash-forward-test-header", "test-value"),
            ("upstash-forward-bypass-tunnel-reminder", "client-test"),
            ("content-type", "application/json"),
        ]
    )
    assert given.headers == (
        ("Content-Type", "application/json"),
        ("Test-Header", "test-value"),
        ("Bypass-Tunnel-Reminder", "client-test"),
    )


@pytest.mark.conformance("P-9")
def test_without_content_type_there_is_none() -> None:
    assert envelope(headers={"Upstash-Forward-X": "1"}).headers == (("X", "1"),)


@pytest.mark.parametrize(
    ("headers", "delivered"),
    [
        ({"Upstash-Forward-Content-Type": "a/b"}, (("Content-Type", "a/b"),)),
        (
            {"Upstash-Forward-Content-Type": "a/b", "Content-Type": "c/d"},
            (("Content-Type", "c/d"),),
        ),
    ],
)
def test_a_forwarded_content_type_fills_in(headers: HeaderLines, delivered: Headers) -> None:
    assert envelope(headers=headers).headers == delivered


def test_bytes_of_a_value_are_kept() -> None:
    assert envelope(headers={"Upstash-Forward-X": "grüße"}).headers == (("X", "gr\udcfc\udcdfe"),)


@pytest.mark.conformance("K-11")
def test_plain_headers_are_forwarded_on_request_but_never_the_bearer_token() -> None:
    lines = [
        ("Upstash-Header-Forward", "true"),
        BEARER,
        ("Host", "q.example.com"),
        ("Accept-Encoding", "gzip"),
        ("Pay-Signature", "t=1"),
        ("X-Both", "plain"),
        ("Upstash-Forward-X-Both", "prefixed"),
        ("Upstash-Retries", "1"),
    ]
    assert set(envelope(headers=lines).headers) == {
        ("Pay-Signature", "t=1"),
        ("X-Both", "prefixed"),
    }


@pytest.mark.conformance("K-11")
def test_a_webhook_needs_nothing_but_its_url() -> None:
    given = envelope(
        "https://shop.example.com/hooks/pay?shop=7&qstash_token=t&upstash-retries=5"
        "&upstash-header-forward=true",
        [
            ("Host", "q.example.com"),
            ("Authorization", "Basic of-the-sender"),
            ("Content-Type", "application/json"),
            ("Pay-Signature", "t=1,v1=ab12"),
            ("Content-Length", "13"),
        ],
        body=b'{"id":"ev_1"}',
        token_in_query=True,
    )
    assert given.url == "https://shop.example.com/hooks/pay?shop=7"
    assert given.body == b'{"id":"ev_1"}'
    assert given.max_retries == 5
    assert given.headers == (
        ("Content-Type", "application/json"),
        ("Authorization", "Basic of-the-sender"),
        ("Pay-Signature", "t=1,v1=ab12"),
    )


@pytest.mark.parametrize("method", ["GET", "post", "Put", "PATCH", "delete"])
def test_methods(method: str) -> None:
    assert envelope(headers={"Upstash-Method": method}).method == method.upper()


@pytest.mark.conformance("P-16")
@pytest.mark.parametrize(
    ("delay", "ms"),
    [("5", 5_000), ("5s", 5_000), ("1h30m3s", 5_403_000), ("1d10h30m", 124_200_000), ("0.5s", 500)],
)
def test_delays(delay: str, ms: int) -> None:
    assert message(headers={"Upstash-Delay": delay}).delay_ms == ms


@pytest.mark.conformance("P-16")
@pytest.mark.parametrize("delay", ["5 s", "-5s", "NaNs", "1w", "5S"])
def test_malformed_delays(delay: str) -> None:
    text = f'invalid Upstash-Delay: "{delay}" is not a valid duration'
    assert refusal(headers={"Upstash-Delay": delay}) == (400, text)


@pytest.mark.conformance("P-17")
def test_not_before_wins_over_delay() -> None:
    later = NOW // 1000 + 60
    both = {"Upstash-Not-Before": str(later), "Upstash-Delay": "5s"}
    given = message(headers=both)
    assert (given.not_before, given.delay_ms) == (UnixMs(later * 1000), 0)
    assert refusal(headers=both | {"Upstash-Delay": "x"})[0] == 400
    assert message(headers=both | {"Upstash-Delay": "400d"}).delay_ms == 0


@pytest.mark.conformance("P-17")
@pytest.mark.parametrize("past", ["0", "1790000123", str(NOW / 1000)])
def test_a_past_time_is_due_at_once(past: str) -> None:
    given = message(headers={"Upstash-Not-Before": past, "Upstash-Delay": "5s"})
    assert (given.not_before, given.delay_ms) == (None, 0)


@pytest.mark.conformance("P-18")
def test_ten_days_are_fine_and_more_than_a_year_is_not() -> None:
    assert message(headers={"Upstash-Delay": "10d"}).delay_ms == 864_000_000
    text = "quota maxDelay exceeded, current limit: 31536000"
    assert refusal(headers={"Upstash-Delay": "400d"}) == (412, text)
    assert refusal(headers={"Upstash-Not-Before": str(NOW)}) == (412, text)


@pytest.mark.conformance("P-19")
def test_retries() -> None:
    assert envelope(headers={"Upstash-Retries": "0"}).max_retries == 0
    assert envelope().max_retries == 3
    text = "quota maxRetries exceeded, current limit: 100"
    assert refusal(headers={"Upstash-Retries": "101"}) == (412, text)
    assert refusal(headers={"Upstash-Retries": "-1"})[0] == 400
    assert refusal(headers={"Upstash-Retries": "x"})[0] == 400


@pytest.mark.conformance("P-20")
@pytest.mark.parametrize("expression", ["15000", "1000 * retried"])
def test_an_expression_is_kept_as_it_is(expression: str) -> None:
    assert envelope(headers={"Upstash-Retry-Delay": expression}).retry_delay == expression


@pytest.mark.conformance("P-23")
def test_labels() -> None:
    assert envelope(headers={"Upstash-Label": "a, b,,a"}).labels == ("a", "b")
    assert envelope(headers=[("Upstash-Label", "a"), ("Upstash-Label", "b")]).labels == ("a", "b")
    assert envelope(headers={"Upstash-Label": ""}).labels == ()


def test_redaction_adds_up_over_places() -> None:
    given = envelope(f"{URL}?upstash-redact-fields=body", {"Upstash-Redact-Fields": "headers[x]"})
    assert given.redaction == Redaction(body=True, headers=("X",))


@pytest.mark.conformance("P-10")
def test_deduplication_of_an_sdk_flag() -> None:
    flag = "Upstash-Content-Based-Deduplication"
    on = publish(headers={flag: "True"}).deduplication
    assert on is not None
    assert (on.key[:1], len(on.key), on.window_ms) == (b"h", 33, 600_000)
    assert publish(headers={flag: "False"}).deduplication is None


@pytest.mark.conformance("P-14")
def test_deduplication_by_id() -> None:
    given = publish(headers={"Upstash-Deduplication-Id": "order-71"}).deduplication
    assert given == Deduplication(key=b"iorder-71", window_ms=600_000)
    text = "DeduplicationId cannot contain ':'"
    assert refusal(headers={"Upstash-Deduplication-Id": "a:b"}) == (400, text)


def content_key(destination: str = URL, **headers: str) -> bytes:
    lines = {f"Upstash-{name.replace('_', '-')}": value for name, value in headers.items()}
    lines["Upstash-Content-Based-Deduplication"] = "true"
    given = publish(
        destination, [*lines.items(), ("Content-Type", "a/b"), ("X-Trace", "1")], body=b"b"
    )
    assert given.deduplication is not None
    return given.deduplication.key


@pytest.mark.conformance("P-15")
def test_what_makes_the_same_content() -> None:
    one = content_key()
    assert content_key(Delay="5s", Label="a", Retries="1", Callback=URL) == one
    assert content_key(Header_Forward="true") == one
    assert content_key(Method="POST") == one
    others = [
        content_key(Method="PUT"),
        content_key(Forward_X="1"),
        content_key(Forward_X="2"),
        content_key(URL + "?a"),
        content_key(Queue_Name="q"),
    ]
    assert len({one, *others}) == 6
    assert content_key(Flow_Control_Key="k", Flow_Control_Value="rate=1") == one


def test_a_body_at_the_limit_and_above() -> None:
    limits = Limits(max_message_bytes=4)
    assert envelope(body=b"1234", limits=limits).body == b"1234"
    text = "quota maxMessageSize exceeded, current limit: 4"
    assert refusal(body=b"12345", limits=limits) == (412, text)
    assert envelope(body=b"12345", limits=Limits(max_message_bytes=0)).body == b"12345"


def test_timeouts() -> None:
    assert envelope(headers={"Upstash-Timeout": "30"}).timeout_ms == 30_000
    assert envelope(limits=Limits(max_timeout_ms=5_000)).timeout_ms == 5_000
    text = "quota maxTimeout exceeded, current limit: 7200"
    assert refusal(headers={"Upstash-Timeout": "3h"}) == (412, text)


def test_sense_comes_before_quotas_and_the_destination_first() -> None:
    both = {"Upstash-Retries": "101", "Upstash-Callback-Timeout": "x"}
    assert refusal(headers=both)[0] == 400
    assert refusal("h/x", both)[1].startswith("invalid destination url: ")


@pytest.mark.conformance("P-5")
def test_destinations_that_are_no_url() -> None:
    assert refusal("no-such-group") == (404, "topic no-such-group not found")
    status, text = refusal("h.example.com/x")
    assert status == 400
    assert text == ("invalid destination url: endpoint has invalid scheme, add http:// or https://")


def test_the_policy_is_that_of_the_context() -> None:
    assert refusal("http://127.0.0.1/", policy=AddressPolicy())[0] == 400


CRON = "Upstash-Cron is not allowed on this endpoint, use /v2/schedules/{destination}"
QUEUE_RULE = "queue name may only contain alphanumeric characters, hyphens, underscores and periods"


def test_a_schedule_has_a_route_of_its_own() -> None:
    assert refusal(headers={"Upstash-Cron": "* * * * *"}) == (400, CRON)


@pytest.mark.parametrize(
    ("headers", "queue", "text"),
    [
        ({"Upstash-Queue-Name": "a/b"}, None, f"invalid Upstash-Queue-Name: {QUEUE_RULE}"),
        ({}, "a/b", QUEUE_RULE),
        ({}, "", QUEUE_RULE),
        ({"Upstash-Queue-Name": "q"}, "..", QUEUE_RULE),
    ],
)
def test_names_of_queues_that_make_no_sense(
    headers: HeaderLines, queue: str | None, text: str
) -> None:
    assert refusal(headers=headers, queue=queue) == (400, text)


@pytest.mark.parametrize(
    ("headers", "queue", "expected"),
    [
        ({}, None, None),
        ({}, "q", "q"),
        ({"Upstash-Queue-Name": "q"}, None, "q"),
        ({"Upstash-Queue-Name": "r"}, "q", "q"),
    ],
)
def test_the_queue_of_the_route_wins(
    headers: HeaderLines, queue: str | None, expected: str | None
) -> None:
    assert envelope(headers=headers, queue=queue).queue_name == expected


def limits_of(value: str, *, group: str = "", key: str = "k") -> dict[str, str]:
    return {
        f"Upstash-{group}Flow-Control-Key": key,
        f"Upstash-{group}Flow-Control-Value": value,
    }


@pytest.mark.conformance("P-22")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("rate=23, period=1h30m3s", FlowControl(key="k", rate=23, period_s=5403)),
        ("parallelism=5", FlowControl(key="k", parallelism=5)),
    ],
)
def test_flow_control(value: str, expected: FlowControl) -> None:
    assert envelope(headers=limits_of(value)).flow_control == expected
    query = f"?upstash-flow-control-key=k&upstash-flow-control-value={value.replace(' ', '+')}"
    assert envelope(URL + query).flow_control == expected


@pytest.mark.conformance("P-22", "A-5")
@pytest.mark.parametrize(
    ("headers", "text"),
    [
        (limits_of("period=1m"), MALFORMED_LIMITS),
        (limits_of("parallelism=0", group="Callback-"), MALFORMED_LIMITS),
        (
            limits_of(""),
            "Upstash-Flow-Control-Key and Upstash-Flow-Control-Value should be provided together",
        ),
        (
            limits_of("rate=1", key="$"),
            'invalid Upstash-Flow-Control-Key: "$" is reserved',
        ),
        (
            limits_of("rate=1, period=8d", group="Failure-Callback-"),
            "invalid Upstash-Failure-Callback-Flow-Control-Value: period can be at most 7 days",
        ),
    ],
)
def test_flow_control_that_makes_no_sense(headers: HeaderLines, text: str) -> None:
    assert refusal(headers=headers) == (400, text)


def test_callbacks_have_keys_of_their_own() -> None:
    urls = {"Upstash-Callback": URL, "Upstash-Failure-Callback": URL}
    nested = {"Upstash-Callback-Failure-Callback": URL}
    given = envelope(
        headers=urls
        | nested
        | limits_of("rate=1")
        | limits_of("rate=2", group="Callback-")
        | limits_of("rate=3", group="Callback-Failure-Callback-")
    )
    assert given.flow_control == FlowControl(key="k", rate=1)
    assert given.callback is not None
    assert given.callback.flow_control == FlowControl(key="k", rate=2)
    assert given.callback.failure_callback is not None
    assert given.callback.failure_callback.flow_control == FlowControl(key="k", rate=3)
    assert given.failure_callback is not None
    assert given.failure_callback.flow_control is None


STEP = {"Upstash-Workflow-RunId": "wfr_1", "Upstash-Workflow-Init": "false"}
INIT = STEP | {"Upstash-Workflow-Init": "True"}
INVOKE = INIT | {"Upstash-Workflow-Invoke": "true"}
NO_WORKFLOWS = "invalid Upstash-Workflow-RunId: workflows are not available yet"


@pytest.mark.parametrize(("kind", "status"), [(STEP, 412), (INIT, 400), (INVOKE, 412)])
def test_messages_of_workflow_runs(kind: dict[str, str], status: int) -> None:
    assert refusal(headers=kind) == (status, NO_WORKFLOWS)
    assert refusal(headers=kind | {"Upstash-Delay": "x"})[0] == status
    assert refusal("no-such-group", kind)[0] == (404 if status == 400 else 412)
    assert refusal(f"{URL}?upstash-retries=x", kind)[0] == status


def test_half_of_the_marks_is_a_plain_message() -> None:
    assert (
        envelope(headers={"Upstash-Workflow-RunId": "wfr_1", "Upstash-Feature-Set": "x"}).url == URL
    )
    assert (
        refusal("h/x", {"Upstash-Workflow-RunId": "wfr_1", "Upstash-Workflow-Init": ""})[0] == 400
    )


def test_callbacks_of_workflow_runs() -> None:
    group = {
        "Upstash-Callback": URL,
        "Upstash-Callback-Workflow-RunId": "wfr_1",
        "Upstash-Callback-Workflow-Init": "false",
    }
    text = "invalid Upstash-Callback-Workflow-RunId: workflows are not available yet"
    assert refusal(headers=group) == (400, text)
    del group["Upstash-Callback"]
    assert envelope(headers=group).callback is None


@pytest.mark.parametrize("kind", [Invalid, NotFound, QuotaExceeded])
def test_errors_of_single_requests_have_no_index(kind: type[Invalid]) -> None:
    assert kind("x").index is None


def test_header_names_may_come_in_any_order_and_number() -> None:
    lines = [("upstash-retries", ""), ("upstash-retries", " 4 "), ("upstash-retries", "5")]
    assert pairs(lines)[0] == (b"upstash-retries", b"")
    assert envelope(headers=lines).max_retries == 4
