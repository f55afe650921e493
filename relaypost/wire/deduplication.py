"""The key under which a publication is accepted only once (section 2.9)."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from relaypost.domain.errors import Invalid
from relaypost.wire.headers import encode_value
from relaypost.wire.option_values import read_flag

MAX_ID_BYTES: Final = 1024

ID_KIND: Final = b"i"
HASH_KIND: Final = b"h"
"""The first byte of a key keeps hashes apart from ids, so that no id can imitate a hash."""


class Content(NamedTuple):
    """What makes two publications the same: all that decides what is delivered, and where."""

    queue: str
    destination: str
    method: str
    content_type: str
    forwarded: Mapping[str, Sequence[str]]
    """Without those that only `Upstash-Header-Forward` brought in: they hold dates and traces."""
    body: bytes
    further: Sequence[str] = ()
    """What else counts for a schedule."""


def deduplication_key(texts: Mapping[str, str], content: Content) -> bytes | None:
    """Read both options; an explicit id counts before the content."""
    explicit_id = texts.get("Deduplication-Id")
    by_content = read_flag(texts, "Content-Based-Deduplication")
    if explicit_id is not None:
        return ID_KIND + _read_id(explicit_id)
    return HASH_KIND + content_hash(content) if by_content else None


def _read_id(text: str) -> bytes:
    identifier = encode_value(text)
    if b":" in identifier:
        raise Invalid("DeduplicationId cannot contain ':'")
    if len(identifier) > MAX_ID_BYTES:
        raise Invalid(f"DeduplicationId cannot be longer than {MAX_ID_BYTES} bytes")
    return identifier


def content_hash(content: Content) -> bytes:
    """SHA-256 over the parts, each behind its length, so that none can run into the next."""
    digest = hashlib.sha256()
    for part in _parts(content):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def _parts(content: Content) -> list[bytes]:
    texts = ["v1", content.queue, content.destination, content.method, content.content_type]
    for name in sorted(content.forwarded, key=str.lower):
        values = content.forwarded[name]
        texts += [name.lower(), str(len(values)), *values]
    return [*map(encode_value, texts), content.body, *map(encode_value, content.further)]
