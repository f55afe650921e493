"""Flow-control keys as requests name them and answers show them (sections 4.11 to 4.13)."""

import json

import pytest

from relaypost.domain.errors import Invalid, QuotaExceeded
from relaypost.domain.flow_control import KeyStatus, Pace
from relaypost.domain.limits import Limits
from relaypost.domain.types import UnixMs
from relaypost.wire.flow_control_keys import (
    Pin,
    Unpin,
    global_parallelism_body,
    key_body,
    key_not_found,
    keys_body,
    read_key,
    read_pin,
    read_search,
    read_steered_key,
    read_unpin,
)

NOW = UnixMs(1_795_525_409_734)
SWITCHES = {"isPaused": False, "isPinnedParallelism": False, "isPinnedRate": False}
COUNTS = {"waitListSize": 0, "parallelismCount": 0, "rateCount": 0}


@pytest.mark.conformance("F-11", "K-27")
@pytest.mark.parametrize(
    ("path", "key"),
    [
        (b"erp", "erp"),
        (b"a/b%20c", "a/b c"),
        (b"a//b/", "a//b/"),
        (b"%24", "$"),
        (b"schl%C3%BCssel", "schlüssel"),
        (b"caf%E9", "café"),
        (b"a%2Fb%3F+", "a/b?+"),
    ],
)
def test_keys_are_the_rest_of_the_path(path: bytes, key: str) -> None:
    assert read_key(path) == key
    if key != "$":
        assert read_steered_key(path + b"/pause") == key


@pytest.mark.conformance("F-11")
@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"pause", "flow control key is required"),
        (b"/pause", "flow control key is required"),
        (b"$/pause", "flow control key $ is reserved"),
        (b"%24/pause", "flow control key $ is reserved"),
        (b"x" * 513 + b"/pin", "invalid flow control key: longer than 512 bytes"),
        (b"%C3%BC" * 257 + b"/pin", "invalid flow control key: longer than 512 bytes"),
        (b"a%0Ab/pin", "invalid flow control key: control characters are not allowed"),
    ],
    ids=["none", "empty", "keyless", "escaped", "long", "bytes", "controls"],
)
def test_keys_that_cannot_be_steered(path: bytes, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_steered_key(path)
    assert str(refused.value) == text


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (b"", ""),
        (b"search=", ""),
        (b"search=er", "er"),
        (b"search=&search=a%2Cb+c&search=d", "a,b c"),
        (b"qstash_token=search&other=x", ""),
    ],
)
def test_the_text_to_search_for(query: bytes, text: str) -> None:
    assert read_search(query) == text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"parallelism=3", Pin(3, None, 1)),
        (b"rate=20", Pin(None, 20, 1)),
        (b"parallelism=3&rate=20&period=120", Pin(3, 20, 120)),
        (b"rate=+1&period=604800&unknown=x", Pin(None, 1, 604_800)),
        (b"rate=1&parallelism=&period=", Pin(None, 1, 1)),
        (b"parallelism=2147483647&period=9", Pin(2_147_483_647, None, 9)),
    ],
)
def test_pins(query: bytes, expected: Pin) -> None:
    assert read_pin(query, Limits()) == expected


@pytest.mark.conformance("F-10")
@pytest.mark.parametrize(
    ("query", "text"),
    [
        (b"", "parallelism or rate is required"),
        (b"parallelism=", "parallelism or rate is required"),
        (b"period=60", "parallelism or rate is required"),
        (b"parallelism=0", "invalid parallelism"),
        (b"parallelism=x&rate=1", "invalid parallelism"),
        (b"rate=-1", "invalid rate"),
        (b"rate=1.5", "invalid rate"),
        (b"rate=1&period=0", "invalid period"),
        (b"rate=1&period=60s", "invalid period"),
        (b"rate=1&period=604801", "invalid period"),
        (b"parallelism=1&period=x", "invalid period"),
    ],
)
def test_pins_that_make_no_sense(query: bytes, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_pin(query, Limits())
    assert str(refused.value) == text


def test_a_number_that_no_store_holds_is_above_every_limit() -> None:
    with pytest.raises(QuotaExceeded, match="quota maxRate exceeded, current limit: 2147483647"):
        read_pin(b"rate=" + b"9" * 1000, Limits())
    with pytest.raises(Invalid, match="invalid period"):
        read_pin(b"rate=1&period=" + b"9" * 1000, Limits(max_period_ms=0))
    assert read_pin(b"rate=1&period=9999999", Limits(max_period_ms=0)).period_s == 9_999_999


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", Unpin(False, False)),
        (b"parallelism=true&rate=false", Unpin(True, False)),
        (b"rate=True", Unpin(False, True)),
        (b"rate=1&parallelism=0", Unpin(False, True)),
    ],
)
def test_unpins(query: bytes, expected: Unpin) -> None:
    assert read_unpin(query) == expected


@pytest.mark.parametrize("name", ["parallelism", "rate"])
def test_unpins_that_make_no_sense(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_unpin(f"{name}=yes".encode())
    assert str(refused.value) == f"invalid {name}"


@pytest.mark.conformance("F-10", "A-7")
def test_a_key_without_limits() -> None:
    shown = {"flowControlKey": "$", **COUNTS, **SWITCHES}
    assert json.loads(key_body(KeyStatus(key="$", pace=Pace()), now=NOW)) == shown


@pytest.mark.conformance("F-9", "F-10")
def test_a_key_with_all_there_is() -> None:
    pace = Pace(
        parallelism=2,
        rate=10,
        period_s=60,
        is_parallelism_pinned=True,
        is_rate_pinned=True,
        is_paused=True,
        window_started_at=NOW,
        window_count=7,
    )
    status = KeyStatus(key="erp", pace=pace, wait_list=5, open_attempts=2)
    shown = {
        "flowControlKey": "erp",
        "waitListSize": 5,
        "parallelismMax": 2,
        "parallelismCount": 2,
        "rateMax": 10,
        "rateCount": 7,
        "ratePeriod": 60,
        "ratePeriodStart": 1_795_525_409,
        "isPaused": True,
        "isPinnedParallelism": True,
        "isPinnedRate": True,
    }
    assert json.loads(key_body(status, now=NOW)) == shown
    assert json.loads(keys_body([status], now=NOW)) == [shown]
    assert keys_body([], now=NOW) == b"[]"


@pytest.mark.conformance("F-10")
def test_a_window_that_is_over_has_no_count_and_keeps_its_start() -> None:
    pace = Pace(rate=1, window_started_at=UnixMs(NOW - 1000), window_count=1)
    shown = json.loads(key_body(KeyStatus(key="k", pace=pace), now=NOW))
    assert (shown["rateCount"], shown["ratePeriodStart"]) == (0, 1_795_525_408)
    assert "parallelismMax" not in shown
    fresh = json.loads(key_body(KeyStatus(key="k", pace=Pace(rate=1)), now=NOW))
    assert (fresh["rateCount"], fresh["ratePeriodStart"], fresh["ratePeriod"]) == (0, 0, 1)


def test_global_parallelism() -> None:
    assert global_parallelism_body(1000, 42) == b'{"parallelismMax":1000,"parallelismCount":42}'
    assert global_parallelism_body(0, 0) == b'{"parallelismMax":0,"parallelismCount":0}'


def test_a_missing_key() -> None:
    assert str(key_not_found("nothing")) == "flow control key nothing not found"
