"""One attempt: the request, the outcome, what follows; and what a defect of ours makes of it."""

import asyncio
import base64
import json
import logging
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from relaypost.domain.messages import State
from relaypost.domain.outcomes import Outcome, Responded
from relaypost.domain.sequences import counter_of, time_of
from relaypost.engine.attempt import Attempts, Signing, describe
from relaypost.engine.sender import Sender
from relaypost.runtime import SeededIds
from relaypost.wire.ids import dead_letter_text, message_text
from tests.support.clocks import FakeClock
from tests.support.messages import BUSY, DOWN, NOW, callback, message, project
from tests.support.senders import ScriptedSender

HOST = "api.example.com"


def attempts(
    sender: ScriptedSender,
    *,
    clock: FakeClock | None = None,
    apis: Mapping[str, Sender] | None = None,
    **signing: Any,
) -> Attempts:
    return Attempts(
        sender,
        clock=clock or FakeClock(),
        ids=SeededIds(random.Random(1)),
        signing=Signing(**{"keys_of": lambda _: project().keys} | signing),
        apis=apis or {},
    )


def answering(*outcomes: Outcome | Exception) -> ScriptedSender:
    sender = ScriptedSender()
    sender.script(HOST, *outcomes)
    return sender


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return found


async def test_the_request_names_message_and_retry() -> None:
    sender = ScriptedSender()
    one = message(retried=2)
    await attempts(sender).make(one)
    (request,) = sender.requests
    headers = dict(request.headers)
    assert headers["Upstash-Message-Id"] == message_text(one.id)
    assert headers["Upstash-Retried"] == "2"
    assert claims(headers["Upstash-Signature"])["iat"] == NOW // 1000


async def test_the_signature_is_made_anew_for_each_attempt() -> None:
    sender = ScriptedSender()
    maker = attempts(sender)
    await maker.make(message())
    await maker.make(message())
    made = [claims(dict(one.headers)["Upstash-Signature"])["jti"] for one in sender.requests]
    assert len(set(made)) == 2


async def test_signing_can_be_moved_back_and_marked() -> None:
    sender = ScriptedSender()
    await attempts(sender, backdate_seconds=5, region="EU-CENTRAL-1").make(message())
    headers = dict(sender.requests[0].headers)
    assert claims(headers["Upstash-Signature"])["iat"] == NOW // 1000 - 5
    assert headers["Upstash-Region"] == "EU-CENTRAL-1"


@pytest.mark.conformance("K-15")
async def test_a_message_for_an_api_takes_its_own_way() -> None:
    sender, llm = ScriptedSender(), ScriptedSender()
    url = "http://then:1/v1/chat/completions"
    settlement = await attempts(sender, apis={"llm": llm}).make(message(url=url, api="llm"))
    assert settlement.transition.state is State.DELIVERED
    assert sender.requests == []
    (request,) = llm.requests
    assert request.url == url
    assert claims(dict(request.headers)["Upstash-Signature"])["sub"] == url


@pytest.mark.conformance("K-15")
async def test_an_api_that_is_not_there_any_more() -> None:
    sender = ScriptedSender()
    settlement = await attempts(sender).make(message(api="llm"))
    assert settlement.transition.state is State.WAITING
    (entry, *_) = settlement.transition.entries
    assert entry.error == "api llm is not configured"
    assert not settlement.reached
    assert sender.requests == []


@pytest.mark.parametrize(
    ("outcome", "state", "reached"),
    [
        (Responded(status=204), State.DELIVERED, True),
        (BUSY, State.WAITING, True),
        (DOWN, State.WAITING, False),
    ],
)
async def test_what_follows_from_an_outcome(outcome: Outcome, state: State, reached: bool) -> None:
    settlement = await attempts(answering(outcome)).make(message())
    assert settlement.transition.state is state
    assert settlement.reached is reached
    assert (settlement.if_canceled is None) == (state is State.DELIVERED)
    assert settlement.dead_letter_id is None


async def test_hints_are_read_from_the_answer() -> None:
    hinting = Responded(status=429, headers=(("Retry-After", "7"),))
    settlement = await attempts(answering(hinting)).make(message())
    assert settlement.transition.due_at == NOW + 7_000


