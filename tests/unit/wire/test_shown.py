import hashlib

import pytest

from relaypost.domain.messages import Redaction
from relaypost.domain.types import Headers
from relaypost.wire.shown import hidden_text, hides_body, shown_headers, utf8_text

HEADERS: Headers = (("X-One", "a"), ("X-Two", "caf\udce9"), ("X-One", "b"))


def digest(raw: bytes) -> str:
    return f"REDACTED:{hashlib.sha256(raw).hexdigest()}"


def test_nothing_hidden() -> None:
    plain = {"X-One": ["a", "b"], "X-Two": ["caf\u00e9"]}
    assert shown_headers(HEADERS, None) == plain
    assert shown_headers(HEADERS, Redaction(body=True)) == plain


@pytest.mark.conformance("P-24")
def test_each_value_is_hidden_on_its_own() -> None:
    hidden = {"X-One": [digest(b"a"), digest(b"b")], "X-Two": [digest(b"caf\xe9")]}
    assert shown_headers(HEADERS, Redaction(all_headers=True)) == hidden
    some = shown_headers(HEADERS, Redaction(headers=("X-Two", "X-Other")))
    assert some == {"X-One": ["a", "b"], "X-Two": hidden["X-Two"]}


def test_bodies() -> None:
    assert hidden_text(b"\0\xff") == digest(b"\0\xff")
    assert [hides_body(one) for one in (None, Redaction(), Redaction(body=True))] == [
        False,
        False,
        True,
    ]
    assert utf8_text("\u00e9".encode()) == "\u00e9"
    assert utf8_text(b"\xff") is None
