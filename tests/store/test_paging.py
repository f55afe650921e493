"""Paging against brute force: any filter, any page size, both orders, while things go on."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from relaypost.domain.filters import Filter, Page
from relaypost.domain.logs import LogEntry
from relaypost.domain.messages import Envelope
from relaypost.domain.types import MessageId, UnixMs
from relaypost.store.base import Listing, Store
from relaypost.store.sqlite.store import SqliteStore
from tests.support.filters import (
    envelopes,
    fits_dates,
    fits_envelope,
    log_states,
    sparse_filters,
)
from tests.support.lives import DOWN, OK, PROJECT, START, Lives

T = TypeVar("T")
Step = tuple[str, Envelope, int]

LONG_AGO = UnixMs(START - 1)
EVERYTHING = Page(count=10_000_000, latest_first=False)

steps = st.tuples(
    st.sampled_from(["publish", "delay", "end", "fail", "fail", "cancel", "start"]),
    envelopes,
    st.integers(0, 20),
)
pasts = st.lists(steps, min_size=1, max_size=25)
bounds = st.sampled_from([1, 7, 1_000_000])
"""How many rows one page may look at: some pages end early."""

pages = st.builds(Page, count=st.integers(1, 9), latest_first=st.booleans())


async def live(lives: Lives, step: Step) -> None:
    """Do one thing, to the message that the number names, and let time pass."""
    name, sealed, number = step
    active, known = lives.active(), list(lives.messages)
    if name == "publish":
        await lives.publish(sealed)
    elif name == "delay":
        await lives.publish(sealed, delay_ms=number)
    elif name == "start":
        await lives.start()
    elif name == "cancel" and known:
        await lives.cancel(known[number % len(known)])
    elif name in ("end", "fail") and active:
        await lives.end(active[number % len(active)], OK if name == "end" else DOWN)
    lives.clock.advance(number % 3 * 5)


async def walk(
    read: Callable[[Page], Awaitable[Listing[T]]],
    page: Page,
    meanwhile: Callable[[], Awaitable[None]],
) -> list[T]:
    """All pages, one after the other; something happens between them."""
    found: list[T] = []
    while True:
        listing = await read(page)
        assert len(listing.items) <= page.count
        found += listing.items
        if listing.next is None:
            return found
        page = replace(page, after=listing.next)
        await meanwhile()


def run(
    scenario: Callable[[Store, Lives], Awaitable[None]], *, max_examined: int = 1_000_000
) -> None:
    async def main() -> None:
        store = SqliteStore(None, inline=True, max_examined=max_examined)
        try:
            await scenario(store, Lives(store))
        finally:
            await store.upkeep.close()

    asyncio.run(main())


async def all_entries(store: Store) -> list[LogEntry]:
    listing = await store.logs.entries(PROJECT, Filter(), EVERYTHING, since=LONG_AGO)
    assert listing.next is None
    return listing.items


async def relive(lives: Lives, past: list[Step]) -> Callable[[], Awaitable[None]]:
    """Live through a past; the answer lets one more thing of it happen, each time it is called."""
    for step in past:
        await live(lives, step)
    later = iter(past * 2)

    async def go_on() -> None:
        if (step := next(later, None)) is not None:
            await live(lives, step)

    return go_on


def fits(entry: LogEntry, which: Filter) -> bool:
    return (
        fits_envelope(which, entry.message.envelope)
        and fits_dates(which, entry.time)
        and (which.states is None or entry.entry.state in which.states)
    )


@settings(max_examples=60, deadline=None)
@given(past=pasts)
def test_the_whole_log_tells_all_lives(past: list[Step]) -> None:
    async def scenario(store: Store, lives: Lives) -> None:
        await relive(lives, past)
        told: dict[MessageId, list[object]] = {id: [] for id in lives.messages}
        entries = await all_entries(store)
        for entry in entries:
            told[entry.message.id].append(entry.entry.state)
        assert told == dict(lives.states)
        numbers = [entry.sequence for entry in entries]
        assert numbers == sorted(set(numbers))

    run(scenario)


@settings(max_examples=150, deadline=None)
@given(
    past=pasts,
    which=sparse_filters(),
    states=log_states,
    page=pages,
    bound=bounds,
    ids=st.booleans(),
)
def test_each_matching_entry_is_listed_once(
    past: list[Step],
    which: Filter,
    states: tuple[object, ...] | None,
    page: Page,
    bound: int,
    ids: bool,
) -> None:
    async def scenario(store: Store, lives: Lives) -> None:
        go_on = await relive(lives, past)
        chosen = replace(which, states=states)  # type: ignore[arg-type]  # a strategy's type
        if ids:
            chosen = replace(chosen, message_ids=tuple(lives.messages)[::2])

        def expected(entries: list[LogEntry]) -> list[int]:
            return [
                entry.sequence
                for entry in entries
                if fits(entry, chosen)
                and (chosen.message_ids is None or entry.message.id in chosen.message_ids)
            ]

        before = expected(await all_entries(store))
        found = await walk(
            lambda part: store.logs.entries(PROJECT, chosen, part, since=LONG_AGO), page, go_on
        )
        numbers = [entry.sequence for entry in found]
        if page.latest_first:
            assert numbers == before[::-1]
        else:
            after = expected(await all_entries(store))
            assert numbers == after[: len(numbers)]
            assert len(before) <= len(numbers)

    run(scenario, max_examined=bound)


@settings(max_examples=60, deadline=None)
@given(past=pasts, which=sparse_filters(), page=pages, bound=bounds)
def test_each_matching_message_has_one_history(
    past: list[Step], which: Filter, page: Page, bound: int
) -> None:
    async def scenario(store: Store, lives: Lives) -> None:
        go_on = await relive(lives, past)

        def expected() -> list[MessageId]:
            return [
                id
                for id, message in lives.messages.items()
                if fits_envelope(which, message.envelope) and fits_dates(which, message.created_at)
            ]

        before = expected()
        found = await walk(
            lambda part: store.logs.histories(PROJECT, which, part, since=LONG_AGO), page, go_on
        )
        ids = [history[0].message.id for history in found]
        if page.latest_first:
            assert ids == before[::-1]
        else:
            assert ids == expected()[: len(ids)]
            assert len(before) <= len(ids)

    run(scenario, max_examined=bound)


@settings(max_examples=100, deadline=None)
@given(past=pasts, which=sparse_filters(), page=pages, bound=bounds)
def test_each_matching_dead_letter_is_listed_once(
    past: list[Step], which: Filter, page: Page, bound: int
) -> None:
    async def scenario(store: Store, lives: Lives) -> None:
        for step in past:
            await lives.fail(step[1])
            lives.clock.advance(step[2])
        later = iter(past)

        async def go_on() -> None:
            if (step := next(later, None)) is not None:
                await lives.fail(step[1])

        def expected() -> list[int]:
            return [
                dead_letter_id
                for id, dead_letter_id in lives.dead_letters.items()
                if fits_envelope(which, lives.messages[id].envelope)
                and fits_dates(which, lives.messages[id].created_at)  # it fails at once
            ]

        before = expected()
        found = await walk(
            lambda part: store.dead_letters.select(PROJECT, which, part, since=LONG_AGO),
            page,
            go_on,
        )
        ids = [dead_letter.id for dead_letter in found]
        assert ids == (before[::-1] if page.latest_first else expected()[: len(ids)])
        assert len(ids) >= len(before)

    run(scenario, max_examined=bound)


@settings(max_examples=100, deadline=None)
@given(past=pasts, which=sparse_filters(), oldest=st.none() | st.integers(1, 4))
def test_exactly_the_matching_messages_that_live_can_be_canceled(
    past: list[Step], which: Filter, oldest: int | None
) -> None:
    async def scenario(store: Store, lives: Lives) -> None:
        await relive(lives, past)
        expected = [
            id
            for id, message in lives.messages.items()
            if message.state <= 1
            and not message.cancel_requested
            and fits_envelope(which, message.envelope)
            and fits_dates(which, message.created_at)
        ]
        found = await store.messages.matching(PROJECT, which, oldest=oldest)
        assert found == expected[:oldest]

    run(scenario)
