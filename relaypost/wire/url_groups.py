"""URL groups as requests change them and answers show them (sections 4.6, 4.7)."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final

import msgspec

from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.errors import Invalid
from relaypost.domain.types import Headers
from relaypost.domain.url_groups import Endpoint, EndpointFilter, UrlGroup
from relaypost.wire.destinations import NO_SCHEME, is_name, url_defect
from relaypost.wire.headers import Pairs, canonical_name, decode_value, encode_pairs, header_map
from relaypost.wire.json_bodies import read_object
from relaypost.wire.options import collect, slot_of
from relaypost.wire.publish import PublishContext, make_publication
from relaypost.wire.shapes import GroupNameText, HeaderMap, Millis, UrlText
from relaypost.wire.targets import OPTION_PREFIX

NAME_RULE: Final = (
    "topic name may only contain alphanumeric characters, hyphens, underscores and periods"
)
MAX_ENDPOINT_NAME_BYTES: Final = 256

ANYWHERE: Final = "https://destination.invalid/"
"""A destination that has nothing wrong with it."""

Scalar = str | int | float | bool | None
EndpointNameText = Annotated[
    str,
    msgspec.Meta(
        description="Name of an endpoint.",
        pattern=r"^[^\x00-\x1f\x7f-\x9f]*$",
        max_length=MAX_ENDPOINT_NAME_BYTES,
    ),
]

NOT_FOR_ALL: Final = frozenset({"Cron", "Feature-Set", "Schedule-Id"})
"""Options of one message, as those of workflows are: no default can be meant."""


class EndpointRecord(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An endpoint, without any other key: a client compares deeply."""

    name: str | None = None
    url: UrlText


class UrlGroupRecord(msgspec.Struct, rename="camel", omit_defaults=True):
    name: GroupNameText
    created_at: Millis
    updated_at: Millis
    endpoints: list[EndpointRecord]
    headers: HeaderMap | None = None


class EndpointFields(msgspec.Struct):
    """An endpoint to add, or to change: names and URLs are unique in their group."""

    url: UrlText
    name: EndpointNameText | None = None


class RemovedFields(msgspec.Struct):
    """Endpoints to remove: those with this name, or with this URL."""

    name: EndpointNameText | None = None
    url: UrlText | None = None


class AddedEndpoints(msgspec.Struct):
    endpoints: Annotated[list[EndpointFields], msgspec.Meta(min_length=1)]


class RemovedEndpoints(msgspec.Struct):
    endpoints: Annotated[list[RemovedFields], msgspec.Meta(min_length=1)]


class DefaultHeaders(msgspec.Struct):
    """What each message to the group brings, unless its own request says otherwise."""

    headers: dict[str, Scalar | list[Scalar]] | None = None


_encode = msgspec.json.Encoder().encode


def check_name(name: str) -> str:
    if not is_name(name):
        raise Invalid(NAME_RULE)
    return name


def read_added(body: bytes, policy: AddressPolicy) -> list[Endpoint]:
    """Read the endpoints to add or update."""
    return [_read_endpoint(item, policy) for item in _read_items(body)]


def read_removed(body: bytes) -> list[EndpointFilter]:
    """Read the endpoints to remove; their URLs need not be such as could be added today."""
    return [_read_filter(item) for item in _read_items(body)]


def _read_items(body: bytes) -> list[Any]:
    items = read_object(body).get("endpoints")
    if not isinstance(items, list) or not items:
        raise Invalid("endpoints must be a non-empty list")
    return items


def _read_endpoint(item: Any, policy: AddressPolicy) -> Endpoint:
    url = item.get("url") if isinstance(item, dict) else None
    if url is None or url == "":
        raise Invalid("endpoint url is required")
    defect = url_defect(url, policy) if isinstance(url, str) else NO_SCHEME
    if defect is not None:
        raise Invalid(f"invalid endpoint url: {defect}")
    return Endpoint(url=url, name=_read_name(item))


def _read_filter(item: Any) -> EndpointFilter:
    name, url = (_read_name(item), item.get("url")) if isinstance(item, dict) else (None, None)
    if url is not None and not isinstance(url, str):
        raise Invalid(f"invalid endpoint url: {NO_SCHEME}")
    if name is None and not url:
        raise Invalid("endpoint name or url is required")
    return EndpointFilter(url=url or None, name=name)


def _read_name(item: dict[str, Any]) -> str | None:
    """Read the name of an endpoint; an empty one is none."""
    name = item.get("name")
    if name is None or name == "":
        return None
    if not isinstance(name, str) or not _is_endpoint_name(name):
        raise Invalid("invalid endpoint name")
    return name


def _is_endpoint_name(name: str) -> bool:
    is_short = len(name.encode()) <= MAX_ENDPOINT_NAME_BYTES
    return is_short and not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in name)


def read_default_headers(body: bytes, context: PublishContext) -> Headers | None:
    """Read the headers that replace the stored ones; `None` when the body does not speak of them.

    Whatever would refuse a publish that brings them refuses them here.
    """
    fields = read_object(body)
    if "headers" not in fields:
        return None
    pairs = _meaningful(encode_pairs(_lines(fields["headers"])))
    make_publication(ANYWHERE, collect(pairs), b"", context=context, queue=None)
    return tuple(
        (canonical_name(name.decode("latin-1")), decode_value(value)) for name, value in pairs
    )


def _lines(headers: Any) -> Iterator[tuple[str, str]]:
    if headers is None:
        return
    if not isinstance(headers, dict):
        raise Invalid("invalid headers")
    for name, values in headers.items():
        for value in values if isinstance(values, list) else [values]:
            if value is not None:
                yield name, _text(value)


def _text(value: Any) -> str:
    """Read a value as items of a batch have it: a number stands for its text."""
    if isinstance(value, dict | list):
        raise Invalid("invalid headers")
    return value if isinstance(value, str) else _encode(value).decode()


def _meaningful(pairs: Pairs) -> Pairs:
    """Leave out what says nothing: empty values, telemetry, unknown options."""
    return [
        (name, value)
        for name, value in pairs
        if decode_value(value) and (not name.startswith(OPTION_PREFIX) or _is_default(name))
    ]


def _is_default(name: bytes) -> bool:
    """Whether an option means something; one that can't be a default is refused."""
    slot = slot_of(name)
    if slot is None:
        return False
    if not slot.is_forwarded and (slot.name in NOT_FOR_ALL or slot.name.startswith("Workflow-")):
        raise Invalid(f"invalid {slot.group}{slot.name}: not allowed as a default of a topic")
    return True


def url_group_body(group: UrlGroup) -> bytes:
    return _encode(_record(group))


def url_groups_body(groups: Iterable[UrlGroup]) -> bytes:
    return _encode([_record(group) for group in groups])


def _record(group: UrlGroup) -> UrlGroupRecord:
    return UrlGroupRecord(
        name=group.name,
        created_at=group.created_at,
        updated_at=group.updated_at,
        endpoints=[EndpointRecord(name=one.name, url=one.url) for one in group.endpoints],
        headers=header_map(group.headers) or None,
    )
