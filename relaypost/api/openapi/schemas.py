"""JSON schemas of what `wire` writes and reads, made from its types."""

from typing import Any

import msgspec

from relaypost.api.operations import Schema
from relaypost.wire.log_responses import ENTRY

REFERENCE = "#/components/schemas/{name}"
NULL = {"type": "null"}


class Schemas:
    """Gathers the types that a document refers to by name."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {"LogEntry": _merge("LogEntry", ENTRY)}

    def answered(self, shape: Any) -> Schema:
        """The schema of what is sent: a field that is not set is left out, it is never `null`."""
        if isinstance(shape, tuple):
            return {"anyOf": [self.answered(one) for one in shape]}
        schema, named = _schemas(shape)
        self._add({name: _without_null(one) for name, one in named.items()})
        return dict(_without_null(schema))

    def asked(self, shape: Any) -> Schema:
        """The schema of what is read."""
        schema, named = _schemas(shape)
        self._add(named)
        return schema

    def _add(self, named: dict[str, Schema]) -> None:
        for name, schema in named.items():
            assert self.named.setdefault(name, schema) == schema, f"two types are named {name}"


def _schemas(shape: Any) -> tuple[Schema, dict[str, Schema]]:
    (schema,), named = msgspec.json.schema_components([shape], ref_template=REFERENCE)
    return schema, named


def _merge(name: str, shapes: tuple[type[msgspec.Struct], ...]) -> Schema:
    """The schema of one object that has the fields of several types."""
    parts = [_without_null(_schemas(shape)[1][shape.__name__]) for shape in shapes]
    return {
        "title": name,
        "type": "object",
        "properties": {key: field for part in parts for key, field in part["properties"].items()},
        "required": [key for part in parts for key in part["required"]],
    }


def _without_null(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_null(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _without_null(value) for key, value in schema.items()}
    if NULL in kept.get("anyOf", ()):
        others = [one for one in kept.pop("anyOf") if one != NULL]
        kept.pop("default", None)
        kept |= others[0] if len(others) == 1 else {"anyOf": others}
    return kept
