"""Publish requests as tests write them: headers as a mapping, the rest by default."""

from collections.abc import Iterable, Mapping
from typing import Any

from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.limits import Limits
from relaypost.domain.messages import Envelope, NewMessage, Publication
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.wire.batch import decode_batch, read_items
from relaypost.wire.headers import Pairs
from relaypost.wire.publish import PublishContext, read_publication

NOW = UnixMs(1_795_525_409_034)
URL = "https://example.com/hook"

HeaderLines = Mapping[str, str] | Iterable[tuple[str, str]]


def context(**overrides: Any) -> PublishContext:
    fields: dict[str, Any] = {
        "project_id": ProjectId(1),
        "limits": Limits(),
        "policy": AddressPolicy(),
        "now": NOW,
        "caller_ip": "203.0.113.9",
    }
    return PublishContext(**fields | overrides)


def pairs(headers: HeaderLines) -> Pairs:
    """Header lines as a server hands them on."""
    lines = headers.items() if isinstance(headers, Mapping) else headers
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in lines]


def publish(
    destination: str = URL,
    headers: HeaderLines = (),
    *,
    body: bytes = b"",
    queue: str | None = None,
    **overrides: Any,
) -> Publication:
    path, _, query = destination.partition("?")
    return read_publication(
        path.encode("latin-1"),
        query.encode("latin-1"),
        headers=pairs(headers),
        body=body,
        context=context(**overrides),
        queue=queue,
    )


def message(destination: str = URL, headers: HeaderLines = (), **options: Any) -> NewMessage:
    (only,) = publish(destination, headers, **options).messages
    return only


def envelope(destination: str = URL, headers: HeaderLines = (), **options: Any) -> Envelope:
    return message(destination, headers, **options).envelope


def read_batch(body: bytes, context: PublishContext) -> tuple[Publication, ...]:
    return read_items(decode_batch(body, context.limits), context)
