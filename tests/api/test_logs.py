"""The log, under its two names (sections 6.5, 6.6)."""

import pytest
from qstash.log import LogState as PythonLogState
from qstash.log import parse_logs_response

from relaypost.api import logs
from relaypost.domain.flow_control import FlowControl
from relaypost.domain.logs import LogState
from relaypost.domain.messages import Redaction
from relaypost.domain.types import MessageId
from relaypost.wire.ids import message_text
from relaypost.wire.shown import hidden_text
from tests.support.desk import Desk, Route
from tests.support.lives import DOWN, OTHER_PROJECT, REFUSED, START, Lives, envelope

DAY_MS = 86_400_000
ROUTES: list[Route] = [logs.list_events, logs.list_logs]


async def states(desk: Desk, query: str) -> list[str]:
    answer = await desk.ask(logs.list_events, query=query)
    return [entry["state"] for entry in answer.json["events"]]


async def live(desk: Desk) -> MessageId:
    """A message that fails once and is delivered then."""
    id = await desk.lives.publish(envelope(max_retries=1, retry_delay="1000", body=b"x"))
    await desk.lives.end(id, DOWN)
    desk.clock.advance(1000)
    await desk.lives.start()
    await desk.lives.end(id)
    return id


@pytest.mark.conformance("R-11")
async def test_states_select_entries(desk: Desk) -> None:
    id = message_text(await live(desk))
    await live(desk)
    answer = await desk.ask(logs.list_events, query=f"messageId={id}&state=DELIVERED")
    (entry,) = answer.json["events"]
    (read,) = parse_logs_response(answer.json["events"])
    assert (read.message_id, read.state) == (id, PythonLogState.DELIVERED)
    assert entry["responseStatus"] == 200
    assert await states(desk, f"messageId={id}&state=RETRY") == ["RETRY"]
    in_progress = await states(desk, f"messageIds={id}&state=in_progress&order=earliestFirst")
    assert in_progress == ["ACTIVE", "ERROR", "RETRY", "ACTIVE"]
    assert await states(desk, f"messageId={id}&state=FAILED") == []


async def test_the_newest_comes_first(desk: Desk) -> None:
    await live(desk)
    newest_first = await states(desk, "")
    assert newest_first == ["DELIVERED", "ACTIVE", "RETRY", "ERROR", "ACTIVE", "CREATED"]
    assert await states(desk, "order=earliestFirst") == newest_first[::-1]
    assert await states(desk, "order=latestFirst") == newest_first


@pytest.mark.conformance("R-12", "R-19")
async def test_what_entries_show(desk: Desk) -> None:
    await live(desk)
    answer = await desk.ask(logs.list_events)
    for entry in answer.json["events"]:
        assert entry["retryDelayExpr"] == entry["retryDelayExpression"] == "1000"
        assert (entry["body"], entry["timeout"], entry["maxRetries"]) == ("eA==", 20_000, 1)
    error = answer.json["events"][3]
    assert (error["error"], error["responseBody"]) == ("503 Service Unavailable", "YnVzeQ==")
    assert error["responseHeader"] == error["responseHeaders"]
    assert error["nextDeliveryTime"] == START + 1000
    parse_logs_response(answer.json["events"])


@pytest.mark.conformance("R-13", "A-8")
async def test_a_canceled_message(desk: Desk) -> None:
    id = await desk.lives.publish(delay_ms=1000)
    await desk.lives.cancel(id)
    assert await states(desk, "") == ["CANCELED", "CANCEL_REQUESTED", "CREATED"]
    assert await states(desk, "state=CANCELLED") == ["CANCELED"]
    assert await states(desk, "state=canceled") == ["CANCELED"]


async def test_a_failed_message(desk: Desk) -> None:
    await desk.lives.fail(outcome=REFUSED)
    answer = await desk.ask(logs.list_events, query="count=2")
    failed, error = answer.json["events"]
    assert (failed["state"], failed["dlqId"]) == ("FAILED", f"{START}-0")
    assert failed["error"] == error["error"] == REFUSED.error
    assert "responseStatus" not in error


@pytest.mark.conformance("R-14")
async def test_labels(desk: Desk) -> None:
    for labels in (("a", "b"), ("b",), ("c",)):
        await desk.lives.publish(envelope(labels=labels), delay_ms=1000)
    for query in ("label=a&label=b", "label=a,b"):
        answer = await desk.ask(logs.list_events, query=query)
        found = [(entry["label"], entry["labels"]) for entry in answer.json["events"]]
        assert found == [("b", ["b"]), ("a", ["a", "b"])]


