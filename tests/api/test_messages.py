"""Messages: get, cancel one, cancel many (sections 6.2 to 6.4)."""

import asyncio
import json

import pytest
from qstash.message import parse_message_response

from relaypost.api import messages
from relaypost.domain.filters import Filter, Page
from relaypost.domain.flow_control import FlowControl
from relaypost.domain.logs import LogState
from relaypost.domain.messages import Callback, Redaction, State
from relaypost.domain.types import MessageId
from relaypost.service.messages import CHUNK
from relaypost.wire.ids import message_text
from relaypost.wire.shown import hidden_text
from tests.support.desk import Answer, Desk
from tests.support.lives import DOWN, OTHER_PROJECT, PROJECT, Lives, envelope

GRACE_MS = 60_000


async def get(desk: Desk, id: MessageId) -> Answer:
    return await desk.ask(messages.get_message, message_text(id))


async def cancel_many(desk: Desk, query: str = "", body: object = None) -> int:
    answer = await desk.ask(messages.cancel_messages, query=query, body=body)
    assert answer.status == 200
    assert set(answer.json) == {"cancelled"}
    count: int = answer.json["cancelled"]
    return count


async def canceled(desk: Desk) -> list[MessageId]:
    found = await desk.service.store.messages.get(desk.lives.project, list(desk.lives.messages))
    ended = [one.id for one in found if one.state is State.CANCELED or one.cancel_requested]
    return sorted(ended)


@pytest.mark.conformance("R-1")
@pytest.mark.parametrize("fails", [False, True])
async def test_a_finished_message_can_be_read_for_a_while(desk: Desk, fails: bool) -> None:
    id = await desk.lives.publish()
    assert (await get(desk, id)).status == 200
    await desk.lives.end(id, DOWN) if fails else await desk.lives.end(id)
    for passed in (0, GRACE_MS):
        desk.clock.advance(passed)
        assert (await get(desk, id)).json["messageId"] == message_text(id)
    desk.clock.advance(1)
    assert (await get(desk, id)).error == (404, f"message {message_text(id)} not found")


async def test_a_waiting_message_can_be_read_however_old_it_is(desk: Desk) -> None:
    id = await desk.lives.publish(envelope(max_retries=3, retry_delay="86400000"))
    await desk.lives.end(id, DOWN)
    desk.clock.advance(80_000_000)
    answer = await get(desk, id)
    assert answer.json["createdAt"] == answer.json["notBefore"] == desk.clock.now() - 80_000_000


@pytest.mark.conformance("R-2", "A-7")
async def test_pythons_client_reads_every_message(desk: Desk) -> None:
    plain = await desk.lives.publish()
    full = await desk.lives.publish(
        envelope(
            method="PUT",
            headers=(("Content-Type", "text/plain"),),
            body=b"hello",
            retry_delay="1000 * retried",
            labels=("a", "b"),
            caller_ip="203.0.113.7",
            callback=Callback(url="https://c/", headers=(("X-A", "1"),), timeout_ms=1),
        ),
        delay_ms=5000,
    )
    answer = (await get(desk, plain)).json
    assert "flowControlKey" not in answer
    read = parse_message_response(answer)
    assert (read.message_id, read.method, read.max_retries) == (message_text(plain), "POST", 0)
    assert read.flow_control is None
    read = parse_message_response((await get(desk, full)).json)
    assert read.not_before == read.created_at + 5000
    assert (read.body, read.body_base64, read.headers) == (
        "hello",
        None,
        {"Content-Type": ["text/plain"]},
    )
    assert (read.retry_delay_expression, read.label) == ("1000 * retried", "a")
    assert (read.caller_ip, read.callback_headers) == ("203.0.113.7", {"X-A": ["1"]})


@pytest.mark.conformance("R-3")
async def test_bodies_are_text_or_base64(desk: Desk) -> None:
    text = (await get(desk, await desk.lives.publish(envelope(body=b"text")))).json
    raw = (await get(desk, await desk.lives.publish(envelope(body=b"\xff\x00")))).json
    assert (text["body"], raw["bodyBase64"]) == ("text", "/wA=")
    assert "bodyBase64" not in text
    assert "body" not in raw


@pytest.mark.conformance("P-23")
async def test_labels(desk: Desk) -> None:
    id = await desk.lives.publish(envelope(labels=("a", "b")))
    answer = (await get(desk, id)).json
    assert (answer["label"], answer["labels"]) == ("a", ["a", "b"])


