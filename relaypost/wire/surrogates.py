"""JSON texts whose escapes name half a character: valid JSON for many, but no text (2.17)."""

import re

# Escapes in order, so that the pairs are passed over and an escaped backslash starts nothing.
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def mend_surrogates(body: bytes) -> bytes:
    """Put U+FFFD in place of lone surrogates; whatever has none comes back as it is."""
    return _ESCAPES.sub(_replace_lone, body)


def _replace_lone(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape[1] else escape[0]
