"""Queues: list, put, get, delete, pause, resume; and what is enqueued (sections 4.2 to 4.5)."""

from dataclasses import replace
from typing import Any

import pytest
from qstash.queue import parse_queue_response

from relaypost.api import dead_letters, logs, messages, publish, queues
from relaypost.domain.limits import Limits
from relaypost.domain.messages import State
from relaypost.domain.types import MessageId
from relaypost.service.messages import CHUNK
from relaypost.wire.ids import dead_letter_text, message_text, parse_message_id
from relaypost.wire.queues import QUEUE_NAME_RULE
from tests.support.desk import Answer, Desk
from tests.support.lives import OTHER_PROJECT, PROJECT, START, envelope

URL = "https://example.com/hook"
Body = dict[str, Any]


async def put(desk: Desk, name: str = "q", **fields: Any) -> None:
    answer = await desk.ask(queues.put_queue, body={"queueName": name, **fields})
    assert (answer.status, answer.body) == (200, b"")


async def shown(desk: Desk, name: str = "q") -> Body:
    answer = await desk.ask(queues.get_queue, name)
    assert answer.status == 200
    fields: Body = answer.json
    return fields


async def enqueue(desk: Desk, name: str = "q", **headers: str) -> Answer:
    lines = {f"upstash-{option.replace('_', '-')}": text for option, text in headers.items()}
    return await desk.ask(publish.enqueue_one, f"{name}/{URL}".encode(), headers=lines)


async def enqueued(desk: Desk, name: str = "q", **headers: str) -> MessageId:
    answer = await enqueue(desk, name, **headers)
    assert answer.status == 200, answer.body
    id = parse_message_id(answer.json["messageId"])
    assert id is not None
    return id


def limit(desk: Desk, **limits: int) -> None:
    desk.service = replace(desk.service, limits=Limits(**limits))


@pytest.mark.conformance("Q-1", "Q-2", "A-7")
async def test_a_new_queue(desk: Desk) -> None:
    await put(desk, "invoices", parallelism=2, paused=True)
    assert await shown(desk, "invoices") == {
        "name": "invoices",
        "parallelism": 2,
        "createdAt": START,
        "updatedAt": START,
        "lag": 0,
        "paused": True,
    }
    parse_queue_response(await shown(desk, "invoices"))


async def test_defaults_of_a_new_queue(desk: Desk) -> None:
    await put(desk)
    assert (await shown(desk))["parallelism"] == 1
    assert (await shown(desk))["paused"] is False


@pytest.mark.conformance("Q-3")
async def test_what_is_not_given_stays(desk: Desk) -> None:
    await put(desk, parallelism=3, paused=True)
    await put(desk, parallelism=5)
    assert ((await shown(desk))["parallelism"], (await shown(desk))["paused"]) == (5, True)
    await put(desk, paused=False, parallelism=None)
    assert ((await shown(desk))["parallelism"], (await shown(desk))["paused"]) == (5, False)


@pytest.mark.conformance("Q-2")
async def test_what_changes_something_is_an_update(desk: Desk) -> None:
    await put(desk)
    moments = [START]
    for change in (
        lambda: desk.ask(queues.pause_queue, "q"),
        lambda: desk.ask(queues.pause_queue, "q"),
        lambda: desk.ask(queues.resume_queue, "q"),
        lambda: desk.ask(queues.resume_queue, "q"),
        lambda: put(desk, parallelism=2),
        lambda: put(desk, parallelism=2, paused=False),
    ):
        desk.clock.advance(10)
        await change()
        moments.append((await shown(desk))["updatedAt"] - START)
    assert moments[1:] == [10, 10, 30, 30, 50, 50]
    assert (await shown(desk))["createdAt"] == START


async def test_the_list_is_sorted_by_name(desk: Desk) -> None:
    assert (await desk.ask(queues.list_queues)).body == b"[]"
    for name in ("b", "a", "B", "a.1", "_"):
        await put(desk, name)
    listed = (await desk.ask(queues.list_queues)).json
    assert [queue["name"] for queue in listed] == ["B", "_", "a", "a.1", "b"]
    assert listed[2] == await shown(desk, "a")


@pytest.mark.conformance("Q-2")
async def test_the_lag_counts_what_has_not_ended(desk: Desk) -> None:
    await put(desk, paused=True)
    for _ in range(3):
        await enqueued(desk)
    assert (await shown(desk))["lag"] == 3
    late = await enqueued(desk, delay="1h")
    assert (await shown(desk))["lag"] == 4
    await desk.ask(messages.cancel_message, message_text(late))
    assert (await shown(desk))["lag"] == 3
    await enqueued(desk, "other")
    assert [queue["lag"] for queue in (await desk.ask(queues.list_queues)).json] == [1, 3]


