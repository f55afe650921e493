"""What the document says of filters; a test holds the names against those of `wire.queries`."""

from collections.abc import Iterable
from typing import Final

from relaypost.api.openapi.parameters import ANY_TEXT, COUNT, MILLIS, Told, one_of, parameter
from relaypost.api.operations import Schema
from relaypost.wire.filters import ORDERS, STATES
from relaypost.wire.parameters import ALIASES, SINGLE

FILTERS: Final = {
    "callerIp": Told("The address that published it."),
    "count": Told("At most so many; a larger number than the route allows is cut to that.", COUNT),
    "cursor": Told("The cursor of the page before.", {**ANY_TEXT, "examples": ["1795525409034-0"]}),
    "dlqIds": Told("Only these; other filters then do not count."),
    "flowControlKey": Told("Its flow-control key."),
    "fromDate": Told("Not before this instant.", MILLIS),
    "groupBy": Told("Entries of one message together.", one_of("messageId")),
    "host": Told("The host of its destination; with a port, this port only."),
    "label": Told("One of its labels."),
    "messageId": Told("Only this message.", {"type": "string", "pattern": "^[^,]+$"}),
    "messageIds": Told("Only these messages."),
    "order": Told("The latest first, unless told.", one_of(*ORDERS)),
    "path": Told("The path of its destination."),
    "queueName": Told("Its queue."),
    "responseStatus": Told("The status of the last answer.", {"type": "integer"}),
    "scheduleId": Told("The schedule that made it."),
    "source": Told("Dead letters of messages, unless told.", one_of("message", "workflow")),
    "state": Told("Entries of this kind; letter case does not matter.", one_of(*STATES)),
    "toDate": Told("Not after this instant.", MILLIS),
    "topicName": Told("The URL group that it was published to."),
    "trimBody": Told(
        "Bodies are cut to so many bytes; -1 leaves them out.", {"type": "integer", "minimum": -1}
    ),
    "url": Told("Its destination."),
}
"""A list is repeated, or has commas in it: both are read."""


def filter_parameter(name: str) -> Schema:
    says, schema = FILTERS[name]
    if name not in SINGLE:
        schema = {"type": "array", "items": schema}
    return parameter(name, says + _aliases(name), schema, place="query")


def filters_object(names: Iterable[str]) -> Schema:
    """The same filters in a JSON body."""
    return {
        "type": "object",
        "properties": {name: _field(name) for name in sorted(names)},
        "additionalProperties": False,
    }


def _field(name: str) -> Schema:
    says, schema = FILTERS[name]
    if name in SINGLE:
        return {"description": says, **schema}
    return {"description": says, "anyOf": [schema, {"type": "array", "items": schema}]}


def _aliases(name: str) -> str:
    return "".join(f" Also `{alias}`." for alias, meant in ALIASES.items() if meant == name)
