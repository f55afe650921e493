"""Bodies are read up to their limit, never beyond."""

from typing import Any

import pytest

from relaypost.api.bodies import Disconnected, OverLimit, drain, read_body

GONE = {"type": "http.disconnect"}


def pieces(*bodies: bytes, ends: bool = True) -> list[dict[str, Any]]:
    last = len(bodies) - 1
    return [
        {"type": "http.request", "body": body, "more_body": index < last or not ends}
        for index, body in enumerate(bodies)
    ]


class Receive:
    def __init__(self, *events: dict[str, Any]) -> None:
        self.left = list(events)

    async def __call__(self) -> dict[str, Any]:
        return self.left.pop(0)


@pytest.mark.parametrize("bodies", [(b"",), (b"abcde",), (b"ab", b"", b"cde"), (b"", b"abcde")])
@pytest.mark.parametrize("limit", [0, 5])
async def test_a_whole_body(bodies: tuple[bytes, ...], limit: int) -> None:
    assert await read_body(Receive(*pieces(*bodies)), limit) == b"".join(bodies)


@pytest.mark.parametrize("bodies", [(b"abcdef",), (b"abc", b"def"), (b"abcde", b"f")])
async def test_a_body_over_the_limit(bodies: tuple[bytes, ...]) -> None:
    with pytest.raises(OverLimit):
        await read_body(Receive(*pieces(*bodies)), 5)


async def test_reading_stops_at_the_limit() -> None:
    receive = Receive(*pieces(b"abc", b"def", b"ghi"))

    with pytest.raises(OverLimit):
        await read_body(receive, 5)

    assert len(receive.left) == 1


async def test_a_client_that_goes_away() -> None:
    with pytest.raises(Disconnected):
        await read_body(Receive(*pieces(b"abc", ends=False), GONE), 5)


async def test_what_is_drained_is_thrown_away() -> None:
    ended = Receive(*pieces(b"x" * 9, b"y", b"z"))
    gone = Receive(*pieces(b"x", ends=False), GONE)

    for receive in (ended, gone):
        await drain(receive)
        assert receive.left == []
