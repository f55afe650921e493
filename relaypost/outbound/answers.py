"""Reads the answers that arrive on one connection, one after another, within fixed bounds."""

import sys
from functools import lru_cache

import httptools

from relaypost.domain.outcomes import Responded

MAX_HEAD_BYTES = 65_536

# What chunked coding may add to a body and is no attack: a chunk of one byte adds five.
MAX_FRAMING_RATIO = 16


class Malformed(Exception):
    """The peer does not speak HTTP, or too much of it; the message says which."""


class AnswerReader:
    """Turns bytes into one answer at a time.

    `expect`, then `feed` until it returns true (or `end` when the peer has ended), then `answer`.
    """

    __slots__ = (
        "_body",
        "_headers",
        "_in_body",
        "_keep_body",
        "_keep_success_body",
        "_max_body_bytes",
        "_parser",
        "_raw_bytes",
        "_reason",
        "_received",
        "_status",
        "is_complete",
        "keeps_alive",
    )

    def __init__(self, *, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes or sys.maxsize
        self._parser = httptools.HttpResponseParser(self)
        # Small servers written by hand end their lines with a bare LF.
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)
        self.expect(keep_success_body=True)

    def expect(self, *, keep_success_body: bool) -> None:
        self._keep_success_body = keep_success_body
        self._raw_bytes = 0
        self.is_complete = False
        self.keeps_alive = False
        self._start_message()

    @property
    def has_begun(self) -> bool:
        return self._raw_bytes > 0

    @property
    def has_head(self) -> bool:
        """Whether status and headers of the final answer have come."""
        return self._in_body and self._status >= 200

    @property
    def kept_bytes(self) -> int:
        return len(self._body)

    def feed(self, data: bytes | memoryview) -> bool:
        """Read on; true when the answer is complete, or cut at the limit of its body."""
        self._raw_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            # After a complete answer it is about what follows, for instance on 101.
            self.keeps_alive = False
            if not self.is_complete:
                raise Malformed(self._malformed_part()) from None
        if self._raw_bytes > MAX_HEAD_BYTES:
            self._check_sizes()
        return self.is_complete

    def end(self) -> None:
        """The peer has ended: this completes an answer of unknown length and breaks all others."""
        if not self._in_body:
            raise Malformed("incomplete headers")
        if not self._lasts_until_end():
            raise Malformed("body shorter than announced")
        self.is_complete = True

    def head(self) -> Responded:
        """The answer without its body."""
        return Responded(status=self._status, headers=tuple(self._headers))

    def answer(self) -> Responded:
        return Responded(
            status=self._status,
            headers=tuple(self._headers),
            body=bytes(self._body),
        )

    def take_body(self) -> bytes:
        """What has come of the body since the last call; `answer` then has the rest alone."""
        taken = bytes(self._body)
        self._drop_body()
        return taken

    def release(self) -> None:
        """Let go of the parser, which refers back to this object."""
        del self._parser

    def _start_message(self) -> None:
        self._status = 0
        self._reason = b""
        self._headers: list[tuple[str, str]] = []
        self._in_body = False
        self._keep_body = True
        self._received = 0
        self._drop_body()

    def _drop_body(self) -> None:
        self._body: bytes | bytearray = b""

    def _malformed_part(self) -> str:
        if self._in_body:
            return "malformed body"
        return "malformed headers" if self._reason or self._headers else "not HTTP"

    def _check_sizes(self) -> None:
        """Bound also what the parser collects or skips without telling: lines that never end."""
        if not self._in_body or self._head_size() > MAX_HEAD_BYTES:
            raise Malformed("header block too large")
        framed = 2 * MAX_HEAD_BYTES + MAX_FRAMING_RATIO * self._received
        if self._raw_bytes > framed and not self.is_complete:
            raise Malformed("too much chunk framing")

    def _head_size(self) -> int:
        return sum(len(name) + len(value) + 4 for name, value in self._headers)

    def _lasts_until_end(self) -> bool:
        codings = ""
        for name, value in self._headers:
            if name == "Content-Length":
                return False
            if name == "Transfer-Encoding":
                codings = value.lower()
        return not codings.endswith("chunked")

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        # A second answer that nobody asked for must not become that of the next request.
        self.keeps_alive = False

    def on_status(self, reason: bytes) -> None:
        if not self._in_body:
            self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_body:  # trailers are dropped
            text = value.decode("utf-8", "surrogateescape").rstrip(" \t")
            self._headers.append((_canonical(name), text))

    def on_headers_complete(self) -> None:
        if self.is_complete:
            return
        self._in_body = True
        self._status = status = self._parser.get_status_code()
        self._keep_body = self._keep_success_body or not 200 <= status < 300

    def on_body(self, data: bytes) -> None:
        if self.is_complete:
            return
        self._received += len(data)
        excess = self._received - self._max_body_bytes
        if excess > 0:
            self.is_complete = True
            data = data[: len(data) - excess]
        if not self._keep_body:
            return
        if not self._body:
            self._body = data
            return
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        self._body += data

    def on_message_complete(self) -> None:
        if self.is_complete:
            return
        if 100 <= self._status < 200 and self._status != 101:
            self._start_message()
            return
        self.is_complete = True
        self.keeps_alive = self._parser.should_keep_alive()


@lru_cache(maxsize=1024)
def _canonical(name: bytes) -> str:
    """The form in which header names are shown (section 1.4); the parser lets only tokens in."""
    return "-".join([part.capitalize() for part in name.decode("latin-1").split("-")])