@pytest.mark.conformance("R-29", "P-24")
async def test_redacted_values_are_hidden(desk: Desk) -> None:
    sealed = envelope(
        headers=(("X-Raw", "caf\udce9"), ("X-Open", "1")),
        body=b"secret",
        redaction=Redaction(body=True, headers=("X-Raw",)),
    )
    id = await desk.lives.publish(sealed)
    answer = (await get(desk, id)).json
    assert answer["body"] == hidden_text(b"secret")
    assert answer["header"] == {"X-Raw": [hidden_text(b"caf\xe9")], "X-Open": ["1"]}
    assert desk.lives.messages[id].envelope == sealed


@pytest.mark.parametrize("text", ["msg_1", "nonsense", "", "a/b", "msg_AAAAAAAAAAA"])
async def test_unknown_ids(desk: Desk, text: str) -> None:
    not_found = (404, f"message {text} not found")
    assert (await desk.ask(messages.get_message, text)).error == not_found
    assert (await desk.ask(messages.cancel_message, text)).error == not_found


async def test_messages_of_others_are_unknown(desk: Desk) -> None:
    theirs = await Lives(desk.service.store, desk.clock, OTHER_PROJECT).publish(delay_ms=1000)
    assert (await get(desk, theirs)).status == 404
    assert (await desk.ask(messages.cancel_message, message_text(theirs))).status == 404
    assert await cancel_many(desk) == 0
    assert await cancel_many(desk, body={"messageIds": [message_text(theirs)]}) == 0


@pytest.mark.conformance("R-4", "A-4")
@pytest.mark.parametrize("delay_ms", [0, 1000])
async def test_cancel_one(desk: Desk, delay_ms: int) -> None:
    text = message_text(await desk.lives.publish(delay_ms=delay_ms))
    answer = await desk.ask(messages.cancel_message, text)
    assert (answer.status, answer.body) == (200, b'{"cancelled":1}')
    again = await desk.ask(messages.cancel_message, text)
    assert again.error == (404, f"message {text} not found")


async def test_a_canceled_message_cannot_be_read_unless_its_attempt_is_open(desk: Desk) -> None:
    waiting = await desk.lives.publish(delay_ms=1000)
    active = await desk.lives.publish()
    assert await cancel_many(desk) == 2
    assert (await get(desk, waiting)).status == 404
    assert (await get(desk, active)).status == 200
    await desk.lives.end(active, DOWN)
    assert (await get(desk, active)).status == 404


@pytest.mark.parametrize("fails", [False, True])
async def test_a_finished_message_cannot_be_canceled(desk: Desk, fails: bool) -> None:
    id = await desk.lives.publish()
    await desk.lives.end(id, DOWN) if fails else await desk.lives.end(id)
    assert (await desk.ask(messages.cancel_message, message_text(id))).status == 404
    assert await cancel_many(desk, body={"messageIds": [message_text(id)]}) == 0
    assert (await get(desk, id)).status == 200


async def test_of_two_cancels_one_counts(desk_with_threads: Desk) -> None:
    desk = desk_with_threads
    text = message_text(await desk.lives.publish(delay_ms=1000))
    answers = await asyncio.gather(
        *(desk.ask(messages.cancel_message, text) for _ in range(3)),
        *(desk.ask(messages.cancel_messages) for _ in range(3)),
    )
    counts = [answer.json.get("cancelled", 0) for answer in answers]
    assert sum(counts) == 1
    assert sorted(answer.status for answer in answers[:3])[1:] == [404, 404]


@pytest.mark.conformance("R-5", "A-3")
@pytest.mark.parametrize("form", ["repeated", "comma", "body"])
async def test_two_by_id_then_all(desk: Desk, form: str) -> None:
    ids = [await desk.lives.publish(delay_ms=1000) for _ in range(3)]
    one, two = map(message_text, ids[:2])
    forms: dict[str, tuple[str, object]] = {
        "repeated": (f"messageIds={one}&messageIds={two}", None),
        "comma": (f"messageIds={one},{two},{one}", None),
        "body": ("", {"messageIds": [one, two, one, "msg_unknown"]}),
    }
    assert await cancel_many(desk, *forms[form]) == 2
    assert await cancel_many(desk, "count=100") == 1
    assert await cancel_many(desk) == 0


@pytest.mark.conformance("R-6")
async def test_messages_that_are_being_retried_or_attempted_count(desk: Desk) -> None:
    retrying = await desk.lives.publish(envelope(max_retries=3))
    await desk.lives.end(retrying, DOWN)
    active = await desk.lives.publish(envelope(max_retries=3))
    ids = [message_text(retrying), message_text(active)]
    assert await cancel_many(desk, body={"messageIds": ids}) == 2
    await desk.lives.end(active, DOWN)
    assert await cancel_many(desk) == 0


