"""What `api/llm` and the chat endpoint take, and what they pass on (sections 7.4, 7.5)."""

import json
from typing import Any

import pytest

from relaypost.domain.errors import Invalid, RelaypostError
from relaypost.wire.errors import status_of
from relaypost.wire.llm import (
    MAX_EVENT_BYTES,
    EventCutter,
    chat_body,
    chat_headers,
    is_event_stream,
    media_type_of,
)
from tests.support.publishing import envelope, publish

LLM = "http://localhost:11434/v1/chat/completions"
CALLBACK = {"Upstash-Callback": "https://app.example.com/cb"}
REQUEST = b'{"model":"m-8b","messages":[]}'
SPLIT = [b'data: {"n":1}\n\ndata: {"n":', b"2}\n", b"\nda", b"ta: [DONE]\n\n"]


def refusal(destination: str = "api/llm", **options: Any) -> tuple[int, str]:
    given: dict[str, Any] = {"headers": CALLBACK, "body": REQUEST, "llm_url": LLM}
    with pytest.raises(RelaypostError) as refused:
        publish(destination, **given | options)
    return status_of(refused.value), str(refused.value)


@pytest.mark.conformance("K-15")
@pytest.mark.parametrize("destination", ["api/llm", "api/llm?qstash_token=x", "api/llm?n=1"])
def test_a_message_for_the_llm(destination: str) -> None:
    given = envelope(destination, CALLBACK, body=REQUEST, llm_url=LLM)
    assert (given.url, given.api, given.body) == (LLM, "llm", REQUEST)
    assert given.headers == ()


@pytest.mark.conformance("K-16")
def test_a_queue_takes_messages_for_the_llm() -> None:
    given = envelope("api/llm", CALLBACK, body=REQUEST, llm_url=LLM, queue="q")
    assert (given.url, given.api, given.queue_name) == (LLM, "llm", "q")


def test_other_messages_name_no_api() -> None:
    assert envelope(llm_url=LLM).api is None
    assert envelope(LLM.replace("localhost", "h"), llm_url=LLM).api is None


@pytest.mark.conformance("K-15")
def test_what_the_llm_asks_for() -> None:
    unset = (400, "invalid destination url: api llm is not configured")
    assert refusal(llm_url=None) == unset
    assert refusal(llm_url=None, headers={}, body=b"") == unset
    no_callback = (400, "Upstash-Callback is required for api/llm")
    assert refusal(headers={}) == no_callback
    assert (
        refusal(headers={"Upstash-Callback": " ", "Upstash-Callback-Retries": "1"}) == no_callback
    )
    assert refusal(headers={"Upstash-Failure-Callback": "https://h/"}) == no_callback
    assert refusal(headers={"Upstash-Callback": "nowhere"})[1].startswith("invalid callback url")


@pytest.mark.conformance("K-15")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        (b'{"a":' + b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"x"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"stream":true}', "api/llm does not stream"),
        (b' { "x" : [1] , "stream" : true } ', "api/llm does not stream"),
        (b'{"str\\u0065am":true}', "api/llm does not stream"),
    ],
)
def test_bodies_that_are_refused(body: bytes, reason: str) -> None:
    assert refusal(body=body) == (400, f"invalid body: {reason}")


@pytest.mark.parametrize(
    "body", [b"{}", b'{"stream":false,"x":{"stream":true}}', b'{"stream":null}']
)
def test_nothing_else_of_a_body_is_checked(body: bytes) -> None:
    assert envelope("api/llm", CALLBACK, body=body, llm_url=LLM).body == body


@pytest.mark.conformance("K-16")
@pytest.mark.parametrize("name", ["email", "x", "", "llm/", "LLM", "llm/v1"])
def test_other_apis(name: str) -> None:
    assert refusal(f"api/{name}") == (400, f"invalid destination url: unknown api {name}")


@pytest.mark.conformance("K-17")
def test_what_the_sdk_adds_is_taken_out() -> None:
    given = (
        b'{"provider":{"token":"t"},"analytics":{},"system":"s","user":"u","model":"m","n":1.50,'
        b' "messages" : [ {"role":"user", "content":"gr\xc3\xbc\xc3\x9fe \\ud83d"} ]}'
    )
    passed = chat_body(given)
    assert b"1.50" in passed
    assert b"\\ufffd" in passed
    assert list(json.loads(passed)) == ["model", "n", "messages"]


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense"])
def test_chats_that_are_none(body: bytes) -> None:
    with pytest.raises(Invalid, match="invalid body: not "):
        chat_body(body)


def test_headers_of_a_chat_answer() -> None:
    given = (
        ("Content-Type", "application/json"),
        ("Content-Length", "2"),
        ("Set-Cookie", "a=b"),
        ("X-Ratelimit-Limit-Requests", "100"),
        ("X-Request-Id", "1"),
        ("Content-Encoding", "br"),
        ("X-Ratelimit-Note", "\udcff"),
    )
    assert chat_headers(given) == [
        (b"x-ratelimit-limit-requests", b"100"),
        (b"content-encoding", b"br"),
        (b"x-ratelimit-note", b"\xff"),
    ]


@pytest.mark.parametrize(
    ("content_type", "is_one"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream; charset=utf-8", True),
        ("text/event-streams", False),
        (None, False),
    ],
)
def test_streams_of_events(content_type: str | None, is_one: bool) -> None:
    headers = (("Content-Type", content_type),) if content_type else ()
    assert media_type_of(headers) == (content_type or "application/json").encode()
    assert is_event_stream(media_type_of(headers)) is is_one


def cut(*pieces: bytes) -> list[bytes]:
    cutter = EventCutter()
    made = []
    for piece in pieces:
        made.append(cutter.feed(piece))
        if cutter.is_done:
            return made
    return [*made, cutter.end()]


@pytest.mark.conformance("K-17")
def test_events_are_never_cut() -> None:
    assert cut(*SPLIT) == [
        b'data: {"n":1}\n\n',
        b"",
        b'data: {"n":2}\n\n',
        b"data: [DONE]\n\n",
    ]


@pytest.mark.conformance("K-17")
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_any_cut_of_the_stream_gives_the_same_events(line_end: bytes) -> None:
    whole = b"".join(SPLIT)
    written = whole.replace(b"\n", line_end)
    for place in range(len(written) + 1):
        made = cut(written[:place], written[place:])
        assert b"".join(made).rstrip() == whole.rstrip()
        assert all(event.endswith(b"\n\n") for event in made[:-1] if event)


def test_nothing_follows_the_last_event() -> None:
    assert cut(b"data: [DONE]\n\ndata: more\n\n", b"data: x\n\n") == [b"data: [DONE]\n\n"]
    assert cut(b'data: "data: [DONE]"\n\n') == [b'data: "data: [DONE]"\n\n', b""]


def test_what_the_format_allows_and_the_sdk_does_not_read() -> None:
    assert cut(b": ping\n\ndata:{}\n\ndata:[DONE]\n\n") == [
        b": ping\n\ndata: {}\n\ndata: [DONE]\n\n"
    ]


def test_a_stream_that_ends_within_an_event() -> None:
    assert cut(b"data: 1\n\ndata: 2\r") == [b"data: 1\n\n", b"data: 2\n"]


def test_an_event_may_not_grow_without_end() -> None:
    cutter = EventCutter()
    assert cutter.feed(b"data: " + b"x" * (MAX_EVENT_BYTES - 6)) == b""
    assert not cutter.is_overfull
    assert cutter.feed(b"x") == b""
    assert cutter.is_overfull
