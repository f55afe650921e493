"""The dead letter queue: list, get, delete (sections 6.7 to 6.9)."""

import pytest
from qstash.dlq import parse_dlq_message_response

from relaypost.api import dead_letters
from relaypost.domain.flow_control import FlowControl
from relaypost.domain.messages import Redaction
from relaypost.domain.outcomes import Responded
from relaypost.wire.ids import dead_letter_text, message_text
from relaypost.wire.shown import hidden_text
from tests.support.desk import Desk, Route
from tests.support.lives import DOWN, OTHER_PROJECT, REFUSED, START, Lives, envelope

DAY_MS = 86_400_000
BULK_ROUTES: list[Route] = [
    dead_letters.delete_dead_letters,
    dead_letters.retry_dead_letters,
]


async def shown(desk: Desk, query: str = "") -> list[str]:
    """The ids that a list shows."""
    answer = await desk.ask(dead_letters.list_dead_letters, query=query)
    return [element["dlqId"] for element in answer.json["messages"]]


async def delete(desk: Desk, query: str = "", body: object = None) -> dict[str, object]:
    answer = await desk.ask(dead_letters.delete_dead_letters, query=query, body=body)
    assert answer.status == 200
    found: dict[str, object] = answer.json
    return found


async def fail(desk: Desk, number: int = 1) -> list[str]:
    """The ids of new dead letters, the oldest first."""
    return [dead_letter_text(await desk.lives.fail()) for _ in range(number)]


@pytest.mark.conformance("R-20", "R-19")
async def test_a_failed_message_in_list_and_get(desk: Desk) -> None:
    sealed = envelope(body=b'{"n":4}', labels=("nightly",), headers=(("X-A", "b"),))
    not_found = Responded(status=404, headers=(("X-B", "c"),), body=b"404 Not Found")
    id = dead_letter_text(await desk.lives.fail(sealed, not_found))
    listed = await desk.ask(dead_letters.list_dead_letters)
    got = await desk.ask(dead_letters.get_dead_letter, id)
    assert listed.json == {"messages": [got.json]}
    assert got.json == {
        "dlqId": f"{START}-0",
        "messageId": message_text(next(iter(desk.lives.messages))),
        "url": "https://api.example.com/orders",
        "method": "POST",
        "header": {"X-A": ["b"]},
        "body": '{"n":4}',
        "maxRetries": 0,
        "notBefore": START,
        "createdAt": START,
        "label": "nightly",
        "labels": ["nightly"],
        "responseStatus": 404,
        "responseHeader": {"X-B": ["c"]},
        "responseBody": "404 Not Found",
    }


@pytest.mark.conformance("A-7")
async def test_a_failed_connection_has_a_status_too(desk: Desk) -> None:
    id = dead_letter_text(await desk.lives.fail(outcome=REFUSED))
    answer = (await desk.ask(dead_letters.get_dead_letter, id)).json
    assert answer["responseStatus"] == 502
    assert answer["responseHeader"] == {}
    assert answer["responseBody"] == REFUSED.error
    read = parse_dlq_message_response(answer)
    assert (read.dlq_id, read.response_status) == (id, 502)


@pytest.mark.conformance("R-29", "P-24")
async def test_redacted_values_are_hidden(desk: Desk) -> None:
    redaction = Redaction(body=True, all_headers=True)
    id = await desk.lives.fail(envelope(headers=(("X-A", "b"),), body=b"s", redaction=redaction))
    got = (await desk.ask(dead_letters.get_dead_letter, dead_letter_text(id))).json
    (listed,) = (await desk.ask(dead_letters.list_dead_letters)).json["messages"]
    assert listed == got
    assert got["body"] == hidden_text(b"s")
    assert got["header"] == {"X-A": [hidden_text(b"b")]}


@pytest.mark.conformance("R-16", "A-10")
async def test_pages_of_a_list(desk: Desk) -> None:
    ids = await fail(desk, 5)
    assert await shown(desk) == ids[::-1]
    assert await shown(desk, "order=earliestFirst") == ids
    found: list[str] = []
    query = "count=2"
    while True:
        answer = (await desk.ask(dead_letters.list_dead_letters, query=query)).json
        found += [element["dlqId"] for element in answer["messages"]]
        if "cursor" not in answer:
            break
        assert answer["cursor"] == found[-1]
        query = f"count=2&cursor={answer['cursor']}"
        await fail(desk)
    assert found == ids[::-1]


