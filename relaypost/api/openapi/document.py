"""The OpenAPI document of the API."""

from functools import cache
from typing import Final

import msgspec

from relaypost import __version__
from relaypost.api.openapi.answers import refusal_components
from relaypost.api.openapi.writer import NOUNS, Writer
from relaypost.api.operations import Schema

INTRODUCTION: Final = """\
An HTTP message queue: publish a message with one request, and it is delivered to its URL, signed, \
retried until it is answered with 2xx, and kept as a dead letter if it never is.

Each path answers `OPTIONS`, and `HEAD` where it has `GET`. Fields of answers that are not set are \
left out. An answer from 400 on is an object with the text `error`. Parameters of a list are \
repeated, or have commas between their values."""

SECURITY: Final[Schema] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of a project, in a header.",
    },
    "query": {
        "type": "apiKey",
        "in": "query",
        "name": "qstash_token",
        "description": "For callers that can't set a header, in the query.",
    },
}


@cache
def document_bytes(base_path: str) -> bytes:
    return msgspec.json.encode(document(base_path))


def document(base_path: str = "") -> Schema:
    writer = Writer()
    paths = writer.paths()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "relaypost",
            "version": __version__,
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_path or "/"}],
        "security": [{name: []} for name in SECURITY],
        "tags": [{"name": name, "description": words} for name, words in NOUNS.values()],
        "paths": paths,
        "components": {
            "securitySchemes": SECURITY,
            "parameters": writer.parameters,
            "responses": refusal_components(writer.schemas),
            "schemas": writer.schemas.named,
        },
    }
