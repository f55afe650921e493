"""An operation of the API: the function that does it, and what the document says of it.

Knows no table of routes.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec

from relaypost.api.http import Response
from relaypost.domain.errors import RelaypostError

JSON = "application/json"

P = ParamSpec("P")
Handle = Callable[P, Coroutine[Any, Any, Response]]
Schema = dict[str, Any]
"""A JSON schema."""


@dataclass(frozen=True, slots=True)
class Link:
    """Another operation that goes on from an answer."""

    id: str
    parameter: str
    source: str
    """Where its value is, for example `$response.body#/messageId`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One kind of answer."""

    shape: Any = None
    """The type that `wire` writes as JSON; a tuple when the request decides between several.
    `str` for a text that is no JSON, `None` for an empty body.
    """
    says: str = ""
    media_type: str = JSON
    links: tuple[Link, ...] = ()
    streams: str = ""
    """The media type of the same answer when it comes bit by bit."""


Answers = Mapping[int | str, Answer]
"""By status; `default` stands for those that somebody else decides on."""


@dataclass(frozen=True, slots=True)
class Body:
    """What a request brings."""

    shape: Any = bytes
    """The type that `wire` reads from JSON; `bytes` for a body that is not looked into."""
    says: str = ""
    is_required: bool = True
    example: Any = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query that only one operation has."""

    name: str
    says: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class Described:
    """What the document says of an operation; decorates the function that does it."""

    place: str
    """Method and path, for example `GET /v2/messages/{messageId}`; empty for what is not told."""
    summary: str = ""
    details: str = ""
    answers: Answers = field(default_factory=lambda: {200: Answer()})
    errors: tuple[type[RelaypostError], ...] = ()
    """Beside those that every operation with a token may meet."""
    filters: frozenset[str] = frozenset()
    """Names of `wire.queries`, as parameters of the query."""
    takes_filters_in_body: bool = False
    options: frozenset[str] = frozenset()
    """Names of `wire.options`; with any of them go callbacks and forwarded headers."""
    query: tuple[Parameter, ...] = ()
    body: Body | None = None
    aliases: tuple[str, ...] = ()
    """Other places of the same operation."""
    id: str = ""
    """What clients that are made from the document call it; else the name of the function."""

    @property
    def places(self) -> tuple[str, ...]:
        return (self.place, *self.aliases) if self.place else ()

    def __call__(self, handle: Handle[P]) -> "Operation[P]":
        return Operation(handle, self)


@dataclass(frozen=True, slots=True)
class Operation(Generic[P]):
    handle: Handle[P]
    described: Described

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> Coroutine[Any, Any, Response]:
        return self.handle(*arguments, **named)

    @property
    def id(self) -> str:
        first, *words = self.handle.__name__.split("_")
        return self.described.id or first + "".join(map(str.capitalize, words))

    @property
    def module(self) -> str:
        return self.handle.__module__
