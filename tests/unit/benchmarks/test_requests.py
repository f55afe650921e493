"""Templates make whole HTTP requests whose bodies carry readable stamps."""

import msgspec
import pytest

from benchmarks.requests import (
    LANE,
    Address,
    Template,
    batch_request,
    enqueue_request,
    plain_request,
    publish_request,
)
from benchmarks.stamps import Stamp, read_stamp

SERVER = Address("127.0.0.1", 8080)
DESTINATION = "http://127.0.0.1:9/a%20b"


def split(template: Template, now_ns: int, sequence: int) -> tuple[str, bytes]:
    request = template.renderer(7)(now_ns, sequence)
    head, _, body = request.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    assert length == len(body)
    return head.decode(), body


@pytest.mark.parametrize("body_bytes", [34, 35, 1000])
def test_a_publish_has_the_size_asked_for(body_bytes: int) -> None:
    template = publish_request(SERVER, DESTINATION, token="t", body_bytes=body_bytes)

    head, body = split(template, 123, 4)

    assert len(body) == body_bytes
    assert head.startswith(f"POST /v2/publish/{DESTINATION} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n")
    assert "\r\nAuthorization: Bearer t\r\n" in head
    assert read_stamp(body) == Stamp(sent_ns=123, tag=7, sequence=4)


def test_options_become_headers() -> None:
    template = publish_request(
        SERVER, DESTINATION, token="t", body_bytes=100, headers={"Upstash-Delay": "1d"}
    )

    assert "\r\nUpstash-Delay: 1d\r\n" in split(template, 1, 1)[0]


def test_the_floor_carries_no_token() -> None:
    head, body = split(plain_request(SERVER, body_bytes=100), 5, 6)

    assert head.startswith("POST /x HTTP/1.1\r\n")
    assert "Authorization" not in head
    assert read_stamp(body) == Stamp(sent_ns=5, tag=7, sequence=6)


@pytest.mark.parametrize("items", [1, 2, 50])
def test_a_batch_stamps_each_item(items: int) -> None:
    template = batch_request(
        SERVER,
        DESTINATION,
        token="t",
        body_bytes=100,
        items=items,
        headers={"Upstash-Delay": "1d"},
    )

    batch = msgspec.json.decode(split(template, 9, 20)[1])

    assert [read_stamp(item["body"].encode()) for item in batch] == [
        Stamp(sent_ns=9, tag=7, sequence=20 + i) for i in range(items)
    ]
    assert {len(item["body"]) for item in batch} == {100}
    assert batch[0]["destination"] == DESTINATION
    assert batch[0]["headers"]["Upstash-Delay"] == "1d"


def test_lanes_of_single_requests_go_round() -> None:
    template = enqueue_request(SERVER, f"q-{LANE}", DESTINATION, token="t", body_bytes=100, lanes=3)

    paths = [split(template, 1, number)[0].split(" ")[1] for number in (0, 2, 3, 7)]

    lanes = [path.removeprefix("/v2/enqueue/q-").removesuffix(f"/{DESTINATION}") for path in paths]
    assert lanes == ["000000", "000002", "000000", "000001"]


def test_lanes_of_a_batch_go_round() -> None:
    template = batch_request(
        SERVER,
        DESTINATION,
        token="t",
        body_bytes=100,
        items=4,
        headers={"Upstash-Flow-Control-Key": f"k-{LANE}"},
        queue="q",
        lanes=3,
    )

    batch = msgspec.json.decode(split(template, 9, 20)[1])

    keys = [item["headers"]["Upstash-Flow-Control-Key"] for item in batch]
    assert keys == ["k-000002", "k-000000", "k-000001", "k-000002"]
    assert {item["queue"] for item in batch} == {"q"}
    assert [read_stamp(item["body"].encode()) for item in batch] == [
        Stamp(sent_ns=9, tag=7, sequence=20 + i) for i in range(4)
    ]


def test_what_is_no_stamp_is_not_read() -> None:
    assert read_stamp(b"") is None
    assert read_stamp(b"[{" + b"x" * 40) is None