async def test_queues_and_keys(desk: Desk) -> None:
    for queue, key in (("q", "k"), ("q", None), (None, "k/1")):
        brought = key and FlowControl(key=key, rate=1, period_s=60)
        sealed = envelope(queue_name=queue, flow_control=brought)
        await desk.lives.publish(sealed, delay_ms=1000)

    async def found(query: str) -> list[tuple[str | None, str | None, int | None]]:
        answer = await desk.ask(logs.list_events, query=query)
        names = ("queueName", "flowControlKey", "period")
        return [tuple(map(entry.get, names)) for entry in answer.json["events"]]

    assert await found("queueName=q") == [("q", None, None), ("q", "k", 60)]
    assert await found("flowControlKey=k,k%2F1") == [(None, "k/1", 60), ("q", "k", 60)]
    assert await found("queueName=q&flowControlKey=k%2F1") == []


@pytest.mark.conformance("R-15")
async def test_urls_with_commas(desk: Desk) -> None:
    for url in ("https://h/?x=1,2", "https://a/", "https://b/"):
        await desk.lives.publish(envelope(url=url), delay_ms=1000)

    async def urls(query: str) -> list[str]:
        answer = await desk.ask(logs.list_events, query=query)
        return [entry["url"] for entry in answer.json["events"]]

    assert await urls("url=https://h/?x=1,2") == ["https://h/?x=1,2"]
    assert await urls("url=https://a/,https://b/") == ["https://b/", "https://a/"]
    assert await urls("url=https%3A%2F%2Fh%2F%3Fx%3D1%2C2") == ["https://h/?x=1,2"]


@pytest.mark.conformance("R-16", "R-18", "A-10")
async def test_keys_of_the_answers(desk: Desk) -> None:
    assert (await desk.ask(logs.list_events)).json == {"events": []}
    assert (await desk.ask(logs.list_logs)).json == {"logs": [], "events": []}
    await live(desk)
    for query, has_cursor in (("count=5", True), ("count=6", False), ("label=none", False)):
        events = (await desk.ask(logs.list_events, query=query)).json
        both = (await desk.ask(logs.list_logs, query=query)).json
        assert ("cursor" in events) is ("cursor" in both) is has_cursor
        assert both == {**events, "logs": events["events"]}


async def test_default_counts(desk: Desk) -> None:
    for _ in range(101):
        await desk.lives.publish(delay_ms=1000)
    assert len((await desk.ask(logs.list_events)).json["events"]) == 101
    assert len((await desk.ask(logs.list_logs)).json["logs"]) == 100
    assert len((await desk.ask(logs.list_logs, query="count=1000")).json["logs"]) == 101


@pytest.mark.conformance("R-17")
@pytest.mark.parametrize("route", ROUTES)
async def test_paging_while_entries_arrive(desk: Desk, route: Route) -> None:
    for _ in range(7):
        await desk.lives.publish(delay_ms=1000)
        desk.clock.advance(1)
    expected = list(map(message_text, desk.lives.messages))[::-1]
    found: list[str] = []
    cursor = f"{desk.clock.now()}"
    while cursor:
        answer = (await desk.ask(route, query=f"count=2&cursor={cursor}")).json
        found += [entry["messageId"] for entry in answer["events"]]
        desk.clock.advance(1)
        await desk.lives.publish(delay_ms=1000)
        cursor = answer.get("cursor", "")
    assert found == expected


@pytest.mark.conformance("R-17")
async def test_a_time_as_cursor(desk: Desk) -> None:
    for _ in range(3):
        await desk.lives.publish(delay_ms=1000)
        desk.clock.advance(1)

    async def times(query: str) -> list[int]:
        answer = await desk.ask(logs.list_events, query=query)
        return [entry["time"] - START for entry in answer.json["events"]]

    assert await times(f"cursor={START + 1}") == [1, 0]
    assert await times(f"cursor={START + 1}&order=earliestFirst") == [1, 2]
    assert await times(f"cursor={START + 99}") == [2, 1, 0]
    assert await times("cursor=0") == []
    assert await times("cursor=0&order=earliestFirst") == [0, 1, 2]


async def test_dates(desk: Desk) -> None:
    await live(desk)
    assert len(await states(desk, f"fromDate=0&toDate={START}")) == 4
    assert len(await states(desk, f"fromDate={START + 1000}")) == 2
    assert await states(desk, f"fromDate={START + 1}&toDate={START + 999}") == []
    assert await states(desk, f"fromDate={START + 1000}&toDate={START}") == []


