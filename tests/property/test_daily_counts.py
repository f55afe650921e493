"""The daily limit against a model: what was accepted since midnight, duplicates left out."""

import asyncio
from collections import Counter
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from relaypost.domain.rate_limits import DAY_MS, day_of
from relaypost.domain.types import UnixMs
from relaypost.store.sqlite.store import SqliteStore
from tests.support.books import Book
from tests.support.messages import new_message, publication

WINDOW_MS = 600_000


class Item(NamedTuple):
    messages: int
    key: bytes | None


class Request(NamedTuple):
    items: list[Item]
    limit: int
    """Zero is none."""
    pause_ms: int
    """After it."""


items = st.builds(
    Item, messages=st.integers(1, 3), key=st.none() | st.sampled_from([b"a", b"b", b"c"])
)
requests = st.builds(
    Request,
    items=st.lists(items, min_size=1, max_size=4),
    limit=st.sampled_from([0, 1, 3, 5, 8]),
    pause_ms=st.sampled_from([0, 0, 0, 1, WINDOW_MS, DAY_MS // 3, DAY_MS, 2 * DAY_MS]),
)


class Model:
    def __init__(self) -> None:
        self.used: Counter[int] = Counter()
        self._keys: dict[bytes, UnixMs] = {}

    def accept(self, request: Request, now: UnixMs) -> bool:
        keys = {key: until for key, until in self._keys.items() if until > now}
        new = 0
        for item in request.items:
            if item.key in keys:
                continue
            new += item.messages
            if item.key is not None:
                keys[item.key] = UnixMs(now + WINDOW_MS)
        if request.limit and self.used[day_of(now)] + new > request.limit:
            return False
        self.used[day_of(now)] += new
        self._keys = keys
        return True


@given(asked=st.lists(requests, max_size=12))
@settings(deadline=None, max_examples=60)
def test_a_request_is_accepted_when_the_day_has_room_for_it(asked: list[Request]) -> None:
    asyncio.run(_play(asked))


async def _play(asked: list[Request]) -> None:
    store, model = SqliteStore(None, inline=True), Model()
    book = await Book.open(store)
    for request in asked:
        now = book.clock.now()
        accepted = await store.messages.add(
            [
                publication(*(new_message() for _ in range(item.messages)), key=item.key)
                for item in request.items
            ],
            claim=None,
            now=now,
            daily_limit=request.limit,
        )
        used = model.used[day_of(now)]
        assert (accepted.exceeded is None) == model.accept(request, now)
        if accepted.exceeded is not None:
            assert accepted.exceeded.remaining == max(0, request.limit - used)
        book.clock.advance(request.pause_ms)
    await store.upkeep.close()
