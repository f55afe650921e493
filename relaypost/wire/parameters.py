"""Parameters of the read and bulk routes, from the raw query and from a JSON body (section 6.1).

Knows names, lists and what may be left out; what a value means is for `filters`.
"""

import re
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from relaypost.domain.errors import Invalid
from relaypost.wire.json_bodies import read_object
from relaypost.wire.targets import OPTION_PREFIX, TOKEN, decode_text

Values = dict[str, tuple[str, ...]]
"""The distinct values of each name that was given, in order."""

_Texts = dict[str, list[str]]
"""What stands behind each name, before lists are split."""

ALIASES: Final = {"urlGroup": "topicName", "callerIP": "callerIp"}

SINGLE: Final = frozenset(
    {
        "count",
        "cursor",
        "fromDate",
        "groupBy",
        "messageId",
        "order",
        "source",
        "toDate",
        "trimBody",
    }
)

WHOLE: Final = SINGLE - {"messageId"}
"""Values that are not split at commas."""

_URL_BREAK = re.compile(r",(?=https?://)", re.IGNORECASE)
_PATH_BREAK = re.compile(r",(?=/)")


def list_parameters(query: bytes, names: frozenset[str]) -> Values:
    """The parameters of a list; what is unknown or empty counts as absent."""
    values: Values = {}
    for name, texts in _from_query(query).items():
        if name in names and (split := _split(name, texts)):
            values[name] = split
    return values


def bulk_parameters(query: bytes, body: bytes, *, names: frozenset[str], ids: str) -> Values:
    """The parameters of a bulk route, which must mean exactly what they say.

    A list without values selects nothing; a text without any is a mistake. When the parameter
    `ids` is given, the others don't count, and only their names are checked.
    """
    in_query, in_body = _from_query(query), _from_body(body)
    for name in (*in_query, *in_body):
        if name not in names:
            raise Invalid(f"unknown filter: {name}")
        if name in in_query and name in in_body:
            raise Invalid(f"duplicate parameter: {name}")
    given = {**in_query, **in_body}
    if ids in given:
        given = {ids: given[ids]}
    return {name: _split_strictly(name, texts) for name, texts in given.items()}


def plain_parameters(query: bytes) -> dict[str, str]:
    """The first value of each parameter, taken whole; an empty one counts as absent."""
    values = {name: next(filter(None, texts), "") for name, texts in _from_query(query).items()}
    return {name: value for name, value in values.items() if value}


def one(values: Values, name: str) -> str | None:
    """The value of a name that has at most one."""
    found = values.get(name)
    return None if found is None else "".join(found)


def _from_query(query: bytes) -> _Texts:
    """Read a query; the token and the options of a message are no parameters."""
    found: _Texts = {}
    for parameter in query.split(b"&"):
        raw_name, _, value = parameter.partition(b"=")
        name = _form_decoded(raw_name)
        lowered = name.lower()
        if not parameter or lowered == TOKEN or lowered.startswith(OPTION_PREFIX):
            continue
        _put(found, decode_text(name), [decode_text(_form_decoded(value))])
    return found


def _from_body(body: bytes) -> _Texts:
    """Read a JSON object; an empty body is none."""
    found: _Texts = {}
    for name, value in read_object(body).items() if body.strip() else ():
        values = value if isinstance(value, list) else [value]
        _put(found, name, [_text(name, each) for each in values])
    return found


def _put(found: _Texts, name: str, texts: list[str]) -> None:
    """Join the values of a name and of its alias: an older client sends both."""
    found.setdefault(ALIASES.get(name, name), []).extend(texts)


def _text(name: str, value: Any) -> str:
    """Refuse `null` too: taken for an absent filter, it would widen a selection to everything."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Invalid(f"invalid JSON body: {name} must be a string, a number or a list of these")
    return str(value)


def _form_decoded(raw: bytes) -> bytes:
    return unquote_to_bytes(raw.replace(b"+", b" "))


def _split_strictly(name: str, texts: list[str]) -> tuple[str, ...]:
    is_first_page = name == "cursor" and texts == [""]
    if not is_first_page and not all(_pieces(name, text) for text in texts):
        raise Invalid(f"empty filter: {name}")
    return _split(name, texts)


def _split(name: str, texts: list[str]) -> tuple[str, ...]:
    split = tuple(dict.fromkeys(piece for text in texts for piece in _pieces(name, text)))
    if name in SINGLE and len(split) > 1:
        raise Invalid(f"duplicate parameter: {name}")
    return split


def _pieces(name: str, text: str) -> list[str]:
    """Cut a list at its commas; URLs and paths may hold some of their own."""
    if name == "url":
        pieces = _URL_BREAK.split(text)
    elif name == "path":
        pieces = _PATH_BREAK.split(text)
    elif name in WHOLE:
        pieces = [text]
    else:
        pieces = [piece.strip(" \t") for piece in text.split(",")]
    return [piece for piece in pieces if piece]
