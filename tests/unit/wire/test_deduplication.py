import hashlib
from typing import Any

import pytest

from relaypost.domain.errors import Invalid
from relaypost.wire.deduplication import Content, content_hash, deduplication_key

CONTENT = Content(
    queue="",
    destination="https://h/",
    method="POST",
    content_type="text/plain",
    forwarded={"X-B": ["1", "2"], "X-A": ["3"]},
    body=b"\x00body",
)


def key(texts: dict[str, str], content: Content = CONTENT) -> bytes | None:
    return deduplication_key(texts, content)


@pytest.mark.conformance("P-14")
def test_an_id_has_no_colon() -> None:
    with pytest.raises(Invalid) as refused:
        key({"Deduplication-Id": "a:b"})
    assert str(refused.value) == "DeduplicationId cannot contain ':'"


def test_an_id_has_at_most_1024_bytes() -> None:
    assert key({"Deduplication-Id": "é" * 512}) == b"i" + "é".encode() * 512
    with pytest.raises(Invalid) as refused:
        key({"Deduplication-Id": "é" * 513})
    assert str(refused.value) == "DeduplicationId cannot be longer than 1024 bytes"


def test_an_id_is_compared_byte_by_byte() -> None:
    assert key({"Deduplication-Id": "\udce9"}) == b"i\xe9"


@pytest.mark.conformance("P-10")
@pytest.mark.parametrize(("text", "is_on"), [("True", True), ("true", True), ("False", False)])
def test_by_content(text: str, is_on: bool) -> None:
    expected = b"h" + content_hash(CONTENT) if is_on else None
    assert key({"Content-Based-Deduplication": text}) == expected


def test_an_id_counts_before_the_content_but_both_must_be_well_formed() -> None:
    both = {"Deduplication-Id": "d", "Content-Based-Deduplication": "True"}
    assert key(both) == b"id"
    with pytest.raises(Invalid, match='invalid Upstash-Content-Based-Deduplication: "x"'):
        key(both | {"Content-Based-Deduplication": "x"})


def test_nothing_asked_for() -> None:
    assert key({}) is None


def test_the_hash_is_over_parts_with_their_lengths() -> None:
    parts = ["v1", "", "https://h/", "POST", "text/plain", "x-a", "1", "3", "x-b", "2", "1", "2"]
    data = b"".join(len(part).to_bytes(8, "big") + part.encode() for part in parts)
    data += len(CONTENT.body).to_bytes(8, "big") + CONTENT.body
    assert content_hash(CONTENT) == hashlib.sha256(data).digest()


@pytest.mark.conformance("P-15")
@pytest.mark.parametrize(
    "change",
    [
        {"queue": "q"},
        {"destination": "https://h/x"},
        {"method": "PUT"},
        {"content_type": ""},
        {"forwarded": {}},
        {"forwarded": {"X-A": ["3"], "X-B": ["1,2"]}},
        {"body": b""},
    ],
    ids=["queue", "destination", "method", "content type", "no header", "joined header", "body"],
)
def test_other_content_has_another_hash(change: dict[str, Any]) -> None:
    assert content_hash(CONTENT._replace(**change)) != content_hash(CONTENT)


def test_the_order_of_headers_does_not_matter() -> None:
    turned = CONTENT._replace(forwarded={"X-A": ["3"], "X-B": ["1", "2"]})
    assert content_hash(turned) == content_hash(CONTENT)