@pytest.mark.parametrize(("retry_delay", "is_noted"), [("sqrt(-1)", True), ("1000", False)])
async def test_an_expression_without_a_number_is_noted(
    retry_delay: str, is_noted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    settlement = await attempts(answering(BUSY)).make(message(retry_delay=retry_delay))
    assert settlement.transition.due_at == NOW + (12_182 if is_noted else 1_000)
    assert ("the default is used" in caplog.text) is is_noted


async def test_a_failure_for_good_has_a_dead_letter_that_its_callback_names() -> None:
    one = message(max_retries=0, callback=callback(), failure_callback=callback())
    clock = FakeClock()
    maker = attempts(answering(BUSY), clock=clock)
    clock.advance(5)
    settlement = await maker.make(one)
    assert settlement.transition.state is State.FAILED
    id = settlement.dead_letter_id
    assert id is not None
    assert (time_of(id), counter_of(id)) == (NOW + 5, 0)
    report, failure = (json.loads(one.envelope.body) for one in settlement.callbacks)
    assert "dlqId" not in report
    assert failure["dlqId"] == dead_letter_text(id)


async def test_ids_of_dead_letters_differ_within_a_millisecond_and_across_starts() -> None:
    clock = FakeClock()
    ids: list[int] = []
    for _ in range(2):  # a start each; the clock stands at the newest time that was stored
        maker = attempts(ScriptedSender(BUSY), clock=clock)
        for _ in range(2):
            settlement = await maker.make(message(max_retries=0))
            assert settlement.dead_letter_id is not None
            ids.append(settlement.dead_letter_id)
        clock = FakeClock(time_of(ids[-1]))
    assert ids == sorted(set(ids))


async def test_a_sender_that_raises_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    settlement = await attempts(answering(ValueError("a defect"))).make(
        message(callback=callback())
    )
    assert settlement.transition.state is State.WAITING
    assert settlement.transition.entries[0].error == "connection failed: internal error"
    assert len(settlement.callbacks) == 1
    (record,) = caplog.records
    assert record.getMessage() == "an attempt failed inside relaypost"
    assert record.exc_info is not None


async def test_a_request_that_can_not_be_made_is_a_failure() -> None:
    def no_keys(_: object) -> Any:
        raise KeyError("unknown project")

    settlement = await attempts(ScriptedSender(), keys_of=no_keys).make(message())
    assert settlement.transition.state is State.WAITING


async def test_an_outcome_that_can_not_be_judged_is_a_failure_without_report(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A callback that can't be written must not leave the message open for ever."""
    unwritable = message(topic_name="\udcff", callback=callback())
    settlement = await attempts(ScriptedSender()).make(unwritable)
    assert settlement.transition.state is State.WAITING
    assert settlement.transition.entries[0].error == "connection failed: internal error"
    assert settlement.callbacks == ()
    assert [one.getMessage() for one in caplog.records] == ["an outcome could not be judged"]


async def test_a_cancellation_is_no_outcome() -> None:
    sender = ScriptedSender()
    sender.hold(HOST)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await attempts(sender).make(message())
    assert sender.open == 0


# --- the log line --------------------------------------------------------------------------------

SECRET = "hunter2"
SECRETIVE = (
    f"https://user:{SECRET}@{HOST}:8443/path?token={SECRET}",
    (("Authorization", f"Bearer {SECRET}"),),
    SECRET.encode(),
)


@pytest.mark.parametrize(
    ("outcome", "shown"),
    [
        (Responded(status=200), {"state": "DELIVERED", "status": 200, "error": None}),
        (BUSY, {"state": "WAITING", "status": 503, "error": None}),
        (
            DOWN,
            {
                "state": "WAITING",
                "status": None,
                "error": "connection failed: connection refused",
            },
        ),
        (
            Responded(status=302, headers=(("Location", f"https://x/?code={SECRET}"),)),
            {"state": "WAITING", "status": 302, "error": None},
        ),
    ],
)
async def test_the_line_of_an_attempt_holds_no_secret(
    outcome: Outcome, shown: dict[str, object]
) -> None:
    url, headers, body = SECRETIVE
    one = message(url=url, headers=headers, body=body, retried=1)
    sender = ScriptedSender(outcome)
    settlement = await attempts(sender).make(one)
    fields = describe(settlement, took_ms=12)
    assert fields == {
        "message_id": message_text(one.id),
        "project_id": 1,
        "method": "POST",
        "url": f"https://{HOST}:8443/path",
        "retried": 1,
        "max_retries": 3,
        "due_at": settlement.transition.due_at if shown["state"] == "WAITING" else None,
        "took_ms": 12,
        **shown,
    }
    assert SECRET not in json.dumps(fields)


async def test_lines_about_defects_hold_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    url, headers, body = SECRETIVE
    one = message(url=url, headers=headers, body=body, topic_name="\udcff", callback=callback())
    sender = ScriptedSender(Responded(status=200))
    await attempts(sender).make(one)
    sender.script(f"{HOST}:8443", ValueError("a defect"))
    await attempts(sender).make(replace(one, retried=1))
    formatter = logging.Formatter()
    assert caplog.records
    for record in caplog.records:
        assert SECRET not in formatter.format(record)
        assert SECRET not in str(vars(record)["message_id"])
