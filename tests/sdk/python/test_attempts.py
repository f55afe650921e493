"""What follows from attempts, through the Python SDK: retries, callbacks, failure callbacks."""

import json
import time

import pytest

from tests.support.clients import PythonSdk
from tests.support.signatures import claims_of
from tests.support.sinks import Answer, Sink


@pytest.mark.conformance("P-26")
async def test_options_of_a_callback_that_is_not_asked_for(sdk: PythonSdk, sink: Sink) -> None:
    published = await sdk.message.publish(
        url=sink.url_of("/hook"), failure_callback_headers={"retries": "1", "X-Kind": "failed"}
    )
    message = await sdk.message.get(published.message_id)
    assert (message.failure_callback, message.failure_callback_headers) == (None, None)
    await sink.wait_one("/hook")


async def test_a_retry_hint_wins_over_the_backoff(sdk: PythonSdk, sink: Sink) -> None:
    hint = (("Retry-After", "0"),)
    url = sink.script("/hook", Answer(429, headers=hint), Answer(200))
    await sdk.message.publish(url=url)
    await sink.wait_for(2, "/hook")


@pytest.mark.conformance("D-20", "D-21", "D-8", "D-23")
async def test_each_attempt_is_reported(sdk: PythonSdk, sink: Sink) -> None:
    url = sink.script("/hook", Answer(500, b"boom"), Answer(503), Answer(500, b"boom"))
    published = await sdk.message.publish(
        url=url, retries=2, retry_delay="1", callback=sink.url_of("/callback")
    )
    attempts = await sink.wait_for(3, "/hook")
    assert [attempt.header("Upstash-Retried") for attempt in attempts] == ["0", "1", "2"]
    assert {attempt.header("Upstash-Message-Id") for attempt in attempts} == {published.message_id}
    claims = [claims_of(attempt) for attempt in attempts]
    assert len({claim["jti"] for claim in claims}) == 3
    assert all(claim["exp"] - claim["iat"] == 300 and claim["nbf"] == 0 for claim in claims)
    assert not any("aud" in claim or claim["iat"] > time.time() for claim in claims)

    reports = [json.loads(report.body) for report in await sink.wait_for(3, "/callback")]
    reports.sort(key=lambda report: report["retried"])
    assert [(each["retried"], each["status"]) for each in reports] == [(0, 500), (1, 503), (2, 500)]
    assert {each["maxRetries"] for each in reports} == {2}
    assert {each["sourceMessageId"] for each in reports} == {published.message_id}
    assert [each["body"] for each in reports] == ["Ym9vbQ==", "", "Ym9vbQ=="]
    assert [each["sourceBody"] for each in reports] == ["", "", ""]


@pytest.mark.conformance("D-23", "D-24", "P-25")
async def test_the_callback_of_a_delivery(sdk: PythonSdk, sink: Sink) -> None:
    url = sink.script("/hook", Answer(201, b"made", headers=(("X-Seen", "yes"),)))
    published = await sdk.message.publish_json(
        url=url,
        body={"n": 1},
        retries=5,
        headers={"x-tenant": "t-17"},
        callback=sink.url_of("/callback"),
        callback_headers={"X-Trace": "1", "Upstash-Callback-Forward-X-Span": "2"},
    )
    callback = await sink.wait_one("/callback")
    assert callback.method == "POST"
    assert callback.values("Content-Type") == ["application/json"]
    assert (callback.header("X-Trace"), callback.header("X-Span")) == ("1", "2")
    assert callback.values("X-Tenant") == []
    report = json.loads(callback.body)
    assert report["header"]["X-Seen"] == ["yes"]
    message = await sdk.message.get(published.message_id)
    assert {name: report[name] for name in report if name != "header"} == {
        "status": 201,
        "body": "bWFkZQ==",
        "retried": 0,
        "maxRetries": 5,
        "sourceMessageId": published.message_id,
        "url": url,
        "method": "POST",
        "sourceHeader": {"Content-Type": ["application/json"], "X-Tenant": ["t-17"]},
        "sourceBody": "eyJuIjogMX0=",
        "notBefore": message.not_before,
        "createdAt": message.created_at,
        "callerIP": "127.0.0.1",
    }
    own = await sdk.message.get(callback.header("Upstash-Message-Id"))
    assert (own.method, own.max_retries) == ("POST", 5)


@pytest.mark.conformance("D-22", "P-25")
async def test_the_failure_callback_names_the_dead_letter(sdk: PythonSdk, sink: Sink) -> None:
    published = await sdk.message.publish(
        url=sink.script("/hook", Answer(404, b"404 Not Found")),
        retries=0,
        failure_callback=sink.url_of("/failure"),
        failure_callback_headers={"X-Kind": "failed", "Upstash-Failure-Callback-Method": "PUT"},
    )
    callback = await sink.wait_one("/failure")
    assert (callback.method, callback.header("X-Kind")) == ("PUT", "failed")
    report = json.loads(callback.body)
    dead_letter = await sdk.dlq.get(report["dlqId"])
    assert dead_letter.message_id == report["sourceMessageId"] == published.message_id
    assert dead_letter.response_body == "404 Not Found"


@pytest.mark.conformance("D-23")
async def test_the_timeout_ends_an_attempt(sdk: PythonSdk, sink: Sink, held: Answer) -> None:
    await sdk.message.publish(
        url=sink.script("/hook", held), timeout="0.2s", retries=0, callback=sink.url_of("/callback")
    )
    report = json.loads((await sink.wait_one("/callback")).body)
    assert (report["status"], report["header"]) == (504, {})