async def test_a_list_of_named_ones(desk: Desk) -> None:
    ids = await fail(desk, 3)
    answer = await desk.ask(
        dead_letters.list_dead_letters,
        query=f"dlqIds={ids[0]}&dlqIds={ids[2]},1-0,nonsense&count=1&cursor={ids[0]}",
    )
    assert [element["dlqId"] for element in answer.json["messages"]] == [ids[2], ids[0]]
    assert "cursor" not in answer.json


@pytest.mark.parametrize("source", ["message", "workflow"])
async def test_sources(desk: Desk, source: str) -> None:
    ids = await fail(desk)
    assert await shown(desk, f"source={source}") == (ids if source == "message" else [])
    answer = await desk.ask(dead_letters.list_dead_letters, query="source=x")
    assert answer.error == (400, "invalid source")


FILTERS = [
    "label=a",
    "url=https%3A%2F%2Fone.example%2Fx",
    "host=one.example",
    "path=%2Fx",
    "topicName=g",
    "urlGroup=g",
    "queueName=q",
    "scheduleId=scd_1",
    "flowControlKey=k",
    "callerIp=203.0.113.7",
    "responseStatus=503",
    "responseStatus=500,503",
]


@pytest.mark.parametrize("query", FILTERS)
async def test_each_filter_selects(desk: Desk, query: str) -> None:
    wanted = await desk.lives.fail(
        envelope(
            url="https://one.example/x",
            labels=("a", "b"),
            topic_name="g",
            queue_name="q",
            schedule_id="scd_1",
            flow_control=FlowControl(key="k", parallelism=1),
            caller_ip="203.0.113.7",
        )
    )
    await desk.lives.fail(outcome=REFUSED)
    text = dead_letter_text(wanted)
    assert await shown(desk, query) == [text]
    assert await delete(desk, f"{query}&count=100") == {"deleted": 1}
    assert len(await shown(desk)) == 1


@pytest.mark.conformance("R-21", "R-16", "R-26")
@pytest.mark.parametrize(
    "query",
    [
        "messageId=msg_none",
        "dlqIds=1-0",
        "url=https%3A%2F%2Fnone",
        "host=none",
        "path=%2Fnone",
        "topicName=none",
        "queueName=none",
        "scheduleId=none",
        "label=none",
        "flowControlKey=none",
        "callerIp=192.0.2.1",
        "responseStatus=999",
        "fromDate=4070908800000",
        "toDate=946684800000",
    ],
)
async def test_each_filter_selects_nothing_for_an_unknown_value(desk: Desk, query: str) -> None:
    ids = await fail(desk, 2)
    assert (await desk.ask(dead_letters.list_dead_letters, query=query)).json == {"messages": []}
    assert await delete(desk, query) == {"deleted": 0}
    answer = await desk.ask(dead_letters.retry_dead_letters, query=query)
    if query.startswith("dlqIds"):
        assert answer.error == (404, "dlq message 1-0 not found")
    else:
        assert (answer.status, answer.json) == (201, {"responses": []})
    assert await shown(desk) == ids[::-1]


async def test_dates_are_those_of_entering_the_queue(desk: Desk) -> None:
    id = await desk.lives.publish()
    desk.clock.advance(10)
    await desk.lives.end(id, DOWN)
    entered = START + 10
    assert len(await shown(desk, f"fromDate={entered}&toDate={entered}")) == 1
    assert await shown(desk, f"toDate={START}") == []


async def test_a_message_id(desk: Desk) -> None:
    ids = await fail(desk, 2)
    message = message_text(list(desk.lives.messages)[1])
    assert await shown(desk, f"messageId={message}") == [ids[1]]
    assert await delete(desk, f"messageId={message}") == {"deleted": 1}


@pytest.mark.conformance("R-22")
async def test_delete_one(desk: Desk) -> None:
    (id,) = await fail(desk)
    answer = await desk.ask(dead_letters.delete_dead_letter, id)
    assert (answer.status, answer.body) == (200, b"")
    not_found = (404, f"dlq message {id} not found")
    assert (await desk.ask(dead_letters.delete_dead_letter, id)).error == not_found
    assert (await desk.ask(dead_letters.get_dead_letter, id)).error == not_found
    assert await shown(desk) == []


@pytest.mark.parametrize("text", ["1-0", "nonsense", "1795531012345-00", "a/b", "-1"])
async def test_unknown_ids(desk: Desk, text: str) -> None:
    not_found = (404, f"dlq message {text} not found")
    for route in (
        dead_letters.get_dead_letter,
        dead_letters.delete_dead_letter,
        dead_letters.retry_dead_letter,
    ):
        assert (await desk.ask(route, text)).error == not_found


