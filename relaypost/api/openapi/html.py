"""Texts, types and examples of the document as HTML."""

import re
from html import escape
from typing import Any

import msgspec

from relaypost.api.operations import Schema

_MARKED = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")


def text(words: str) -> str:
    """Words with `code` and **stress** in them."""
    return _MARKED.sub(_marked, escape(words, quote=False))


def _marked(found: re.Match[str]) -> str:
    code, stressed = found.groups()
    return f"<code>{code}</code>" if code else f"<strong>{stressed}</strong>"


def block(value: Any) -> str:
    """Some JSON, or a text as it is."""
    shown = value if isinstance(value, str) else _json(value)
    return f"<pre><code>{escape(shown, quote=False)}</code></pre>"


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode()


def name_of(reference: str) -> str:
    return reference.rpartition("/")[2]


def type_of(schema: Schema) -> str:
    """A type in a few words; named ones lead to where they are told."""
    if "$ref" in schema:
        name = name_of(schema["$ref"])
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(type_of, schema["anyOf"]))
    if "enum" in schema:
        return " ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        items = type_of(schema["items"])
        return f"list of ({items})" if "anyOf" in schema["items"] else f"list of {items}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map to {type_of(schema['additionalProperties'])}"
    return str(schema.get("title") or schema.get("type", "anything"))


def bounds_of(schema: Schema) -> str:
    """What narrows a type, in words."""
    said = []
    if "minimum" in schema:
        said.append(f"at least {schema['minimum']}")
    if "default" in schema:
        said.append(f"{_json(schema['default'])} unless told")
    if examples := schema.get("examples"):
        shown = " or ".join(f"`{plain(example)}`" for example in examples)
        said.append(f"for example {shown}")
    return text(", ".join(said))


def plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def sample(schema: Schema, named: Schema) -> Any:
    """A value of a type: what is always there, and what has an example."""
    if "$ref" in schema:
        return sample(named[name_of(schema["$ref"])], named)
    if given := schema.get("examples") or schema.get("enum"):
        return given[0]
    if "anyOf" in schema:
        return sample(min(schema["anyOf"], key=lambda one: one.get("type") == "array"), named)
    kind = schema.get("type")
    if kind == "array":
        return [sample(schema["items"], named)]
    if kind == "object":
        required, fields = schema.get("required", ()), schema.get("properties", {})
        return {
            key: sample(field, named)
            for key, field in fields.items()
            if key in required or "examples" in field
        }
    return {"integer": 1, "boolean": True}.get(str(kind), "...")
