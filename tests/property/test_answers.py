"""The reader of answers: how bytes are cut into pieces must not matter, and no bytes break it."""

import contextlib
import itertools

from hypothesis import given
from hypothesis import strategies as st

from relaypost.domain.outcomes import Responded
from relaypost.outbound.answers import AnswerReader, Malformed

bodies = st.binary(max_size=40)
interim = st.sampled_from(
    [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 E\r\nA: b\r\n\r\n"]
)
fragments = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 500 No\r\n", b"HTTP/1.1 101 S\r\n",
        b"HTTP/1.1 204 N\r\n", b"Content-Length: 3\r\n", b"Connection: close\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Upgrade: x\r\n", b"\r\n", b"\n", b"3\r\nabc\r\n", b"0\r\n\r\n", b"abc", b"X: \xff\r\n",
    ]
)  # fmt: skip


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, bytes]:
    body = draw(bodies)
    head = draw(interim) + b"HTTP/1.1 200 OK\r\nX-A: 1\r\n"
    if draw(st.booleans()):
        return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body), body
    sizes = draw(st.lists(st.integers(1, 9), max_size=10))
    chunks = b""
    rest = body
    for size in [*sizes, len(body)]:
        part, rest = rest[:size], rest[size:]
        chunks += b"%x\r\n%b\r\n" % (len(part), part) if part else b""
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n", body


def feed_in_pieces(reader: AnswerReader, data: bytes, cuts: list[int]) -> bool:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[start:end] for start, end in itertools.pairwise(places)]
    return [reader.feed(piece) for piece in pieces][-1]


@given(answers(), st.lists(st.integers(0, 200), max_size=8))
def test_cuts_do_not_matter(answer: tuple[bytes, bytes], cuts: list[int]) -> None:
    data, body = answer
    reader = AnswerReader(max_body_bytes=1_000)
    for _ in range(2):
        reader.expect(keep_success_body=True)
        assert feed_in_pieces(reader, data, cuts)
        assert reader.keeps_alive
        read = reader.answer()
        assert isinstance(read, Responded)
        assert (read.status, read.headers[0], read.body) == (
            200,
            ("X-A", "1"),
            body,
        )


@given(answers(), st.integers(1, 30), st.lists(st.integers(0, 200), max_size=8))
def test_the_limit_holds_for_all_cuts(
    answer: tuple[bytes, bytes], limit: int, cuts: list[int]
) -> None:
    data, body = answer
    reader = AnswerReader(max_body_bytes=limit)
    assert feed_in_pieces(reader, data, cuts)
    assert reader.answer().body == body[:limit]
    assert reader.keeps_alive is (len(body) <= limit)


@given(st.lists(st.one_of(fragments, st.binary(max_size=20)), min_size=1, max_size=12))
def test_no_bytes_break_it(pieces: list[bytes]) -> None:
    reader = AnswerReader(max_body_bytes=10)
    with contextlib.suppress(Malformed):
        for piece in pieces:
            if reader.feed(piece):
                break
        else:
            reader.end()
        answer = reader.answer()
        assert 100 <= answer.status <= 999
        assert len(answer.body) <= 10
