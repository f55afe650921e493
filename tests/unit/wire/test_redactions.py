import pytest

from relaypost.domain.errors import Invalid
from relaypost.domain.messages import Redaction
from relaypost.wire.redactions import add_redactions, read_redaction


@pytest.mark.parametrize(
    ("text", "redaction"),
    [
        ("body", Redaction(body=True)),
        (" BODY ", Redaction(body=True)),
        ("header", Redaction(all_headers=True)),
        ("Headers", Redaction(all_headers=True)),
        ("header[x-key]", Redaction(headers=("X-Key",))),
        ("headers[X-KEY]", Redaction(headers=("X-Key",))),
        ("HEADER [ x ]", Redaction(headers=("X",))),
        ("body, headers[X], header[X],", Redaction(body=True, headers=("X",))),
        (
            "body,header[Authorization],header[X-Key]",
            Redaction(body=True, headers=("Authorization", "X-Key")),
        ),
        ("", None),
        (" , ", None),
    ],
)
def test_entries(text: str, redaction: Redaction | None) -> None:
    assert read_redaction("Upstash-", text) == redaction


@pytest.mark.parametrize(
    "entry",
    [
        "bod",
        "url",
        "header[]",
        "header[a",
        "header]a[",
        "headerx[a]",
        "header[a b]",
        "[a]",
        "body[a]",
    ],
)
def test_an_unknown_entry_is_refused(entry: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_redaction("Upstash-Callback-", f"body,{entry}")
    assert str(refused.value) == f"invalid Upstash-Callback-Redact-Fields: {entry}"


BODY, HEADERS = Redaction(body=True), Redaction(headers=("A", "B"))


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (None, None, None),
        (BODY, None, BODY),
        (None, BODY, BODY),
        (BODY, BODY, BODY),
        (BODY, HEADERS, Redaction(body=True, headers=("A", "B"))),
        (HEADERS, Redaction(headers=("B", "C")), Redaction(headers=("A", "B", "C"))),
        (Redaction(all_headers=True), BODY, Redaction(body=True, all_headers=True)),
    ],
)
def test_redactions_add_up(
    one: Redaction | None, other: Redaction | None, both: Redaction | None
) -> None:
    assert add_redactions(one, other) == both
