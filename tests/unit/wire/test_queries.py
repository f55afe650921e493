"""What is asked for on the read and bulk routes (section 6.1)."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from relaypost.domain.errors import Invalid
from relaypost.domain.filters import Filter, Page
from relaypost.domain.logs import LogState
from relaypost.domain.sequences import sequence
from relaypost.domain.types import DeadLetterId, MessageId, UnixMs
from relaypost.wire.ids import dead_letter_text, message_text
from relaypost.wire.queries import (
    CancelQuery,
    DeadLetterQuery,
    LogQuery,
    read_cancel_query,
    read_dead_letter_query,
    read_delete_query,
    read_log_query,
    read_retry_query,
)

NOW = UnixMs(1_795_525_409_034)
ONE, TWO = MessageId(sequence(NOW)), MessageId(sequence(NOW, 1))
FIRST, SECOND = DeadLetterId(sequence(NOW)), DeadLetterId(sequence(NOW, 1))
FIRST_TEXT, SECOND_TEXT = map(dead_letter_text, (FIRST, SECOND))

BulkReader = Callable[[bytes, bytes], CancelQuery | DeadLetterQuery]
BULK_READERS: list[BulkReader] = [read_cancel_query, read_delete_query, read_retry_query]


def logs(query: str, *, default_count: int = 1000) -> LogQuery:
    return read_log_query(query.encode(), default_count=default_count)


def dead_letters(query: str) -> DeadLetterQuery:
    return read_dead_letter_query(query.encode())


def cancel(query: str = "", body: object = None) -> CancelQuery:
    return read_cancel_query(query.encode(), _json(body))


def delete(query: str = "", body: object = None) -> DeadLetterQuery:
    return read_delete_query(query.encode(), _json(body))


def retry(query: str = "", body: object = None) -> DeadLetterQuery:
    return read_retry_query(query.encode(), _json(body))


def _json(body: object) -> bytes:
    return b"" if body is None else json.dumps(body).encode()


def error(read: Callable[..., Any], *values: Any) -> str:
    with pytest.raises(Invalid) as caught:
        read(*values)
    return str(caught.value)


def test_nothing_given() -> None:
    assert logs("") == LogQuery(which=Filter(), page=Page(count=1000), trim=None, by_message=False)
    assert dead_letters("") == DeadLetterQuery(which=Filter(), page=Page(count=100))
    assert cancel() == CancelQuery(which=Filter(), oldest=None)
    oldest_first = DeadLetterQuery(which=Filter(), page=Page(count=100, latest_first=False))
    assert delete() == retry() == delete(body={}) == oldest_first
    assert read_delete_query(b"", b" \n") == oldest_first


@pytest.mark.parametrize(
    ("query", "which"),
    [
        ("url=https%3A%2F%2Fa%2F", Filter(urls=("https://a/",))),
        ("host=API.Example.com:8080", Filter(hosts=("api.example.com:8080",))),
        ("path=%2Fa+b", Filter(paths=("/a b",))),
        ("topicName=g", Filter(topic_names=("g",))),
        ("urlGroup=g", Filter(topic_names=("g",))),
        ("topicName=g&urlGroup=g", Filter(topic_names=("g",))),
        ("topicName=g&urlGroup=h", Filter(topic_names=("g", "h"))),
        ("queueName=q", Filter(queue_names=("q",))),
        ("scheduleId=scd_1", Filter(schedule_ids=("scd_1",))),
        ("label=a&label=b", Filter(labels=("a", "b"))),
        ("label=a,b", Filter(labels=("a", "b"))),
        ("label=a,%20b,,a", Filter(labels=("a", "b"))),
        ("label=caf%C3%A9", Filter(labels=("caf\u00e9",))),
        ("label=caf%E9", Filter(labels=("caf\u00e9",))),
        ("flowControlKey=k%2F1", Filter(flow_control_keys=("k/1",))),
        ("callerIp=203.0.113.7", Filter(caller_ips=("203.0.113.7",))),
        ("callerIP=203.0.113.7", Filter(caller_ips=("203.0.113.7",))),
        (
            "fromDate=0&toDate=4070908800000",
            Filter(from_date=UnixMs(0), to_date=UnixMs(4070908800000)),
        ),
    ],
)
@pytest.mark.conformance("R-14")
def test_filters_of_all_routes(query: str, which: Filter) -> None:
    assert logs(query).which == which
    assert dead_letters(query).which == which
    assert cancel(query).which == which
    assert delete(query).which == retry(query).which == which


@pytest.mark.conformance("R-15")
def test_urls_and_paths_may_hold_commas() -> None:
    assert logs("url=https://h/?x=1,2").which.urls == ("https://h/?x=1,2",)
    assert logs("url=https://a/,https://b/").which.urls == ("https://a/", "https://b/")
    assert logs("url=https://a/,HTTP://b/,c").which.urls == ("https://a/", "HTTP://b/,c")
    assert logs("path=/a,b,/c").which.paths == ("/a,b", "/c")


def test_ids() -> None:
    one, two = message_text(ONE), message_text(TWO)
    assert logs(f"messageId={one}").which.message_ids == (ONE,)
    assert logs(f"messageIds={one},{two}&messageIds={one}").which.message_ids == (ONE, TWO)
    assert logs(f"messageId={one}&messageIds={two}").which.message_ids == (ONE, TWO)
    assert dead_letters(f"messageId={one}").which.message_ids == (ONE,)
    assert logs("messageId=nonsense").which.message_ids == ()
    assert logs("messageId=").which.message_ids is None


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("DELIVERED", (LogState.DELIVERED,)),
        ("delivered,Failed", (LogState.DELIVERED, LogState.FAILED)),
        ("CANCELLED", (LogState.CANCELED,)),
        ("CANCELED", (LogState.CANCELED,)),
        ("IN_PROGRESS", (LogState.ACTIVE, LogState.RETRY, LogState.ERROR)),
        ("cancel_requested", (LogState.CANCEL_REQUESTED,)),
        ("", None),
    ],
)
@pytest.mark.conformance("R-13")
def test_states(text: str, states: tuple[LogState, ...] | None) -> None:
    assert logs(f"state={text}").which.states == states


def test_response_statuses() -> None:
    assert dead_letters("responseStatus=500,502").which.response_statuses == (500, 502)
    assert delete("responseStatus=999").which.response_statuses == (999,)
    assert delete(body={"responseStatus": [500, "502"]}).which.response_statuses == (500, 502)
    assert delete("responseStatus=-1").which.response_statuses == (-1,)


@pytest.mark.parametrize(
    ("query", "default_count", "count"),
    [
        ("", 1000, 1000),
        ("", 100, 100),
        ("count=25", 1000, 25),
        ("count=5000", 100, 1000),
        ("count=", 100, 100),
        ("groupBy=messageId", 1000, 100),
        ("groupBy=messageId&count=1000", 1000, 100),
        (f"count={'9' * 5000}", 100, 1000),
    ],
)
def test_counts_of_logs(query: str, default_count: int, count: int) -> None:
    assert logs(query, default_count=default_count).page.count == count


def test_counts_of_dead_letters() -> None:
    assert dead_letters("count=1000").page.count == 100
    assert delete("count=1").page.count == retry(body={"count": 1}).page.count == 1


@pytest.mark.conformance("R-9", "A-12")
def test_counts_of_a_cancel() -> None:
    assert cancel("count=1").oldest == 1
    assert cancel("count=1000").oldest == 1000
    assert cancel("count=100").oldest is None
    assert cancel().oldest is None


def test_order_and_cursor() -> None:
    assert logs("order=earliestFirst").page == Page(count=1000, latest_first=False)
    assert logs("order=latestFirst&cursor=").page == Page(count=1000)
    assert dead_letters(f"cursor={FIRST_TEXT}").page == Page(count=100, after=sequence(NOW))
    assert delete(f"cursor={FIRST_TEXT}").page.after == sequence(NOW)
    assert delete("cursor=").page.after is None


@pytest.mark.conformance("R-17")
def test_a_bare_time_is_a_cursor_of_logs() -> None:
    after = logs(f"cursor={NOW}").page.after
    assert after is not None
    assert after > sequence(NOW, 1_000_000)
    assert after <= sequence(UnixMs(NOW + 1))
    assert logs(f"cursor={NOW}&order=earliestFirst").page.after == sequence(NOW) - 1
    assert error(dead_letters, f"cursor={NOW}") == "invalid cursor"


def test_trim_and_group() -> None:
    assert [logs(f"trimBody={text}").trim for text in ("0", "80", "-1", "")] == [0, 80, -1, None]
    assert logs("groupBy=messageId").by_message
    assert not logs("groupBy=").by_message


def test_sources() -> None:
    assert dead_letters("source=message&label=a").which == Filter(labels=("a",))
    assert dead_letters("source=workflow&label=a").which.dead_letter_ids == ()
    assert error(dead_letters, "source=other") == "invalid source"


@pytest.mark.conformance("R-10")
def test_lists_ignore_what_they_do_not_know() -> None:
    assert logs("limit=25&labeel=x&api=llm&messageid=y&dlqIds=1-0") == logs("")
    assert dead_letters("messageIds=x&state=FAILED&trimBody=x") == dead_letters("")
    assert logs("label=&url=&&=x&label") == logs("")


@pytest.mark.conformance("R-10")
@pytest.mark.parametrize("read", BULK_READERS)
@pytest.mark.parametrize("name", ["labeel", "foo", "api", "Label", "order", "state", ""])
def test_bulk_routes_refuse_what_they_do_not_know(read: BulkReader, name: str) -> None:
    assert error(read, f"{name}=x".encode(), b"") == f"unknown filter: {name}"
    assert error(read, b"", _json({name: "x"})) == f"unknown filter: {name}"


def test_each_bulk_route_has_its_own_names() -> None:
    assert error(cancel, "messageId=x") == "unknown filter: messageId"
    assert error(cancel, "cursor=x") == "unknown filter: cursor"
    assert error(cancel, "dlqIds=x") == "unknown filter: dlqIds"
    assert error(delete, "messageIds=x") == "unknown filter: messageIds"
    assert error(delete, "source=message") == "unknown filter: source"


@pytest.mark.parametrize("read", BULK_READERS)
def test_the_token_and_options_are_no_filters(read: BulkReader) -> None:
    query = b"qstash_token=x&Upstash-Retries=1&upstash-forward-x=y&QSTASH_TOKEN=z"
    assert read(query, b"") == read(b"", b"")


@pytest.mark.parametrize("read", BULK_READERS)
def test_bulk_routes_refuse_empty_filters(read: BulkReader) -> None:
    for query in (b"label=", b"label=a&label=", b"label", b"label=,%20,", b"url="):
        name = query.partition(b"=")[0].decode()
        assert error(read, query, b"") == f"empty filter: {name}"
    assert error(read, b"", b'{"label":""}') == "empty filter: label"
    assert error(read, b"", b'{"label":["a",""]}') == "empty filter: label"
    assert error(read, b"count=", b"") == "empty filter: count"


@pytest.mark.parametrize("read", BULK_READERS)
def test_a_name_in_query_and_body_is_refused(read: BulkReader) -> None:
    assert error(read, b"label=a", b'{"label":"b"}') == "duplicate parameter: label"
    assert error(read, b"urlGroup=a", b'{"topicName":"b"}') == "duplicate parameter: topicName"


@pytest.mark.conformance("A-3")
def test_ids_in_query_and_in_body() -> None:
    one, two = message_text(ONE), message_text(TWO)
    expected = CancelQuery(which=Filter(message_ids=(ONE, TWO)), oldest=None)
    assert cancel(f"messageIds={one}&messageIds={two}") == expected
    assert cancel(f"messageIds={one},{two}") == expected
    assert cancel(body={"messageIds": [one, two]}) == expected
    named = DeadLetterQuery(
        which=Filter(dead_letter_ids=(FIRST, SECOND)),
        page=Page(count=2, latest_first=False),
        ids=(FIRST_TEXT, SECOND_TEXT),
    )
    assert delete(f"dlqIds={FIRST_TEXT}&dlqIds={SECOND_TEXT}") == named
    assert delete(f"dlqIds={FIRST_TEXT},{SECOND_TEXT},{FIRST_TEXT}") == named
    assert delete(body={"dlqIds": [FIRST_TEXT, SECOND_TEXT]}) == named
    assert retry(body={"dlqIds": [FIRST_TEXT, SECOND_TEXT]}) == named


@pytest.mark.conformance("R-7", "A-2")
def test_an_empty_list_selects_nothing() -> None:
    assert cancel(body={"messageIds": []}).which == Filter(message_ids=())
    assert delete(body={"dlqIds": []}).which == Filter(dead_letter_ids=())
    assert delete(body={"dlqIds": []}).ids == ()
    assert cancel(body={"label": []}).which == Filter(labels=())


@pytest.mark.parametrize("body", [b'{"messageIds":null}', b'{"label":null}', b'{"label":[null]}'])
def test_null_is_not_taken_for_everything(body: bytes) -> None:
    assert error(read_cancel_query, b"", body).startswith("invalid JSON body: ")


def test_ids_override_everything_else() -> None:
    one = message_text(ONE)
    asked = cancel(f"messageIds={one}&label=x&count=nonsense&fromDate=y")
    assert asked == CancelQuery(which=Filter(message_ids=(ONE,)), oldest=None)
    asked_too = delete(f"dlqIds={FIRST_TEXT}&label=x&count=nonsense&cursor=y")
    assert asked_too == delete(f"dlqIds={FIRST_TEXT}")
    listed = dead_letters(f"dlqIds={FIRST_TEXT}&label=x&count=nonsense&cursor=y&order=z")
    assert listed.which == Filter(dead_letter_ids=(FIRST,))
    assert listed.page == Page(count=1)
    assert error(cancel, f"messageIds={one}&foo=x") == "unknown filter: foo"


def test_ids_that_are_none() -> None:
    assert cancel("messageIds=nonsense").which == Filter(message_ids=())
    asked = delete(body={"dlqIds": ["nonsense", FIRST_TEXT, 17]})
    assert asked.which == Filter(dead_letter_ids=(FIRST,))
    assert asked.ids == ("nonsense", FIRST_TEXT, "17")


@pytest.mark.conformance("A-9")
def test_filters_in_a_body() -> None:
    body = {"label": ["a", "b,c"], "fromDate": 5, "count": 7, "urlGroup": "g", "host": "H"}
    assert cancel(body=body) == CancelQuery(
        which=Filter(labels=("a", "b", "c"), from_date=UnixMs(5), topic_names=("g",), hosts=("h",)),
        oldest=7,
    )


@pytest.mark.parametrize("read", BULK_READERS)
@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"x"',
        b"1",
        b"{",
        b"\xff",
        b'{"label":"\xff"}',
        b"[" * 5000,
        b'{"label":true}',
        b'{"label":{}}',
    ],
)
def test_bodies_that_say_nothing_sensible(read: BulkReader, body: bytes) -> None:
    assert error(read, b"", body).startswith("invalid JSON body: ")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("count=0", "invalid count"),
        ("count=-1", "invalid count"),
        ("count=1.5", "invalid count"),
        ("count=x", "invalid count"),
        ("cursor=x", "invalid cursor"),
        ("cursor=1-", "invalid cursor"),
        ("order=newest", "invalid order"),
        ("state=DONE", "invalid state: DONE"),
        ("state=CREATED,x", "invalid state: x"),
        ("groupBy=url", "invalid groupBy"),
        ("fromDate=-1", "invalid fromDate"),
        ("fromDate=1.5", "invalid fromDate"),
        ("toDate=2024-01-01", "invalid toDate"),
        ("trimBody=-2", "invalid trimBody"),
        ("trimBody=x", "invalid trimBody"),
        ("messageId=a&messageId=b", "duplicate parameter: messageId"),
        ("messageId=a,b", "duplicate parameter: messageId"),
        ("count=1&count=2", "duplicate parameter: count"),
        ("fromDate=1&fromDate=2", "duplicate parameter: fromDate"),
    ],
)
def test_errors_of_lists(query: str, text: str) -> None:
    assert error(logs, query) == text


@pytest.mark.parametrize("read", BULK_READERS)
@pytest.mark.parametrize("name", ["count", "fromDate", "toDate"])
def test_errors_of_bulk_routes(read: BulkReader, name: str) -> None:
    for text in ("x", "-1", "1.5", quote("é")):
        assert error(read, f"{name}={text}".encode(), b"") == f"invalid {name}"
    assert error(read, b"", _json({name: 1.5})) == f"invalid {name}"


def test_errors_of_dead_letters() -> None:
    for read in (dead_letters, delete, retry):
        assert error(read, "responseStatus=x") == "invalid responseStatus"
        assert error(read, "cursor=x") == "invalid cursor"
    assert error(delete, "", {"count": []}) == "invalid count"


def test_a_retry_names_at_most_a_hundred() -> None:
    ids = [dead_letter_text(DeadLetterId(sequence(NOW, number))) for number in range(101)]
    assert error(retry, "", {"dlqIds": ids}) == "too many ids, at most 100"
    assert len(retry("", {"dlqIds": [*ids[:100], ids[0]]}).ids or ()) == 100
    assert len(delete("", {"dlqIds": ids}).ids or ()) == 101
