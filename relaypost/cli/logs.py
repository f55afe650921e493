"""Log lines: readable text or JSON; the fields of an event follow its words."""

import logging
import sys
from typing import Any

import msgspec

from relaypost.cli.deliveries import DeliveryLines, wants_colour
from relaypost.config import Settings

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
DELIVERIES = "relaypost.deliveries"
DELIVERY_LEVELS = {
    "all": logging.INFO,
    "failures": logging.WARNING,
    "none": logging.CRITICAL,
}


def set_up_logging(settings: Settings) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if settings.log_format == "json" else TextLines())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.getLogger(DELIVERIES).setLevel(DELIVERY_LEVELS[settings.log_deliveries])
    # What it says below is about callers that don't speak HTTP, not about this server.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def set_up_development_logging(settings: Settings) -> None:
    """As elsewhere, but a delivery is a short line among the words of the program."""
    set_up_logging(settings)
    if settings.log_format == "text":
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(DeliveryLines(coloured=wants_colour(sys.stdout)))
        deliveries = logging.getLogger(DELIVERIES)
        deliveries.handlers = [handler]
        deliveries.propagate = False


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(record).items()
        if name not in STANDARD and value is not None
    }


class TextLines(logging.Formatter):
    """`2026-01-31 12:00:00.123 INFO words field=value ...`"""

    default_time_format = "%Y-%m-%d %H:%M:%S"
    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={_shown(value)}" for name, value in _fields(record).items())
        line = f"{self.formatTime(record)} {record.levelname:<7} {record.getMessage()} {fields}"
        line = line.rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def _shown(value: Any) -> str:
    """Plain where that is clear; a value from outside can't pass for another field or line."""
    text = str(value)
    if text.isprintable() and not any(letter in text for letter in ' "='):
        return text
    return msgspec.json.encode(text).decode() if text.isprintable() else repr(text)