@pytest.mark.conformance("Q-4", "Q-5")
@pytest.mark.parametrize("name", ["a b", "a b/c", "", ".", "..", "x" * 257, "\ufffd"])
async def test_bad_names_on_all_routes(desk: Desk, name: str) -> None:
    refusal = (400, QUEUE_NAME_RULE)
    for route in (
        queues.get_queue,
        queues.delete_queue,
        queues.pause_queue,
        queues.resume_queue,
    ):
        assert (await desk.ask(route, name)).error == refusal
    assert (await desk.ask(queues.put_queue, body={"queueName": name})).error == refusal


@pytest.mark.conformance("Q-5")
async def test_a_missing_queue(desk: Desk) -> None:
    for route in (queues.get_queue, queues.pause_queue, queues.resume_queue):
        assert (await desk.ask(route, "none")).error == (404, "queue none not found")
    for _ in range(2):
        answer = await desk.ask(queues.delete_queue, "none")
        assert (answer.status, answer.body) == (200, b"")
    assert (await desk.ask(queues.list_queues)).json == []


@pytest.mark.conformance("Q-4")
async def test_the_limit_of_queues(desk: Desk) -> None:
    limit(desk, max_queues=2)
    refusal = (412, "quota maxQueues exceeded, current limit: 2")
    await put(desk, "one")
    await enqueued(desk, "two")
    assert (await desk.ask(queues.put_queue, body={"queueName": "three"})).error == refusal
    assert (await enqueue(desk, "three")).error == refusal
    assert (await enqueue(desk, "three", deduplication_id="x")).error == refusal
    assert len((await desk.ask(queues.list_queues)).json) == 2
    assert (await desk.ask(logs.list_events, query="queueName=three")).json == {"events": []}
    await put(desk, "one", parallelism=7)
    await enqueued(desk, "two")
    await desk.ask(queues.delete_queue, "one")
    await enqueued(desk, "three", deduplication_id="x")
    limit(desk, max_queues=0)
    await put(desk, "four")


@pytest.mark.conformance("Q-4", "P-30")
async def test_a_batch_with_one_queue_too_many_is_refused_whole(desk: Desk) -> None:
    limit(desk, max_queues=2)
    batch = [{"destination": URL, "queue": name} for name in ("a", "b", "a", "c")]
    answer = await desk.ask(publish.publish_batch, body=batch)
    assert (answer.status, answer.json) == (
        412,
        {"error": "quota maxQueues exceeded, current limit: 2", "index": 3},
    )
    assert (await desk.ask(queues.list_queues)).json == []
    assert (await desk.ask(logs.list_events)).json == {"events": []}


@pytest.mark.conformance("Q-4")
async def test_a_retry_with_one_queue_too_many_keeps_the_dead_letter(desk: Desk) -> None:
    id = await desk.lives.fail(envelope(queue_name="gone"))
    await desk.ask(queues.delete_queue, "gone")
    await put(desk, "other")
    limit(desk, max_queues=1)
    refusal = (412, "quota maxQueues exceeded, current limit: 1")
    text = dead_letter_text(id)
    assert (await desk.ask(dead_letters.retry_dead_letter, text)).error == refusal
    query = f"dlqIds={text}"
    assert (await desk.ask(dead_letters.retry_dead_letters, query=query)).error == refusal
    assert (await desk.ask(dead_letters.get_dead_letter, text)).status == 200


@pytest.mark.conformance("P-28")
async def test_enqueue_makes_a_missing_queue(desk: Desk) -> None:
    await enqueued(desk)
    made = await shown(desk)
    assert (made["parallelism"], made["paused"], made["createdAt"]) == (1, False, START)


@pytest.mark.conformance("Q-6")
async def test_enqueue_never_changes_a_queue(desk: Desk) -> None:
    await put(desk, parallelism=5)
    before = await shown(desk)
    desk.clock.advance(10)
    await enqueued(desk)
    assert await shown(desk) == {**before, "lag": 1}


