"""Writes the operations of the document from what is declared beside their functions."""

import re
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Final

from relaypost.api import (
    dead_letters,
    flow_control_keys,
    keys,
    llm,
    logs,
    messages,
    public,
    publish,
    queues,
    schedules,
    url_groups,
)
from relaypost.api.openapi.answers import Kind, answers, refusals
from relaypost.api.openapi.filters import filter_parameter, filters_object
from relaypost.api.openapi.options import option_headers
from relaypost.api.openapi.parameters import parameter, path_example, path_parameter
from relaypost.api.openapi.schemas import Schemas
from relaypost.api.operations import JSON, Body, Described, Operation, Schema
from relaypost.api.routes import PUBLIC, Route, match
from relaypost.domain.errors import (
    Forbidden,
    QuotaExceeded,
    RateLimited,
    RelaypostError,
    StoreUnavailable,
    Unauthorized,
)

NOUNS: Final[Mapping[ModuleType, tuple[str, str]]] = {
    publish: ("Publish", "Messages in: one, into a queue, many at once."),
    messages: ("Messages", "Look at messages, and cancel them."),
    queues: ("Queues", "Messages of a queue are delivered in order."),
    url_groups: ("URL groups", "One name for many destinations; paths call them topics."),
    schedules: ("Schedules", "Messages that are made again and again, at the times of a cron."),
    flow_control_keys: ("Flow control", "Limits that messages of one key share."),
    logs: ("Logs", "What happened to messages."),
    dead_letters: ("Dead letters", "Messages that failed: look at them, retry or delete them."),
    llm: ("Language models", "A thin way to the service that the operator has chosen."),
    keys: ("Signing keys", "The pair that deliveries are verified with."),
    public: ("Server", "What needs no token."),
}
"""The modules of operations, in the order of reading, with the tags that they have in common."""

ANYTHING: Final = "*/*"
NAMES: Final = re.compile(r"{(\w+)}")


def operations_of(noun: ModuleType) -> list[Operation[...]]:
    """Those that are written in a module, in its order."""
    found = [value for value in vars(noun).values() if isinstance(value, Operation)]
    return [operation for operation in found if operation.module == noun.__name__]


class Writer:
    """Gathers what operations share while it writes them."""

    def __init__(self) -> None:
        self.schemas = Schemas()
        self.parameters: Schema = {}
        """Those that are referred to, by the key of their component."""

    def paths(self) -> Schema:
        paths: dict[str, Schema] = {}
        for noun, (tag, _) in NOUNS.items():
            for operation in operations_of(noun):
                for number, place in enumerate(operation.described.places, start=1):
                    method, _, path = place.partition(" ")
                    written = self._operation(operation, route_of(path), method)
                    heading = _heading(operation, number) | {"tags": [tag]}
                    paths.setdefault(path, {})[method.lower()] = heading | written
        return paths

    def _operation(self, operation: Operation[...], route: Route, method: str) -> Schema:
        told = operation.described
        kinds = _kinds(route, method)
        written = {
            "parameters": [*self._parameters(told)],
            "responses": answers(told.answers, self.schemas) | refusals(kinds),
        }
        if not kinds:
            written["security"] = []
        if body := self._body(told):
            written["requestBody"] = body
        return written

    def _parameters(self, told: Described) -> Iterator[Schema]:
        yield from map(path_parameter, NAMES.findall(told.place))
        for name in sorted(told.filters):
            yield self._shared(name, filter_parameter(name))
        for own in told.query:
            yield parameter(own.name, own.says, own.schema, place="query")
        for header in option_headers(told.options) if told.options else ():
            yield self._shared(header["name"].removesuffix("-*"), header)

    def _shared(self, key: str, parameter: Schema) -> Schema:
        self.parameters[key] = parameter
        return {"$ref": f"#/components/parameters/{key}"}

    def _body(self, told: Described) -> Schema | None:
        if told.takes_filters_in_body:
            says = "The filters of the query may stand here instead."
            return {
                "description": says,
                "content": {JSON: {"schema": filters_object(told.filters)}},
            }
        return None if told.body is None else self._told_body(told.body)

    def _told_body(self, body: Body) -> Schema:
        is_json = body.shape is not bytes
        content: Schema = {"schema": self.schemas.asked(body.shape) if is_json else {}}
        if body.example is not None:
            content["example"] = body.example
        written: Schema = {"content": {JSON if is_json else ANYTHING: content}}
        if body.says:
            written["description"] = body.says
        return written | {"required": body.is_required}


def route_of(path: str) -> Route:
    """Where a path leads; its parameters take the values of their examples."""
    example = NAMES.sub(lambda name: str(path_example(name[1])), path).encode()
    public = PUBLIC.get(example)
    if public is not None:
        return public
    found = match(example)
    assert found is not None, f"{path} is no route"
    return found.route


def _heading(operation: Operation[...], number: int) -> Schema:
    """Ids must differ: each further place of an operation has a number behind its name."""
    told = operation.described
    again = number > 1
    details = f"The same as `{told.place}`." if again else told.details
    heading = {
        "operationId": operation.id + (str(number) if again else ""),
        "summary": told.summary,
    }
    return heading | {"description": details} if details else heading


EVERYWHERE: Final = (Unauthorized, Forbidden, RateLimited, StoreUnavailable, RelaypostError)
"""What goes wrong with any route: some token may not use it, some project may be at its limit."""


def _kinds(route: Route, method: str) -> list[Kind]:
    """What can go wrong; nothing that has a name with a route that is open to everyone."""
    if route in PUBLIC.values():
        return []
    told = route.methods[method].described
    kinds: list[Kind] = [*told.errors, *EVERYWHERE]
    if told.body is not None or told.takes_filters_in_body:
        kinds.append(QuotaExceeded)
    return kinds
