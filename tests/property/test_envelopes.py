"""Envelopes as rows: whatever a publisher sent comes back byte for byte."""

from hypothesis import example, given
from hypothesis import strategies as st

from relaypost.domain.messages import Callback, Envelope, Redaction
from relaypost.domain.types import Headers, MessageId, UnixMs
from relaypost.store.sqlite import envelopes
from relaypost.store.sqlite.connection import open_writer
from tests.support.messages import NOW, envelope

raw = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"", b"\0", b"\0\xff", b"\xff", b"plain", "naïve €".encode()]),
)
values = raw.map(lambda value: value.decode("utf-8", "surrogateescape"))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.sampled_from(["Content-Type", "X-A", "X-B"])
headers: st.SearchStrategy[Headers] = st.lists(st.tuples(names, values), max_size=4).map(tuple)
labels = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters=","), min_size=1),
    max_size=3,
).map(tuple)
redactions = st.builds(
    Redaction, body=st.booleans(), all_headers=st.booleans(), headers=st.just(("X-A",))
)


def callbacks(depth: int = 1) -> st.SearchStrategy[Callback]:
    return st.builds(
        Callback,
        url=texts,
        method=st.sampled_from(["POST", "PUT"]),
        headers=headers,
        timeout_ms=st.integers(0, 1 << 40),
        max_retries=st.none() | st.integers(0, 100),
        retry_delay=st.none() | texts,
        delay_ms=st.integers(0, 1 << 40),
        labels=st.none() | labels,
        redaction=st.none() | redactions,
        failure_callback=st.none() | callbacks(depth - 1) if depth else st.none(),
    )


sealed = st.builds(
    Envelope,
    url=texts,
    method=st.sampled_from(["POST", "GET", "DELETE"]),
    headers=headers,
    body=st.binary(max_size=50),
    timeout_ms=st.integers(0, 1 << 40),
    max_retries=st.integers(0, 100),
    retry_delay=st.none() | texts,
    callback=st.none() | callbacks(),
    failure_callback=st.none() | callbacks(),
    labels=labels,
    redaction=st.none() | redactions,
    caller_ip=st.none() | texts,
    topic_name=st.none() | texts,
    endpoint_name=st.none() | texts,
    schedule_id=st.none() | texts,
    api=st.none() | texts,
)

CONNECTION = open_writer(None)


def written_and_read(one: Envelope, id: int) -> Envelope:
    CONNECTION.execute("DELETE FROM envelopes")
    row = envelopes.to_row(MessageId(id), one, not_before=UnixMs(NOW))
    CONNECTION.execute(envelopes.INSERT, row)
    query = f"SELECT {envelopes.COLUMNS} FROM envelopes e"
    (found,) = CONNECTION.execute(query).fetchall()
    assert found[0] == NOW
    return envelopes.from_row(found[1:])


@given(sealed)
@example(envelope(headers=(("X-A", "\udcff"),)))
@example(envelope(headers=(("X-A", "\0"), ("X-A", "\udcff"), ("X-A", "\0é"))))
@example(envelope(headers=(("X-A", "\0é"),)))
def test_what_is_written_is_read(one: Envelope) -> None:
    assert written_and_read(one, 7) == one


@given(headers)
@example((("X-A", "\0\x80"),))
def test_headers_alone(lines: Headers) -> None:
    assert envelopes.unpack_headers(envelopes.pack_headers(lines)) == lines
