"""The line of a delivery, as a developer reads it."""

import io
import logging
from typing import Any

import pytest

from relaypost.cli.deliveries import DeliveryLines, duration, wants_colour

URL = "http://localhost:3000/api"


def line(*, coloured: Any = False, **overrides: Any) -> str:
    fields = {
        "message_id": "msg_1",
        "project_id": 1,
        "method": "POST",
        "url": URL,
        "retried": 0,
        "max_retries": 3,
        "state": "DELIVERED",
        "status": 200,
        "error": None,
        "due_at": None,
        "took_ms": 12,
    }
    record = logging.makeLogRecord({"created": 1_000.0, "msg": "attempt", **fields, **overrides})
    return DeliveryLines(coloured=coloured).format(record).partition(" ")[2]


def test_a_success() -> None:
    assert line() == f"POST {URL} -> 200 in 12 ms  msg_1"


@pytest.mark.parametrize(
    ("fields", "sequel"),
    [
        (
            {"state": "WAITING", "status": 500, "due_at": 1_012_182},
            "500 in 12 ms, retry 1 of 3 in 12.2 s",
        ),
        (
            {"state": "WAITING", "status": None, "error": "dns lookup failed: h", "due_at": 999},
            "dns lookup failed: h in 12 ms, retry 1 of 3 in 0 ms",
        ),
        (
            {"state": "FAILED", "status": 500, "retried": 3},
            "500 in 12 ms, no more retries after 3: now a dead letter",
        ),
        (
            {"state": "FAILED", "status": 500, "max_retries": 0},
            "500 in 12 ms, no retries: now a dead letter",
        ),
        (
            {"state": "FAILED", "status": 489, "retried": 1},
            "489 in 12 ms, not to be retried: now a dead letter",
        ),
    ],
)
def test_a_failure_says_what_follows(fields: dict[str, object], sequel: str) -> None:
    assert line(**fields) == f"POST {URL} -> {sequel}  msg_1"


@pytest.mark.parametrize(
    ("fields", "colour"),
    [
        ({}, "32"),
        ({"state": "WAITING", "status": 500, "due_at": 1}, "33"),
        ({"state": "FAILED", "status": 500}, "31"),
    ],
)
def test_the_outcome_is_coloured(fields: dict[str, object], colour: str) -> None:
    status = fields.get("status", 200)

    assert f"-> \33[{colour}m{status} in 12 ms\33[0m" in line(coloured=True, **fields)
    assert "\33" not in line(**fields)


def test_nothing_from_outside_moves_the_cursor() -> None:
    shown = line(url="http://h/\33[2J", status=None, error="bad\r\nthing\7", state="FAILED")

    assert shown.startswith("POST http://h/?[2J -> bad??thing? in 12 ms")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("no_colour", "wanted"), [(None, True), ("", True), ("1", False)])
def test_colour_is_for_terminals(
    monkeypatch: pytest.MonkeyPatch, no_colour: str | None, wanted: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_colour is not None:
        monkeypatch.setenv("NO_COLOR", no_colour)

    assert wants_colour(Terminal()) is wanted
    assert wants_colour(io.StringIO()) is False


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (12_182, "12.2 s"),
        (59_949, "59.9 s"),
        (59_960, "1 m"),
        (148_413, "2 m 28 s"),
        (1_808_042, "30 m 8 s"),
        (22_026_465, "6 h 7 m"),
        (86_400_000, "1 d"),
        (90_061_000, "1 d 1 h"),
    ],
)
def test_durations(ms: int, text: str) -> None:
    assert duration(ms) == text
