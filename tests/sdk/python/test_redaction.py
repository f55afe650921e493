"""Redaction by the Python SDK: readers see hashes, destinations and callbacks the originals."""

import json
import re
from typing import Any

import pytest

from tests.support.clients import PythonSdk
from tests.support.sinks import Answer, Sink


@pytest.mark.conformance("P-24", "R-29")
@pytest.mark.parametrize(
    ("redact", "hides_body", "hidden"),
    [
        ({"body": True}, True, set()),
        ({"header": True}, False, {"X-Secret", "X-Other"}),
        ({"body": True, "header": ["x-secret"]}, True, {"X-Secret"}),
    ],
)
async def test_redaction_hides_from_readers_only(
    sdk: PythonSdk, sink: Sink, redact: dict[str, Any], hides_body: bool, hidden: set[str]
) -> None:
    published = await sdk.message.publish(
        url=sink.url_of("/hook"),
        body="secret body",
        headers={"X-Secret": "s3cret", "X-Other": "other"},
        callback=sink.url_of("/callback"),
        redact=redact,
    )
    received = await sink.wait_one("/hook")
    assert (received.body, received.header("X-Secret")) == (b"secret body", "s3cret")
    report = json.loads((await sink.wait_one("/callback")).body)
    assert report["sourceBody"] == "c2VjcmV0IGJvZHk="
    assert report["sourceHeader"] == {"X-Secret": ["s3cret"], "X-Other": ["other"]}

    message = await sdk.message.get(published.message_id)
    logs = (await sdk.log.list(filter={"message_id": published.message_id})).logs
    for headers in [message.headers, *(entry.headers for entry in logs)]:
        assert {name for name, (value,) in headers.items() if _is_redacted(value)} == hidden
    assert _is_redacted(message.body) == hides_body
    assert all(_is_redacted(entry.body_base64) == hides_body for entry in logs)


async def test_redaction_reaches_dead_letters(sdk: PythonSdk, sink: Sink) -> None:
    await sdk.message.publish(
        url=sink.script("/hook", Answer(500)),
        body="secret body",
        retries=0,
        failure_callback=sink.url_of("/failure"),
        redact={"body": True},
    )
    await sink.wait_one("/failure")
    (listed,) = (await sdk.dlq.list()).messages
    assert _is_redacted(listed.body)
    assert _is_redacted((await sdk.dlq.get(listed.dlq_id)).body)


def _is_redacted(value: str) -> bool:
    return re.fullmatch(r"REDACTED:[0-9a-f]{64}", value) is not None
