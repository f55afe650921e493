"""What the document says of answers: those of an operation, and the refusals that many share."""

from collections.abc import Iterable
from typing import Any, Final

from relaypost.api.openapi.schemas import Schemas
from relaypost.api.operations import JSON, Answer, Answers, Link, Schema
from relaypost.domain.errors import (
    BodyTooLarge,
    Forbidden,
    Invalid,
    NotFound,
    QuotaExceeded,
    RateLimited,
    RelaypostError,
    StoreUnavailable,
    Unauthorized,
    Unreachable,
)
from relaypost.wire.errors import STATUSES, Refusal

Kind = type[RelaypostError]

REFUSALS: Final[dict[Kind, str]] = {
    Invalid: "The request makes no sense; the text says what is wrong.",
    Unauthorized: "There is no token, or one that opens nothing.",
    Forbidden: "The token may not do this.",
    NotFound: "There is no such thing in this project.",
    QuotaExceeded: "A limit is exceeded; the text names it.",
    BodyTooLarge: "The body is too large.",
    RateLimited: "Too many messages in a day, or requests in a second; the headers say which.",
    Unreachable: "The service that was asked gave no answer.",
    StoreUnavailable: "The database can't be read or written. Nothing has changed; try again.",
    RelaypostError: "A defect of the server.",
}
TEMPORARY: Final = (RateLimited, StoreUnavailable)
RETRY_AFTER: Final[Schema] = {
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}
}


def answers(told: Answers, schemas: Schemas) -> Schema:
    return {str(status): _answer(answer, schemas) for status, answer in told.items()}


def refusals(kinds: Iterable[Kind]) -> Schema:
    """References to the answers of errors, by status."""
    references = {_status(kind): f"#/components/responses/{kind.__name__}" for kind in kinds}
    return {status: {"$ref": references[status]} for status in sorted(references)}


def refusal_components(schemas: Schemas) -> Schema:
    """The answers that `refusals` refers to."""
    return {
        kind.__name__: {
            "description": words,
            "content": {JSON: {"schema": schemas.answered(Refusal)}},
            **({"headers": RETRY_AFTER} if kind in TEMPORARY else {}),
        }
        for kind, words in REFUSALS.items()
    }


def _status(kind: Kind) -> str:
    return str(STATUSES.get(kind, 500))


def _answer(answer: Answer, schemas: Schemas) -> Schema:
    described: Schema = {"description": answer.says or "OK."}
    if answer.shape is not None:
        described["content"] = {answer.media_type: {"schema": schemas.answered(answer.shape)}}
    if answer.streams:
        described["content"][answer.streams] = {"schema": {"type": "string"}}
    if answer.links:
        described["links"] = dict(map(_link, answer.links))
    return described


def _link(link: Link) -> tuple[str, Any]:
    return link.id, {"operationId": link.id, "parameters": {link.parameter: link.source}}