async def test_trimmed_bodies(desk: Desk) -> None:
    await desk.lives.publish(envelope(body=b"hello"), delay_ms=1000)

    async def body(query: str) -> str | None:
        (entry,) = (await desk.ask(logs.list_logs, query=query)).json["logs"]
        found: str | None = entry.get("body")
        return found

    assert await body("") == "aGVsbG8="
    assert await body("trimBody=1") == "aA=="
    assert await body("trimBody=0") is await body("trimBody=-1") is None


@pytest.mark.conformance("R-29", "P-24")
async def test_redacted_values_are_hidden(desk: Desk) -> None:
    redaction = Redaction(body=True, all_headers=True)
    sealed = envelope(headers=(("X-A", "b"),), body=b"secret", redaction=redaction)
    await desk.lives.fail(sealed)
    entries = (await desk.ask(logs.list_events)).json["events"]
    assert len(entries) == 4
    for entry in entries:
        assert entry["body"] == hidden_text(b"secret")
        assert entry["header"] == {"X-A": [hidden_text(b"b")]}


@pytest.mark.conformance("R-30")
@pytest.mark.parametrize("route", ROUTES)
async def test_expired_entries_disappear(desk: Desk, route: Route) -> None:
    id = message_text(await live(desk))

    async def shown() -> list[list[str]]:
        answers = [
            (await desk.ask(route, query=query)).json["events"]
            for query in ("", f"messageId={id}", "state=CREATED,DELIVERED")
        ]
        return [[entry["state"] for entry in entries] for entries in answers]

    async def histories() -> list[list[str]]:
        answer = await desk.ask(route, query="groupBy=messageId")
        return [[entry["state"] for entry in one["events"]] for one in answer.json["messages"]]

    desk.clock.advance(7 * DAY_MS)
    assert await shown() == [["DELIVERED", "ACTIVE"], ["DELIVERED", "ACTIVE"], ["DELIVERED"]]
    assert await histories() == [["ACTIVE", "DELIVERED"]]
    desk.clock.advance(1)
    assert await shown() == [[], [], []]
    assert await histories() == []


@pytest.mark.conformance("R-10")
@pytest.mark.parametrize("route", ROUTES)
async def test_unknown_parameters_are_ignored(desk: Desk, route: Route) -> None:
    await desk.lives.publish(delay_ms=1000)
    answer = await desk.ask(route, query="limit=25&labeel=x&label=&api=llm")
    assert (answer.status, len(answer.json["events"])) == (200, 1)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("state=DONE", "invalid state: DONE"),
        ("count=0", "invalid count"),
        ("cursor=x", "invalid cursor"),
        ("order=x", "invalid order"),
        ("groupBy=x", "invalid groupBy"),
        ("trimBody=x", "invalid trimBody"),
        ("toDate=x", "invalid toDate"),
    ],
)
async def test_mistakes(desk: Desk, route: Route, query: str, error: str) -> None:
    assert (await desk.ask(route, query=query)).error == (400, error)


@pytest.mark.parametrize("route", ROUTES)
async def test_grouped_by_message(desk: Desk, route: Route) -> None:
    delivered = await live(desk)
    failing = await desk.lives.publish(envelope(max_retries=1))
    await desk.lives.end(failing, DOWN)
    answer = (await desk.ask(route, query="groupBy=messageId")).json
    assert [
        (one["messageId"], one["state"], [entry["state"] for entry in one["events"]])
        for one in answer["messages"]
    ] == [
        (message_text(id), state, [one.name for one in desk.lives.states[id]])
        for id, state in ((failing, "RETRY"), (delivered, "DELIVERED"))
    ]
    assert "cursor" not in answer
    in_progress = (await desk.ask(route, query="groupBy=messageId&state=IN_PROGRESS")).json
    assert [one["messageId"] for one in in_progress["messages"]] == [message_text(failing)]
    page = (await desk.ask(route, query="groupBy=messageId&count=1")).json
    following = (await desk.ask(route, query=f"groupBy=messageId&cursor={page['cursor']}")).json
    assert [one["messageId"] for one in following["messages"]] == [message_text(delivered)]


async def test_projects_do_not_see_each_other(desk: Desk) -> None:
    await live(desk)
    theirs = Lives(desk.service.store, desk.clock, OTHER_PROJECT)
    await theirs.publish(delay_ms=1000)
    answer = await desk.ask(logs.list_events, project=OTHER_PROJECT)
    assert [entry["state"] for entry in answer.json["events"]] == [LogState.CREATED.name]