async def test_the_header_names_a_queue_too_and_the_path_wins(desk: Desk) -> None:
    id = await enqueued(desk, "q", queue_name="r")
    assert [queue["name"] for queue in (await desk.ask(queues.list_queues)).json] == ["q"]
    answer = await desk.ask(messages.get_message, message_text(id))
    assert answer.json["queueName"] == "q"
    answer = await desk.ask(publish.publish_one, URL.encode(), headers={"upstash-queue-name": "r"})
    read = await desk.ask(messages.get_message, answer.json["messageId"])
    assert read.json["queueName"] == "r"


async def test_a_refused_request_and_a_duplicate_make_no_queue(desk: Desk) -> None:
    assert (await enqueue(desk, retries="x")).status == 400
    await enqueued(desk, "first", deduplication_id="same")
    assert (await enqueue(desk, "second", deduplication_id="same")).status == 202
    assert [queue["name"] for queue in (await desk.ask(queues.list_queues)).json] == ["first"]


async def test_what_a_resume_lets_go_is_noted(desk: Desk) -> None:
    await put(desk, paused=True)
    await enqueued(desk)
    desk.intake.due.clear()
    await desk.ask(queues.resume_queue, "q")
    assert desk.intake.due == [START]


async def test_what_more_places_let_go_is_noted(desk: Desk) -> None:
    await put(desk)
    for _ in range(3):
        await enqueued(desk)
    await desk.lives.start()
    desk.intake.due.clear()
    await put(desk, parallelism=2)
    assert desk.intake.due == [START]


async def test_deletion_cancels_what_waits(desk: Desk) -> None:
    active = await desk.lives.publish(envelope(queue_name="q"))
    waiting = [await enqueued(desk) for _ in range(2)]
    elsewhere = await enqueued(desk, "other")
    answer = await desk.ask(queues.delete_queue, "q")
    assert (answer.status, answer.body) == (200, b"")
    assert (await desk.ask(queues.get_queue, "q")).status == 404
    for id in waiting:
        assert (await desk.ask(messages.get_message, message_text(id))).status == 404
        history = await desk.ask(logs.list_events, query=f"messageId={message_text(id)}")
        states = [entry["state"] for entry in history.json["events"]]
        assert states == ["CANCELED", "CANCEL_REQUESTED", "CREATED"]
    found = await desk.service.store.messages.get(PROJECT, [active, elsewhere])
    assert [one.state for one in found] == [State.ACTIVE, State.WAITING]


async def test_a_long_queue_is_deleted_in_chunks(desk: Desk) -> None:
    number = 2 * CHUNK + 7
    await put(desk, paused=True)
    batch = [{"destination": URL, "queue": "q"}] * number
    await desk.ask(publish.publish_batch, body=batch)
    assert (await shown(desk))["lag"] == number
    await desk.ask(queues.delete_queue, "q")
    assert (await desk.ask(messages.cancel_messages)).json == {"cancelled": 0}
    await put(desk)
    assert (await shown(desk))["lag"] == 0


async def test_a_deletion_waits_for_no_other(desk: Desk) -> None:
    """What another one has left to cancel is the pruner's, should nobody else do it."""
    theirs = await enqueued(desk, "huge")
    await desk.service.store.queues.delete(PROJECT, "huge", now=START)
    mine = await enqueued(desk)
    await desk.ask(queues.delete_queue, "q")
    found = await desk.service.store.messages.get(PROJECT, [theirs, mine])
    assert [one.state for one in found] == [State.WAITING, State.CANCELED]


async def test_projects_have_queues_of_their_own(desk: Desk) -> None:
    await put(desk)
    await enqueued(desk)
    assert (await desk.ask(queues.list_queues, project=OTHER_PROJECT)).json == []
    refusal = (404, "queue q not found")
    assert (await desk.ask(queues.get_queue, "q", project=OTHER_PROJECT)).error == refusal
    assert (await desk.ask(queues.pause_queue, "q", project=OTHER_PROJECT)).error == refusal
    assert (await desk.ask(queues.delete_queue, "q", project=OTHER_PROJECT)).status == 200
    body = {"queueName": "q", "parallelism": 9}
    assert (await desk.ask(queues.put_queue, body=body, project=OTHER_PROJECT)).status == 200
    assert ((await shown(desk))["parallelism"], (await shown(desk))["lag"]) == (1, 1)


async def test_bodies_of_pause_and_resume_say_nothing(desk: Desk) -> None:
    await put(desk)
    assert (await desk.ask(queues.pause_queue, "q", body=b"{")).status == 200
    assert (await shown(desk))["paused"] is True
    assert (await desk.ask(queues.resume_queue, "q", body=b"nonsense")).status == 200
    assert (await shown(desk))["paused"] is False
