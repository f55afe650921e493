"""What `Upstash-Redact-Fields` asks to hide (section 2.14)."""

from relaypost.domain.errors import Invalid
from relaypost.domain.messages import Redaction
from relaypost.wire.headers import canonical_name, is_token

HEADER_KEYWORDS = ("headers", "header")


def read_redaction(prefix: str, text: str) -> Redaction | None:
    """Read a comma list; an unknown entry is refused, for it was meant to hide something."""
    body = all_headers = False
    headers: dict[str, None] = {}
    for raw_entry in text.split(","):
        entry = raw_entry.strip(" \t")
        keyword = entry.lower()
        if not entry:
            continue
        if keyword == "body":
            body = True
        elif keyword in HEADER_KEYWORDS:
            all_headers = True
        else:
            headers[_read_header(prefix, entry)] = None
    if not (body or all_headers or headers):
        return None
    return Redaction(body=body, all_headers=all_headers, headers=tuple(headers))


def _read_header(prefix: str, entry: str) -> str:
    keyword, bracket, rest = entry.partition("[")
    header = rest.removesuffix("]").strip(" \t")
    is_header = keyword.rstrip(" \t").lower() in HEADER_KEYWORDS
    if not (bracket and is_header and rest.endswith("]") and is_token(header)):
        raise Invalid(f"invalid {prefix}Redact-Fields: {entry}")
    return canonical_name(header)


def add_redactions(one: Redaction | None, other: Redaction | None) -> Redaction | None:
    """Hide what either hides."""
    if one is None or other is None or one == other:
        return one or other
    return Redaction(
        body=one.body or other.body,
        all_headers=one.all_headers or other.all_headers,
        headers=tuple(dict.fromkeys(one.headers + other.headers)),
    )
