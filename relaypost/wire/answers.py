"""The answers of publish, enqueue and batch (sections 2.16, 2.17)."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from relaypost.domain.messages import Publication, Published
from relaypost.domain.types import MessageId
from relaypost.wire.ids import message_text
from relaypost.wire.shapes import MessageIdText, UrlText


class Accepted(msgspec.Struct, rename="camel", omit_defaults=True, frozen=True):
    """One accepted message."""

    message_id: MessageIdText
    url: UrlText | None = None
    deduplicated: bool = False


class Answer(NamedTuple):
    status: HTTPStatus
    body: bytes


_encoder = msgspec.json.Encoder()


def publish_answer(publication: Publication, published: Published) -> Answer:
    status = HTTPStatus.ACCEPTED if published.duplicate else HTTPStatus.OK
    return Answer(status, _encoder.encode(_element(publication, published)))


def batch_answer(items: Iterable[tuple[Publication, Published]]) -> Answer:
    """One element for each item, in order; the status says nothing of duplicates."""
    elements = [_element(publication, published) for publication, published in items]
    return Answer(HTTPStatus.OK, _encoder.encode(elements))


def _element(publication: Publication, published: Published) -> Accepted | list[Accepted]:
    """The shape follows the request, not what is stored: a URL group is answered by a list."""
    envelope = publication.messages[0].envelope
    if envelope.api is not None:
        id, _ = published.messages[0]
        return Accepted(message_text(id), deduplicated=published.duplicate)
    if envelope.topic_name is None:
        return _accepted(published.messages[0], published)
    return [_accepted(message, published) for message in published.messages]


def _accepted(message: tuple[MessageId, str], published: Published) -> Accepted:
    id, url = message
    return Accepted(message_text(id), url, published.duplicate)