@pytest.mark.conformance("R-22", "A-3", "A-9")
@pytest.mark.parametrize("form", ["repeated", "comma", "body"])
async def test_delete_named_ones(desk: Desk, form: str) -> None:
    ids = await fail(desk, 3)
    await desk.ask(dead_letters.delete_dead_letter, ids[2])
    forms: dict[str, tuple[str, object]] = {
        "repeated": (f"dlqIds={ids[0]}&dlqIds={ids[1]}&dlqIds={ids[2]}", None),
        "comma": (f"dlqIds={ids[0]},{ids[1]},{ids[2]},{ids[0]}", None),
        "body": ("", {"dlqIds": [*ids, ids[0], "nonsense"]}),
    }
    assert await delete(desk, *forms[form]) == {"deleted": 2}


@pytest.mark.conformance("A-2", "A-9")
async def test_an_empty_list_deletes_nothing_and_no_list_everything(desk: Desk) -> None:
    await fail(desk, 3)
    assert await delete(desk, body={"dlqIds": []}) == {"deleted": 0}
    assert len(await shown(desk)) == 3
    assert await delete(desk) == {"deleted": 3}


@pytest.mark.conformance("R-23", "R-16")
async def test_delete_the_oldest_page_by_page(desk: Desk) -> None:
    ids = await fail(desk, 3)
    assert await delete(desk, "count=1") == {"deleted": 1, "cursor": ids[0]}
    assert await shown(desk) == [ids[2], ids[1]]
    assert await delete(desk, f"count=1&cursor={ids[0]}") == {"deleted": 1, "cursor": ids[1]}
    assert await delete(desk, "count=1") == {"deleted": 1}
    assert await delete(desk, "count=1") == {"deleted": 0}


async def test_a_call_deletes_a_hundred(desk: Desk) -> None:
    ids = await fail(desk, 103)
    assert await delete(desk, "count=1000") == {"deleted": 100, "cursor": ids[99]}
    assert await delete(desk, body={"dlqIds": ids}) == {"deleted": 3}


async def test_many_can_be_named(desk: Desk) -> None:
    ids = await fail(desk, 103)
    assert await delete(desk, body={"dlqIds": ids}) == {"deleted": 103}


@pytest.mark.conformance("R-10")
@pytest.mark.parametrize("route", BULK_ROUTES)
@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("labeel=x", "unknown filter: labeel"),
        ("order=earliestFirst", "unknown filter: order"),
        ("source=message", "unknown filter: source"),
        ("label=", "empty filter: label"),
        ("count=0", "invalid count"),
        ("cursor=x", "invalid cursor"),
        ("responseStatus=x", "invalid responseStatus"),
    ],
)
async def test_a_mistake_changes_nothing(desk: Desk, route: Route, query: str, error: str) -> None:
    await fail(desk)
    assert (await desk.ask(route, query=query)).error == (400, error)
    assert (await desk.ask(route, body=b"[]")).error == (
        400,
        "invalid JSON body: must be an object",
    )
    assert (await desk.ask(route, body={"dlqIds": None})).status == 400
    assert len(await shown(desk)) == 1


@pytest.mark.conformance("R-30")
async def test_expired_ones_disappear(desk: Desk) -> None:
    (id,) = await fail(desk)
    desk.clock.advance(30 * DAY_MS)
    assert await shown(desk) == [id]
    desk.clock.advance(1)
    not_found = (404, f"dlq message {id} not found")
    assert await shown(desk) == await shown(desk, f"dlqIds={id}") == []
    for route in (
        dead_letters.get_dead_letter,
        dead_letters.delete_dead_letter,
        dead_letters.retry_dead_letter,
    ):
        assert (await desk.ask(route, id)).error == not_found
    assert await delete(desk, body={"dlqIds": [id]}) == await delete(desk) == {"deleted": 0}
    named = await desk.ask(dead_letters.retry_dead_letters, query=f"dlqIds={id}")
    assert named.error == not_found
    assert (await desk.ask(dead_letters.retry_dead_letters)).json == {"responses": []}


async def test_projects_do_not_see_each_other(desk: Desk) -> None:
    theirs = await Lives(desk.service.store, desk.clock, OTHER_PROJECT).fail()
    text = dead_letter_text(theirs)
    assert await shown(desk) == []
    assert (await desk.ask(dead_letters.get_dead_letter, text)).status == 404
    assert (await desk.ask(dead_letters.delete_dead_letter, text)).status == 404
    assert (await desk.ask(dead_letters.retry_dead_letter, text)).status == 404
    assert await delete(desk) == {"deleted": 0}
