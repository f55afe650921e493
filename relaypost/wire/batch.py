"""A batch request: many publications, all or none (section 2.17).

SDKs write every value as text; whatever else is allowed takes the slow way of `_read_loose`.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Annotated, Final

import msgspec

from relaypost.domain.errors import BodyTooLarge, Forbidden, Invalid, NotFound, QuotaExceeded
from relaypost.domain.limits import Limits
from relaypost.domain.messages import Publication
from relaypost.wire.destinations import NO_SCHEME, api_of
from relaypost.wire.headers import encode_pairs
from relaypost.wire.json_bodies import decoding_reason
from relaypost.wire.option_values import exceeded
from relaypost.wire.options import collect
from relaypost.wire.publish import PublishContext, holds_step, make_publication
from relaypost.wire.surrogates import mend_surrogates
from relaypost.wire.targets import repair_text

NULL: Final = msgspec.Raw(b"null")

DestinationText = Annotated[
    str,
    msgspec.Meta(description="What stands behind `/v2/publish/`, as data: nothing is cut off."),
]
OptionTexts = Annotated[
    dict[str, str],
    msgspec.Meta(description="The headers of a publish request of its own."),
]


class Item(msgspec.Struct):
    """An item as SDKs send it."""

    destination: DestinationText
    headers: OptionTexts | None = None
    body: str | None = None
    queue: str | None = None
    callback: str | None = None

    def lines(self) -> Iterable[tuple[str, str]]:
        return (self.headers or {}).items()


class LooseItem(msgspec.Struct):
    """An item with values of any kind, still as JSON."""

    destination: msgspec.Raw = NULL
    headers: msgspec.Raw = NULL
    body: msgspec.Raw = NULL
    queue: msgspec.Raw = NULL
    callback: msgspec.Raw = NULL


class ReadItem(msgspec.Struct):
    """A loose item, read: the same header may have several lines."""

    destination: str
    header_lines: list[tuple[str, str]]
    body: str
    queue: str | None
    callback: str | None

    def lines(self) -> Iterable[tuple[str, str]]:
        return self.header_lines


_items = msgspec.json.Decoder(list[Item])
_raw_items = msgspec.json.Decoder(list[msgspec.Raw])
_loose_item = msgspec.json.Decoder(LooseItem)
_raw_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)


Items = Sequence[Item | msgspec.Raw]
"""As they were decoded: not yet looked at."""


def decode_batch(body: bytes, limits: Limits) -> Items:
    if len(body) > limits.max_batch_bytes > 0:
        raise BodyTooLarge(f"request body too large, current limit: {limits.max_batch_bytes}")
    items = _decode(body)
    _check_count(len(items), limits)
    return items


def destinations(items: Items) -> Iterator[str]:
    """Where the items go, before they are read; an item that is none goes nowhere."""
    for item in items:
        if isinstance(item, Item):
            yield item.destination
        else:
            with suppress(msgspec.ValidationError, Invalid):
                yield _read_destination(_loose_item.decode(item).destination)


def read_items(items: Items, context: PublishContext) -> tuple[Publication, ...]:
    """Read all items; the first that is wrong refuses them all, and the error names its index."""
    publications: list[Publication] = []
    count = 0
    for publication in _read_items(items, context):
        publications.append(publication)
        count += len(publication.messages)
        _check_count(count, context.limits)
    return tuple(publications)


def _check_count(messages: int, limits: Limits) -> None:
    if messages > limits.max_batch_messages > 0:
        raise exceeded("maxBatchMessages", limits.max_batch_messages)


def _read_items(items: Items, context: PublishContext) -> Iterator[Publication]:
    for index, item in enumerate(items):
        try:
            yield _read_item(_read_fields(item), context)
        except (Invalid, NotFound) as error:
            error.index = index
            error.in_workflow = any(map(_is_step, items))
            raise
        except (QuotaExceeded, Forbidden) as error:
            error.index = index
            raise


def _read_item(item: Item | ReadItem, context: PublishContext) -> Publication:
    """An item behaves like a request of its own, but its destination is data: nothing is cut."""
    destination, lines = repair_text(item.destination), item.lines()
    if item.callback and api_of(destination):
        lines = (*lines, ("Upstash-Callback", item.callback))  # a header of that name comes first
    return make_publication(
        destination,
        collect(encode_pairs(lines)),
        (item.body or "").encode(),
        context=context,
        queue=item.queue or None,
    )


def _is_step(item: Item | msgspec.Raw) -> bool:
    try:
        return holds_step(encode_pairs(_read_fields(item).lines()))
    except Invalid:
        return False


def _decode(body: bytes) -> Items:
    try:
        return _decode_any(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        mended = mend_surrogates(body)
        if mended == body:
            raise Invalid(f"invalid JSON body: {decoding_reason(error)}") from None
        return _decode(mended)


def _decode_any(body: bytes) -> Items:
    try:
        return _items.decode(body)
    except msgspec.ValidationError:
        body.decode()  # raw values are not looked into: this refuses bytes that are no text
    try:
        return _raw_items.decode(body)
    except msgspec.ValidationError:
        raise Invalid("batch body must be a JSON array") from None


def _read_fields(item: Item | msgspec.Raw) -> Item | ReadItem:
    if isinstance(item, Item):
        return item
    try:
        loose = _loose_item.decode(item)
    except msgspec.ValidationError:
        raise Invalid("batch item must be a JSON object") from None
    return ReadItem(
        _read_destination(loose.destination),
        _read_headers(loose.headers),
        _read_body(loose.body),
        _read_queue(loose.queue),
        _text.decode(loose.callback) if _is_text(loose.callback) else None,
    )


def _read_destination(raw: msgspec.Raw) -> str:
    if not _is_text(raw):
        raise Invalid(f"invalid destination url: {NO_SCHEME}")
    return _text.decode(raw)


def _read_body(raw: msgspec.Raw) -> str:
    """Any JSON value but a text is kept as its compact text: an SDK passes objects through."""
    if _is_null(raw):
        return ""
    return _text.decode(raw) if _is_text(raw) else _compact(raw)


def _read_queue(raw: msgspec.Raw) -> str | None:
    if _is_null(raw):
        return None
    if not _is_text(raw):
        raise Invalid("invalid queue")
    return _text.decode(raw)


def _read_headers(raw: msgspec.Raw) -> list[tuple[str, str]]:
    if _is_null(raw):
        return []
    if not bytes(raw).startswith(b"{"):
        raise Invalid("invalid headers")
    fields = _raw_object.decode(raw)
    return [(name, value) for name, values in fields.items() for value in _read_values(values)]


def _read_values(raw: msgspec.Raw) -> list[str]:
    values = _raw_items.decode(raw) if bytes(raw).startswith(b"[") else [raw]
    return [_read_value(value) for value in values if not _is_null(value)]


def _read_value(raw: msgspec.Raw) -> str:
    if bytes(raw).startswith((b"{", b"[")):
        raise Invalid("invalid headers")
    return _text.decode(raw) if _is_text(raw) else _compact(raw)


def _is_null(raw: msgspec.Raw) -> bool:
    return bytes(raw) == b"null"


def _is_text(raw: msgspec.Raw) -> bool:
    return bytes(raw).startswith(b'"')


def _compact(raw: msgspec.Raw) -> str:
    return msgspec.json.format(bytes(raw), indent=-1).decode()