@pytest.mark.conformance("R-7", "A-2", "A-9")
async def test_an_empty_list_cancels_nothing_and_no_list_everything(desk: Desk) -> None:
    ids = [await desk.lives.publish(delay_ms=1000) for _ in range(3)]
    assert await cancel_many(desk, body={"messageIds": []}) == 0
    assert await canceled(desk) == []
    assert await cancel_many(desk) == 3
    assert await canceled(desk) == ids


@pytest.mark.conformance("R-8")
@pytest.mark.conformance("R-8")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("label=a", [0, 1]),
        ("label=a&host=one.example", [0]),
        ("label=a,b", [0, 1, 2]),
        ("host=ONE.example", [0, 2]),
        ("host=two.example:8080", [1]),
        ("path=/x", [1]),
        ("path=/&path=/x", [0, 1, 2]),
        ("url=https%3A%2F%2Fone.example", [0, 2]),
        ("callerIp=203.0.113.7", [2]),
        ("callerIP=203.0.113.7", [2]),
        ("topicName=g&urlGroup=g", [0]),
        ("scheduleId=scd_1", [1]),
        ("flowControlKey=k1&flowControlKey=k2", [0, 1]),
        ("flowControlKey=k1,k3", [0]),
        ("queueName=q", [2]),
        ("queueName=q&flowControlKey=k1", []),
        ("fromDate=0&toDate=1795525409033", []),
        ("fromDate=1795525409034&toDate=4070908800000", [0, 1, 2]),
        ("label=none", []),
    ],
)
async def test_filters(desk: Desk, query: str, expected: list[int]) -> None:
    one, two = "https://one.example", "http://two.example:8080/x?y"
    ids = [
        await desk.lives.publish(sealed, delay_ms=1000)
        for sealed in (
            envelope(
                url=one, labels=("a",), topic_name="g", flow_control=FlowControl(key="k1", rate=1)
            ),
            envelope(
                url=two,
                labels=("c", "a"),
                schedule_id="scd_1",
                flow_control=FlowControl(key="k2", parallelism=1),
            ),
            envelope(url=one, labels=("b",), caller_ip="203.0.113.7", queue_name="q"),
        )
    ]
    assert await cancel_many(desk, f"{query}&count=100") == len(expected)
    assert await canceled(desk) == [ids[number] for number in expected]


@pytest.mark.conformance("R-9", "A-12")
async def test_a_count_cancels_the_oldest(desk: Desk) -> None:
    ids: list[MessageId] = []
    for number in range(4):
        ids.append(await desk.lives.publish(delay_ms=1000 - number))
        desk.clock.advance(1)
    assert await cancel_many(desk, "count=1") == 1
    assert await canceled(desk) == ids[:1]
    assert await cancel_many(desk, body={"count": 2}) == 2
    assert await canceled(desk) == ids[:3]


@pytest.mark.conformance("A-12")
async def test_one_call_cancels_all_that_match_in_chunks(desk: Desk) -> None:
    number = 2 * CHUNK + 7
    for _ in range(number):
        await desk.lives.publish(delay_ms=1000)
    assert await cancel_many(desk, "count=100") == number


@pytest.mark.conformance("R-10")
@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("foo=1", "unknown filter: foo"),
        ("labeel=x", "unknown filter: labeel"),
        ("label=", "empty filter: label"),
        ("count=0", "invalid count"),
        ("count=x&label=a", "invalid count"),
        ("fromDate=x", "invalid fromDate"),
    ],
)
async def test_a_mistake_changes_nothing(desk: Desk, query: str, error: str) -> None:
    await desk.lives.publish(delay_ms=1000)
    assert (await desk.ask(messages.cancel_messages, query=query)).error == (400, error)
    body = json.loads('{"messageIds": null}')
    assert (await desk.ask(messages.cancel_messages, body=body)).status == 400
    assert (await desk.ask(messages.cancel_messages, body=b"{")).status == 400
    assert await canceled(desk) == []


async def test_a_cancel_writes_the_entries_of_its_rule(desk: Desk) -> None:
    waiting = await desk.lives.publish(delay_ms=1000)
    active = await desk.lives.publish()
    await cancel_many(desk)
    histories = await desk.service.store.logs.histories(
        PROJECT, Filter(), Page(count=10), since=desk.clock.now()
    )
    states = {one[0].message.id: [entry.entry.state for entry in one] for one in histories.items}
    assert states == {
        waiting: [LogState.CREATED, LogState.CANCEL_REQUESTED, LogState.CANCELED],
        active: [LogState.CREATED, LogState.ACTIVE, LogState.CANCEL_REQUESTED],
    }
