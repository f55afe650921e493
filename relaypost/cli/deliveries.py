"""One short line for each delivery, for whoever develops beside a terminal."""

import logging
import os
from typing import Any, TextIO

GREEN, YELLOW, RED, GREY = "\33[32m", "\33[33m", "\33[31m", "\33[90m"
PLAIN = "\33[0m"
COLOURS = {"DELIVERED": GREEN, "WAITING": YELLOW}
"""By the state that the message got; red where nothing follows."""


def wants_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR")


class DeliveryLines(logging.Formatter):
    """`12:00:01 POST http://localhost:3000/api -> 500 in 12 ms, retry 1 of 3 in 12 s  msg_...`"""

    default_time_format = "%H:%M:%S"
    default_msec_format = ""

    def __init__(self, *, coloured: bool) -> None:
        super().__init__()
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = vars(record)
        colour = COLOURS.get(fields["state"], RED)
        parts = (
            ("", f"{self.formatTime(record)} {fields['method']} {_clean(fields['url'])} -> "),
            (colour, _outcome(fields)),
            ("", _sequel(fields, record.created)),
            (GREY, f"  {fields['message_id']}"),
        )
        return "".join(self._painted(colour, text) for colour, text in parts)

    def _painted(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._coloured and colour else text


def _outcome(fields: dict[str, Any]) -> str:
    shown = fields["status"] or _clean(fields["error"])
    return f"{shown} in {duration(fields['took_ms'])}"


def _sequel(fields: dict[str, Any], now: float) -> str:
    """What follows from a failure."""
    retried, retries = fields["retried"], fields["max_retries"]
    if fields["state"] == "DELIVERED":
        return ""
    if fields["state"] == "WAITING":
        pause = duration(max(0, round(fields["due_at"] - now * 1000)))
        return f", retry {retried + 1} of {retries} in {pause}"
    if retried < retries:
        return ", not to be retried: now a dead letter"
    if retries == 0:
        return ", no retries: now a dead letter"
    return f", no more retries after {retries}: now a dead letter"


def duration(ms: int) -> str:
    """`12 ms`, `1.5 s`, `2 m 28 s`, `6 h 7 m`, `1 d`: two units at most."""
    if ms < 1_000:
        return f"{ms} ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f} s".replace(".0 ", " ")
    left = round(ms / 1000)
    parts: list[str] = []
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        if count and len(parts) < 2:
            parts.append(f"{count} {unit}")
    return " ".join(parts)


def _clean(text: str) -> str:
    """Without what would move the cursor or paint the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
