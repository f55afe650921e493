"""Parameter objects of the document, the kinds of their values, and those of paths."""

from typing import Any, Final, NamedTuple

from relaypost.api.operations import Schema
from relaypost.domain.durations import NS_PER_UNIT
from relaypost.wire.destinations import MAX_NAME_BYTES, NAME_PATTERN

_NUMBER = r"[0-9]+(\.[0-9]+)?"
_UNITS = "|".join(NS_PER_UNIT)

ANY_TEXT: Final[Schema] = {"type": "string"}
TEXT: Final[Schema] = {"type": "string", "minLength": 1}
NAME: Final[Schema] = {
    "type": "string",
    "pattern": f"^{NAME_PATTERN}$",
    "maxLength": MAX_NAME_BYTES,
}
PLAIN: Final[Schema] = {"type": "string", "pattern": r"^[^\x00-\x1f\x7f]+$"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 1}
NATURAL: Final[Schema] = {"type": "integer", "minimum": 0}
FLAG: Final[Schema] = {"type": "boolean"}
URL: Final[Schema] = {**ANY_TEXT, "examples": ["https://api.example.com/done"]}
MILLIS: Final[Schema] = {
    **NATURAL,
    "title": "Unix ms",
    "examples": [1795525409034],
}
DURATION: Final[Schema] = {
    "title": "duration",
    "type": "string",
    "pattern": rf"^({_NUMBER}|({_NUMBER}({_UNITS}))+)?$",
    "examples": ["10s", "1d10h30m"],
}


class Told(NamedTuple):
    """What is said of a name, wherever it is used."""

    says: str
    schema: Schema = TEXT


PATH: Final = {
    "destination": Told(
        "A URL, as it is: nothing in it needs an escape. Or the name of a URL group.",
        {**TEXT, "examples": ["https://api.example.com/orders?shop=7"]},
    ),
    "dlqId": Told("Id of a dead letter.", {**TEXT, "examples": ["1795525409034-0"]}),
    "flowControlKey": Told(
        "A flow-control key; slashes in it need no escape.", {**PLAIN, "examples": ["erp"]}
    ),
    "messageId": Told("Id of a message.", {**TEXT, "examples": ["msg_7YoqT2mC4vX"]}),
    "scheduleId": Told("Letters, digits, `-`, `_`, `.`.", {**NAME, "examples": ["nightly-report"]}),
    "urlGroupName": Told("Letters, digits, `-`, `_`, `.`.", {**NAME, "examples": ["shops"]}),
    "queueName": Told("Letters, digits, `-`, `_`, `.`.", {**NAME, "examples": ["orders"]}),
}


def one_of(*values: str) -> Schema:
    return {"type": "string", "enum": [*values]}


def path_parameter(name: str) -> Schema:
    return {**parameter(name, *PATH[name], place="path"), "required": True}


def path_example(name: str) -> Any:
    return PATH[name].schema["examples"][0]


def parameter(name: str, says: str, schema: Schema, *, place: str) -> Schema:
    return {"name": name, "in": place, "description": says, "schema": schema}
