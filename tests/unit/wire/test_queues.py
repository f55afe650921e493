"""Queues as requests name them and answers show them (sections 4.2, 4.3)."""

import json
from typing import Any

import pytest

from relaypost.domain.errors import Invalid, QuotaExceeded
from relaypost.domain.limits import Limits
from relaypost.domain.queues import Queue
from relaypost.domain.types import UnixMs
from relaypost.wire.queues import (
    QUEUE_NAME_RULE,
    QueueUpdate,
    check_queue_name,
    queue_body,
    queue_not_found,
    queues_body,
    read_queue_update,
)

NOW = UnixMs(1_795_525_409_034)
PARALLELISM_RULE = "invalid parallelism: must be an integer greater than 0"


def read(body: Any, **limits: int) -> QueueUpdate:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_queue_update(text, Limits(**limits))


def refusal(body: Any, **limits: int) -> str:
    with pytest.raises(Invalid) as refused:
        read(body, **limits)
    return str(refused.value)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, QueueUpdate(name="q")),
        ({"parallelism": None, "paused": None}, QueueUpdate(name="q")),
        ({"parallelism": 5}, QueueUpdate(name="q", parallelism=5)),
        ({"parallelism": 5.0}, QueueUpdate(name="q", parallelism=5)),
        ({"paused": True, "unknown": 1}, QueueUpdate(name="q", is_paused=True)),
        (
            {"parallelism": 100, "paused": False},
            QueueUpdate(name="q", parallelism=100, is_paused=False),
        ),
    ],
)
def test_what_is_absent_is_left_as_it_is(fields: dict[str, Any], expected: QueueUpdate) -> None:
    assert read({"queueName": "q", **fields}) == expected


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "ä", "x" * 257, None, 7, ["q"]])
def test_bad_names(name: Any) -> None:
    assert refusal({"queueName": name}) == QUEUE_NAME_RULE
    assert refusal({}) == QUEUE_NAME_RULE
    with pytest.raises(Invalid, match=QUEUE_NAME_RULE):
        check_queue_name(name)


@pytest.mark.parametrize("name", ["q", "A-b_c.9", "...", "x" * 256])
def test_good_names(name: str) -> None:
    assert check_queue_name(name) == read({"queueName": name}).name == name


@pytest.mark.conformance("Q-4")
@pytest.mark.parametrize("parallelism", [0, -1, 1.5, "2", True, [1], {}])
def test_a_parallelism_that_makes_no_sense(parallelism: Any) -> None:
    assert refusal({"queueName": "q", "parallelism": parallelism}) == PARALLELISM_RULE


@pytest.mark.conformance("Q-4")
@pytest.mark.parametrize(
    ("parallelism", "limit", "shown"),
    [(101, 100, 100), (2**31, 0, 2**31 - 1), (10**40, 0, 2**31 - 1)],
)
def test_a_parallelism_above_the_limit(parallelism: int, limit: int, shown: int) -> None:
    with pytest.raises(QuotaExceeded) as refused:
        read({"queueName": "q", "parallelism": parallelism}, max_parallelism=limit)
    assert str(refused.value) == f"quota maxParallelism exceeded, current limit: {shown}"


def test_no_limit() -> None:
    assert read({"queueName": "q", "parallelism": 2**31 - 1}, max_parallelism=0).parallelism


@pytest.mark.parametrize("paused", [0, 1, "true", [], {}])
def test_paused_is_a_boolean(paused: Any) -> None:
    text = "invalid paused: must be a boolean"
    assert refusal({"queueName": "q", "paused": paused}) == text


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Input data was truncated"),
        (b"{", "Input data was truncated"),
        (b"[]", "must be an object"),
        (b"null", "must be an object"),
        (b'{"queueName":"\xff"}', "not valid UTF-8"),
        (b'{"queueName":' + b"[" * 100_000, "nested too deeply"),
    ],
    ids=["empty", "cut", "list", "null", "bytes", "deep"],
)
def test_bodies_that_are_no_object(body: bytes, reason: str) -> None:
    assert refusal(body) == f"invalid JSON body: {reason}"


@pytest.mark.conformance("Q-2", "A-7")
def test_a_queue_has_exactly_six_fields() -> None:
    queue = Queue(name="q", created_at=NOW, updated_at=UnixMs(NOW + 1))
    shown = {
        "name": "q",
        "parallelism": 1,
        "createdAt": NOW,
        "updatedAt": NOW + 1,
        "lag": 0,
        "paused": False,
    }
    assert json.loads(queue_body(queue)) == shown
    assert json.loads(queues_body([queue])) == [shown]
    assert queues_body([]) == b"[]"


def test_a_missing_queue() -> None:
    assert str(queue_not_found("invoices")) == "queue invoices not found"
