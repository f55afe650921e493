"""Retrying dead letters (sections 6.10, 6.11)."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from relaypost.api import dead_letters, messages
from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.messages import Callback, Message, Redaction, State
from relaypost.store.base import Claim, Store
from relaypost.wire.ids import dead_letter_text, message_text, parse_message_id
from relaypost.wire.shown import hidden_text
from tests.support.desk import Answer, Desk
from tests.support.lives import DOWN, PROJECT, START, envelope

SEALED = envelope(
    method="PUT",
    headers=(("Content-Type", "text/plain"), ("X-A", "b"), ("X-A", "c")),
    body=b"\0body",
    max_retries=0,
    retry_delay="1000",
    labels=("a",),
    caller_ip="203.0.113.7",
    topic_name="g",
    endpoint_name="e",
    schedule_id="scd_1",
    callback=Callback(url="https://c/", headers=(("X-C", "d"),), timeout_ms=5),
    redaction=Redaction(body=True, headers=("X-A",)),
)


async def fail(desk: Desk, number: int = 1) -> list[str]:
    return [dead_letter_text(await desk.lives.fail(SEALED)) for _ in range(number)]


async def retry(desk: Desk, id: str, **asked: Any) -> Answer:
    return await desk.ask(dead_letters.retry_dead_letter, id, **asked)


async def retry_many(desk: Desk, query: str = "", **asked: Any) -> Answer:
    return await desk.ask(dead_letters.retry_dead_letters, query=query, **asked)


async def message(desk: Desk, text: str) -> Message:
    id = parse_message_id(text)
    assert id is not None
    (found,) = await desk.service.store.messages.get(PROJECT, [id])
    return found


async def ids(desk: Desk) -> list[str]:
    answer = await desk.ask(dead_letters.list_dead_letters, query="order=earliestFirst")
    return [element["dlqId"] for element in answer.json["messages"]]


@pytest.mark.conformance("R-24", "R-29")
async def test_one_becomes_a_new_message(desk: Desk) -> None:
    (id,) = await fail(desk)
    old = message_text(next(iter(desk.lives.messages)))
    desk.clock.advance(5000)
    answer = await retry(desk, id)
    assert answer.status == 201
    assert set(answer.json) == {"messageId"}
    new = await message(desk, answer.json["messageId"])
    assert answer.json["messageId"] != old
    assert new.envelope == SEALED
    assert (new.retried, new.state) == (0, State.WAITING)
    assert new.created_at == new.not_before == START + 5000
    assert await ids(desk) == []
    again = await retry(desk, id)
    assert again.error == (404, f"dlq message {id} not found")
    deleted = await desk.ask(dead_letters.delete_dead_letter, id)
    assert deleted.error == again.error


async def test_the_new_message_starts_at_once_where_there_is_room(desk: Desk) -> None:
    made = await fail(desk, 3)
    desk.intake.claim = Claim(lease=desk.lives.lease, limit=2, bytes=1000)
    answer = await retry_many(desk)
    assert desk.intake.wanted == [3]
    assert desk.intake.open_offers == 0
    responses = [one["messageId"] for one in answer.json["responses"]]
    assert [message_text(one.id) for one in desk.intake.started] == responses[:2]
    assert [one.retried for one in desk.intake.started] == [0, 0]
    assert desk.intake.due == [START]
    assert len(responses) == len(made)


async def test_an_offer_is_given_back_when_nothing_comes_of_it(desk: Desk) -> None:
    await retry(desk, "1-0")
    assert (desk.intake.open_offers, desk.intake.started) == (0, [])
    (id,) = await fail(desk)
    desk.service = replace(desk.service, store=cast("Store", FullDisk()))
    assert (await retry(desk, id)).status == 503
    assert (desk.intake.open_offers, desk.intake.started) == (0, [])


class FullDisk:
    """A store, as far as a retry sees it, that can't be written."""

    @property
    def dead_letters(self) -> "FullDisk":
        return self

    async def replace(self, *_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is full")


@pytest.mark.conformance("R-25")
async def test_of_two_retries_one_makes_a_message(desk_with_threads: Desk) -> None:
    desk = desk_with_threads
    (id,) = await fail(desk)
    answers = await asyncio.gather(
        retry(desk, id), retry(desk, id), retry_many(desk, f"dlqIds={id}"), retry_many(desk)
    )
    made = [
        one["messageId"]
        for answer in answers
        for one in answer.json.get("responses", [answer.json])
        if "messageId" in one
    ]
    assert len(made) == 1
    assert sorted(answer.status for answer in answers)[0] == 201


async def test_retry_against_delete(desk_with_threads: Desk) -> None:
    desk = desk_with_threads
    (id,) = await fail(desk)
    retried, deleted = await asyncio.gather(
        retry(desk, id), desk.ask(dead_letters.delete_dead_letter, id)
    )
    assert sorted([retried.status, deleted.status]) in ([200, 404], [201, 404])


@pytest.mark.parametrize("form", ["repeated", "comma", "body"])
@pytest.mark.conformance("A-3")
async def test_named_ones_in_their_order(desk: Desk, form: str) -> None:
    made = [dead_letter_text(await desk.lives.fail(envelope(url=f"https://{n}"))) for n in "abc"]
    named = [made[2], made[0], made[2]]
    forms: dict[str, dict[str, Any]] = {
        "repeated": {"query": "&".join(f"dlqIds={id}" for id in named)},
        "comma": {"query": f"dlqIds={','.join(named)}"},
        "body": {"body": {"dlqIds": named}},
    }
    answer = await retry_many(desk, **forms[form])
    assert answer.status == 201
    assert set(answer.json) == {"responses"}
    urls = [
        (await message(desk, one["messageId"])).envelope.url for one in answer.json["responses"]
    ]
    assert urls == ["https://c", "https://a"]
    assert await ids(desk) == [made[1]]


@pytest.mark.conformance("R-26")
@pytest.mark.parametrize("unknown", ["1-0", "1795525409034-99", "nonsense"])
async def test_with_one_unknown_nothing_is_retried(desk: Desk, unknown: str) -> None:
    made = await fail(desk, 2)
    answer = await retry_many(desk, f"dlqIds={made[0]},{unknown},{made[1]},2-0")
    assert answer.error == (404, f"dlq message {unknown} not found")
    assert await ids(desk) == made


@pytest.mark.conformance("R-26", "R-16")
async def test_a_filter_that_matches_nothing(desk: Desk) -> None:
    await fail(desk)
    for query, body in (("label=none", None), ("", {"dlqIds": []})):
        answer = await retry_many(desk, query, body=body)
        assert (answer.status, answer.body) == (201, b'{"responses":[]}')
    assert len(await ids(desk)) == 1


async def test_the_oldest_page_by_page(desk: Desk) -> None:
    made = await fail(desk, 5)
    first = (await retry_many(desk, "count=2")).json
    assert (len(first["responses"]), first["cursor"]) == (2, made[1])
    assert await ids(desk) == made[2:]
    second = (await retry_many(desk, f"count=2&cursor={first['cursor']}")).json
    last = (await retry_many(desk, f"count=2&cursor={second['cursor']}")).json
    assert len(last["responses"]) == 1
    assert "cursor" not in last


async def test_a_call_retries_a_hundred(desk: Desk) -> None:
    made = await fail(desk, 101)
    answer = await retry_many(desk, body={"dlqIds": made})
    assert answer.error == (400, "too many ids, at most 100")
    answer = await retry_many(desk)
    assert (len(answer.json["responses"]), answer.json["cursor"]) == (100, made[99])


@pytest.mark.conformance("R-27")
@pytest.mark.parametrize("place", ["header", "query"])
async def test_options_override_those_of_the_dead_letter(desk: Desk, place: str) -> None:
    options = {
        "upstash-retries": "7",
        "upstash-method": "PATCH",
        "upstash-delay": "90s",
        "upstash-timeout": "5",
        "upstash-label": "x,y",
        "upstash-forward-x-a": "z",
        "upstash-callback": "https://new.example/",
        "upstash-redact-fields": "header",
    }
    made = await fail(desk, 2)
    asked: dict[str, Any] = (
        {"headers": {**options, "content-type": "application/json"}}
        if place == "header"
        else {"query": list(options.items())}
    )
    one = await retry(desk, made[0], body=b"not looked at", **asked)
    many = await retry_many(desk, **asked)
    assert (one.status, many.status) == (201, 201)
    for text in (one.json["messageId"], many.json["responses"][0]["messageId"]):
        new = await message(desk, text)
        assert SEALED.callback is not None
        assert new.envelope == replace(
            SEALED,
            max_retries=7,
            method="PATCH",
            timeout_ms=5000,
            labels=("x", "y"),
            headers=(("Content-Type", "text/plain"), ("X-A", "z")),
            callback=replace(SEALED.callback, url="https://new.example/"),
            redaction=Redaction(body=True, all_headers=True, headers=("X-A",)),
        )
        assert new.not_before == new.created_at + 90_000


@pytest.mark.conformance("R-27")
async def test_no_retries_instead_of_three(desk: Desk) -> None:
    id = await desk.lives.publish(envelope(max_retries=3))
    for _ in range(4):
        await desk.lives.end(id, DOWN)
        desk.clock.advance(86_400_000)
        await desk.lives.start()
    (dead,) = await ids(desk)
    answer = await retry(desk, dead, headers={"upstash-retries": "0"})
    new = await message(desk, answer.json["messageId"])
    assert new.envelope.max_retries == 0


@pytest.mark.conformance("R-27")
@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("upstash-retries", "x", 400),
        ("upstash-retries", "101", 412),
        ("upstash-delay", "1w", 400),
        ("upstash-callback", "not a url", 400),
        ("upstash-callback", "http://127.0.0.1/", 400),
    ],
)
async def test_an_invalid_option_keeps_the_entry(
    desk: Desk, name: str, value: str, status: int
) -> None:
    made = await fail(desk, 2)
    assert (await retry(desk, made[0], headers={name: value})).status == status
    assert (await retry(desk, made[0], query=[(name, value)])).status == status
    assert (await retry_many(desk, headers={name: value})).status == status
    assert await ids(desk) == made


async def test_the_new_message_hides_what_the_old_one_hid(desk: Desk) -> None:
    (id,) = await fail(desk)
    answer = await retry(desk, id)
    new = await message(desk, answer.json["messageId"])
    assert new.envelope.body == b"\0body"
    shown = await desk.ask(messages.get_message, answer.json["messageId"])
    assert shown.json["body"] == hidden_text(b"\0body")
