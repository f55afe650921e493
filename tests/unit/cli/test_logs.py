"""Log lines: one event, one line, fields that can't pass for others."""

import json
import logging
import sys
from typing import Any

import pytest

from relaypost.cli.logs import JsonLines, TextLines


def record(words: str = "something happened", **fields: Any) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"msg": words, "levelno": logging.WARNING, "levelname": "WARNING", "name": "x", **fields}
    )


def failure() -> Any:
    try:
        raise ValueError("no good")
    except ValueError:
        return sys.exc_info()


def text(**fields: Any) -> str:
    return TextLines().format(record(**fields)).split(" ", 2)[2]


def test_text() -> None:
    assert text() == "WARNING something happened"
    assert text(count=3, none=None, url="http://h/") == (
        "WARNING something happened count=3 url=http://h/"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "x"', r'"say \"x\""'),
        ("one\ntwo", r"'one\ntwo'"),
        ("\33[2J", r"'\x1b[2J'"),
        ("", ""),
    ],
)
def test_text_of_values_from_outside(value: str, shown: str) -> None:
    assert text(value=value) == f"WARNING something happened value={shown}".rstrip()


def test_text_with_a_traceback() -> None:
    assert text(exc_info=failure()).endswith("ValueError: no good")


def test_json() -> None:
    shown = JsonLines().format(record(count=3, none=None, odd="a\nb", exc_info=failure()))
    line = json.loads(shown)

    assert "\n" not in shown
    assert (line["level"], line["message"], line["logger"]) == (
        "warning",
        "something happened",
        "x",
    )
    assert (line["count"], line["odd"]) == (3, "a\nb")
    assert "none" not in line
    assert line["exception"].endswith("ValueError: no good")
