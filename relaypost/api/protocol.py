"""A client's connection: uvicorn's parser and request cycle, with the bounds that those lack.

Heads have a greatest size, and whoever keeps a connection waiting is given up. The server ages all
connections once a second: a timer for each request would cost more than the request itself.
"""

import logging
from collections.abc import Iterator
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from relaypost.api.http import FOR_CLIENT_ONLY, RawHeaders

MAX_HEAD_BYTES = 262_144
HEAD_SECONDS = 30
"""For a whole head; one that trickles in holds a connection no longer than one that stops."""
BODY_SECONDS = 30
"""Without a byte of an unfinished body."""
WRITE_SECONDS = 60
"""Without taking an answer that has been written."""
KEEP_ALIVE_SECONDS = 75
LINGER_SECONDS = 5
"""How long a refused client may go on sending: a reset would hide the answer from it."""


def _refusal(status: bytes, text: bytes) -> bytes:
    body = b'{"error":"%s"}' % text
    head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\nconnection: close" % status
    return b"%s\r\ncontent-length: %d\r\n\r\n%s" % (head, len(body), body)


def _bad_request(reason: bytes) -> bytes:
    return _refusal(b"400 Bad Request", b"invalid HTTP request: %s" % reason.replace(b'"', b"'"))


TIMED_OUT = _refusal(b"408 Request Timeout", b"the request did not come in time")
TOO_LARGE = _refusal(b"431 Request Header Fields Too Large", b"request header fields too large")


OF_UPGRADES = frozenset({b"upgrade", b"http2-settings"})

log = logging.getLogger(__name__)


class HeadTooLarge(Exception):
    """Ends the parsing of a request; never leaves this module."""


class ClientConnection(HttpToolsProtocol):
    """Refuses heads over `MAX_HEAD_BYTES`, keeps request targets as they came, and grows old."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._fed_bytes = 0
        """What came in since a head or a piece of a body was complete."""
        self._in_head = False
        self._is_refused = False
        self.age = 0
        """Seconds since the request made progress."""

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        self._unset_keepalive_if_required()
        self._fed_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse_for(error)
        if self._fed_bytes > MAX_HEAD_BYTES and not self._is_refused:
            self._refuse(TOO_LARGE)

    def on_message_begin(self) -> None:
        self._in_head = True
        self.age = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._fed_bytes > MAX_HEAD_BYTES and self._head_bytes() > MAX_HEAD_BYTES:
            raise HeadTooLarge
        if self.parser.should_upgrade():
            return
        self._fed_bytes = self.age = 0
        target, self.url = self.url, b"/"  # nothing there that could be normalised or refused
        super().on_headers_complete()
        path, _, query = target.partition(b"?")
        self.scope["raw_path"] = path if path.startswith(b"/") else _path_of(path)
        self.scope["query_string"] = query
        self.headers = []  # for trailers: the request is read without them

    def on_body(self, body: bytes) -> None:
        self._fed_bytes = self.age = 0
        super().on_body(body)

    def eof_received(self) -> bool:  # type: ignore[override]  # True keeps the other half open
        """A client that only ends its own half still reads the answer; but it can't be told from
        one that has gone, so what is done for its sake alone ends.
        """
        if not self._is_answering or self._is_for_client_only:
            return False
        self.cycle.keep_alive = False
        return True

    def shutdown(self) -> None:
        if self._is_refused:
            self.transport.close()
        else:
            super().shutdown()

    def grow_older(self) -> None:
        """Count a second, and give up a client that has let too many of them pass."""
        self.age += 1
        if self.transport.is_closing():
            if self.age > WRITE_SECONDS:
                self.transport.abort()
        elif self._is_refused:
            if self.age > LINGER_SECONDS:
                self.transport.close()
        elif self._is_answering:
            self._age_answer()
        elif self._in_head or self._is_reading_body:
            if self.age > (HEAD_SECONDS if self._in_head else BODY_SECONDS):
                self._refuse(TIMED_OUT)
        elif self.age > (HEAD_SECONDS if self.cycle is None else KEEP_ALIVE_SECONDS):
            self.transport.close()

    @property
    def _is_answering(self) -> bool:
        """Whether the server is to move: a complete request waits for its answer."""
        cycle = self.cycle
        return bool(self.pipeline) or (
            cycle is not None and not cycle.response_complete and not cycle.more_body
        )

    @property
    def _is_for_client_only(self) -> bool:
        return self.cycle is not None and FOR_CLIENT_ONLY in self.cycle.scope

    @property
    def _is_reading_body(self) -> bool:
        cycle = self.cycle
        return cycle is not None and not cycle.response_complete and cycle.more_body

    def _age_answer(self) -> None:
        if not self.flow.write_paused:
            self.age = 0
        elif self.age > WRITE_SECONDS:
            self.transport.abort()

    def _should_upgrade(self) -> bool:
        """Only for requests that offer it: uvicorn then leaves them to `_go_on_without_upgrade`."""
        return True

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Read the request as if it had not offered another protocol: the parser would take what
        follows the head, its body even, for that protocol.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(_bad_request(b"CONNECT is for proxies"))
            return
        version = self.parser.get_http_version().encode()
        lines = b"".join(b"%s: %s\r\n" % header for header in _without_upgrade(self.headers))
        head = b"%s %s HTTP/%s\r\n%s\r\n" % (method, self.url, version, lines)
        self.parser = httptools.HttpRequestParser(self)
        self._fed_bytes = 0
        self.data_received(head + rest)

    def _refuse_for(self, error: httptools.HttpParserError) -> None:
        cause = error.__context__
        if isinstance(cause, HeadTooLarge):
            self._refuse(TOO_LARGE)
            return
        if cause is not None:
            log.error("reading a request failed", exc_info=cause)
        self._refuse(_bad_request(str(error).encode()))

    def _refuse(self, answer: bytes) -> None:
        """Answer what can't be read further, and read on without looking at it."""
        self._is_refused = True
        self.age = 0
        if self._is_answering:
            self.cycle.keep_alive = False  # the answer to the request before comes first
            return
        if self._is_reading_body:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        self.flow.resume_reading()
        self.transport.write(answer)
        self.transport.write_eof()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)


def _path_of(target: bytes) -> bytes:
    """The path of a target in absolute form, as proxies send it; `*` has none."""
    _, _, rest = target.partition(b"://")
    _, slash, path = rest.partition(b"/")
    return slash + path


def _without_upgrade(headers: RawHeaders) -> Iterator[tuple[bytes, bytes]]:
    for name, value in headers:
        if name == b"connection":
            options = [option.strip() for option in value.split(b",")]
            kept = [option for option in options if option.lower() not in OF_UPGRADES]
            yield name, b", ".join(kept)
        elif name not in OF_UPGRADES:
            yield name, value
