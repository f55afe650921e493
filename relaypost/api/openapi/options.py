"""What the document says of options; a test holds the names against those of `wire.options`."""

from typing import Final

from relaypost.api.openapi.parameters import (
    ANY_TEXT,
    DURATION,
    FLAG,
    NATURAL,
    URL,
    Told,
    one_of,
    parameter,
)
from relaypost.api.operations import Schema
from relaypost.wire.option_values import METHODS
from relaypost.wire.options import CALLBACK, FAILURE, MESSAGE, SHARED_OPTIONS

# An empty value counts as absent: no schema asks for more.
OPTIONS: Final = {
    "Content-Based-Deduplication": Told("Accept the same content only once in a while.", FLAG),
    "Cron": Told("When to publish it: five fields.", {**ANY_TEXT, "examples": ["*/5 * * * *"]}),
    "Deduplication-Id": Told(
        "Accept a message with this id only once in a while.", {**ANY_TEXT, "pattern": "^[^:]*$"}
    ),
    "Delay": Told("The first attempt is made so much later.", DURATION),
    "Flow-Control-Key": Told(
        "The limits are shared by all messages with this key.", {**ANY_TEXT, "examples": ["erp"]}
    ),
    "Flow-Control-Value": Told(
        "The limits: `parallelism`, and `rate` in each `period`.",
        {**ANY_TEXT, "examples": ["parallelism=5", "rate=10, period=1m"]},
    ),
    "Header-Forward": Told("Deliver the plain headers of this request too.", FLAG),
    "Label": Told("Labels to find it by, with commas between.", {**ANY_TEXT, "examples": ["shop"]}),
    "Method": Told("How the destination is called; POST unless told.", one_of(*METHODS)),
    "Not-Before": Told(
        "No attempt before this Unix time in seconds. Wins over a delay.",
        {"type": "number", "minimum": 0, "examples": [1795525409]},
    ),
    "Queue-Name": Told("Deliver it in the order of this queue.", ANY_TEXT),
    "Redact-Fields": Told(
        "What the API must not show of it: `body`, `header`, `header[Name]`, with commas between.",
        {**ANY_TEXT, "examples": ["body, header[Authorization]"]},
    ),
    "Retries": Told("How often a failed attempt is repeated; 3 times unless told.", NATURAL),
    "Retry-Delay": Told(
        "Milliseconds before a retry: an expression of `retried`, which may call `pow`, `sqrt`, "
        "`abs`, `exp`, `floor`, `ceil`, `round`, `min`, `max`.",
        {**ANY_TEXT, "examples": ["pow(2, retried) * 1000"]},
    ),
    "Schedule-Id": Told("Id of the schedule; made if not given.", ANY_TEXT),
    "Timeout": Told("How long an attempt may take.", DURATION),
}

SILENT: Final = frozenset({"Feature-Set"})
"""SDKs send it, and it says nothing."""

URLS: Final = {
    "Callback": Told("Where the answer of each attempt is reported to.", URL),
    "Failure-Callback": Told("Where a failure is reported to when no retry is left.", URL),
}
FORWARDED: Final = "A header for the destination; what stands for `*` is its name."
GROUPS: Final = {CALLBACK: "Of the callback: ", FAILURE: "Of the failure callback: "}


def option_headers(names: frozenset[str]) -> list[Schema]:
    """The options of a message, then those of its callbacks."""
    told = {name: OPTIONS[name] for name in sorted(names - SILENT)}
    shared = {name: OPTIONS[name] for name in sorted((names & SHARED_OPTIONS) - SILENT)}
    headers = _group(MESSAGE, told | URLS)
    for prefix, words in GROUPS.items():
        headers += _group(prefix, shared, words)
    return headers


def _group(prefix: str, told: dict[str, Told], words: str = "") -> list[Schema]:
    all_told = told | {"Forward-*": Told(FORWARDED, ANY_TEXT)}
    return [
        parameter(prefix + name, words + says, schema, place="header")
        for name, (says, schema) in all_told.items()
    ]
