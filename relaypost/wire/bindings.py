"""Publish-only tokens that are bound: what a request may name, callbacks too (section 7.2)."""

from collections.abc import Iterator
from typing import Final

from relaypost.domain.errors import Forbidden
from relaypost.domain.tokens import Bindings
from relaypost.wire.destinations import is_url
from relaypost.wire.headers import shown_text
from relaypost.wire.options import CALLBACK, Options

NOT_ALLOWED: Final = "token is not allowed to perform this operation"


def check_bindings(destination: str, options: Options, bindings: Bindings) -> None:
    """Let pass what the token may publish to; `options` are those of the request itself."""
    if bindings.are_none:
        return
    if is_url(destination):
        is_permitted = bindings.permit_url(destination)
    else:
        is_permitted = bindings.permit_group(destination.partition("?")[0])
    if not is_permitted or not all(map(bindings.permit_url, _callbacks(options))):
        raise Forbidden(NOT_ALLOWED)


def _callbacks(options: Options) -> Iterator[str]:
    """The server would call these too."""
    texts = options.message.texts
    nested = options.callback(CALLBACK).texts
    for text in (
        texts.get("Callback"),
        texts.get("Failure-Callback"),
        nested.get("Failure-Callback"),
    ):
        if text is not None:
            yield shown_text(text)
