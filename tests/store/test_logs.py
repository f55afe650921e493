"""What the log says of the lives of messages, page by page."""

import pytest

from relaypost.domain.filters import Filter, Page
from relaypost.domain.logs import LogEntry, LogState
from relaypost.domain.types import MessageId, Sequence, UnixMs
from relaypost.store.base import Listing, Store
from relaypost.store.sqlite.logs import MAX_PAGE_BYTES
from tests.support.lives import DOWN, OTHER_PROJECT, PROJECT, REFUSED, START, Lives, envelope

LONG_AGO = UnixMs(START - 1_000_000)
ALL = Page(count=1000, latest_first=False)


async def entries(
    store: Store, which: Filter | None = None, page: Page = ALL, *, since: UnixMs = LONG_AGO
) -> Listing[LogEntry]:
    return await store.logs.entries(PROJECT, which or Filter(), page, since=since)


async def states(store: Store, id: MessageId) -> list[LogState]:
    listing = await entries(store, Filter(message_ids=(id,)))
    return [entry.entry.state for entry in listing.items]


async def test_an_empty_log(store: Store) -> None:
    assert await entries(store) == Listing([], None)


async def test_each_life_reads_as_it_was_lived(store: Store) -> None:
    lives = Lives(store)
    delivered = await lives.publish()
    await lives.end(delivered)
    retried = await lives.publish(envelope(max_retries=1, retry_delay="100"))
    await lives.end(retried, DOWN)
    lives.clock.advance(100)
    await lives.start()
    await lives.end(retried, REFUSED)
    canceled = await lives.publish(delay_ms=1000)
    await lives.cancel(canceled)
    canceled_while_active = await lives.publish()
    await lives.cancel(canceled_while_active)
    await lives.end(canceled_while_active, DOWN)
    assert {id: await states(store, id) for id in lives.states} == lives.states
    assert lives.states[retried] == [
        LogState.CREATED,
        LogState.ACTIVE,
        LogState.ERROR,
        LogState.RETRY,
        LogState.ACTIVE,
        LogState.ERROR,
        LogState.FAILED,
    ]


async def test_what_each_state_adds(store: Store) -> None:
    lives = Lives(store)
    id = await lives.publish(envelope(max_retries=1, retry_delay="100"), delay_ms=50)
    lives.clock.advance(50)
    await lives.start()
    await lives.end(id, DOWN)
    retry_at = UnixMs(lives.clock.now() + 100)
    lives.clock.advance(100)
    await lives.start()
    await lives.end(id, REFUSED)
    listing = await entries(store)
    created, active, error, retry, _, last_error, failed = [item.entry for item in listing.items]
    assert created.next_delivery_at == START + 50
    assert active.next_delivery_at is None
    assert (error.error, error.response_status) == ("503 Service Unavailable", 503)
    assert (error.response_headers, error.response_body) == (DOWN.headers, b"busy")
    assert error.next_delivery_at == retry.next_delivery_at == retry_at
    assert (last_error.error, last_error.response_status) == (REFUSED.error, None)
    assert (last_error.next_delivery_at, last_error.response_headers) == (None, None)
    assert (failed.error, failed.response_status) == (REFUSED.error, None)
    assert [item.dead_letter_id for item in listing.items] == [None] * 6 + [lives.dead_letters[id]]


async def test_a_delivered_entry_shows_the_status_only(store: Store) -> None:
    lives = Lives(store)
    id = await lives.publish()
    await lives.end(id)
    delivered = (await entries(store)).items[-1].entry
    assert (delivered.state, delivered.response_status) == (LogState.DELIVERED, 200)
    assert delivered.response_headers is None


async def test_times_are_those_of_the_transactions_and_sequences_increase(store: Store) -> None:
    lives = Lives(store)
    id = await lives.publish()
    lives.clock.advance(7)
    await lives.end(id, DOWN)
    listing = await entries(store)
    assert [entry.time for entry in listing.items] == [START, START, START + 7, START + 7]
    numbers = [entry.sequence for entry in listing.items]
    assert numbers == sorted(set(numbers))


async def test_a_message_is_read_whole(store: Store) -> None:
    lives = Lives(store)
    sealed = envelope(
        headers=(("Content-Type", "text/plain"), ("X-Raw", "caf\udce9")),
        body=b"\0\xff",
        labels=("a", "b"),
        caller_ip="203.0.113.7",
    )
    id = await lives.publish(sealed)
    assert (await entries(store)).items[0].message == lives.messages[id]
    assert lives.messages[id].envelope == sealed


async def test_projects_do_not_see_each_other(store: Store) -> None:
    theirs = Lives(store, project=OTHER_PROJECT)
    id = await theirs.publish()
    await theirs.end(id, DOWN)
    assert (await entries(store)).items == []
    assert (await entries(store, Filter(message_ids=(id,)))).items == []


async def test_entries_before_the_horizon_are_hidden(store: Store) -> None:
    lives = Lives(store)
    id = await lives.publish()
    lives.clock.advance(10)
    await lives.end(id, DOWN)
    visible = await entries(store, since=UnixMs(START + 10))
    assert [entry.entry.state for entry in visible.items] == [LogState.ERROR, LogState.FAILED]
    by_id = await entries(store, Filter(message_ids=(id,)), since=UnixMs(START + 10))
    assert by_id == visible
    assert (await entries(store, since=UnixMs(START + 11))).items == []


async def test_dates_are_inclusive(store: Store) -> None:
    lives = Lives(store)
    for _ in range(3):
        await lives.publish(claimed=False)
        lives.clock.advance(1)
    chosen = await entries(store, Filter(from_date=UnixMs(START + 1), to_date=UnixMs(START + 1)))
    assert [entry.time for entry in chosen.items] == [START + 1]
    reversed_dates = Filter(from_date=UnixMs(START + 2), to_date=UnixMs(START))
    assert (await entries(store, reversed_dates)).items == []
    far = Filter(from_date=UnixMs(1 << 60), to_date=UnixMs(1 << 62))
    assert (await entries(store, far)).items == []
    assert len((await entries(store, Filter(to_date=UnixMs(1 << 62)))).items) == 3


async def test_fields_with_no_values_match_nothing(store: Store) -> None:
    await Lives(store).publish()
    for which in (Filter(labels=()), Filter(message_ids=()), Filter(urls=()), Filter(states=())):
        assert await entries(store, which) == Listing([], None)
        histories = await store.logs.histories(PROJECT, which, ALL, since=LONG_AGO)
        assert histories == Listing([], None)


async def test_queues_and_keys_are_not_set_on_any_message(store: Store) -> None:
    await Lives(store).publish()
    assert await entries(store, Filter(queue_names=("q",))) == Listing([], None)
    assert await entries(store, Filter(flow_control_keys=("k",))) == Listing([], None)


async def test_hosts_with_and_without_port(store: Store) -> None:
    lives = Lives(store)
    for place in ("h", "h:8080", "[::1]:80", "hh", "u:p@H"):
        await lives.publish(envelope(url=f"http://{place}/"), claimed=False)

    async def urls(*hosts: str) -> list[str]:
        found = await entries(store, Filter(hosts=hosts))
        return [entry.message.envelope.url.removeprefix("http://") for entry in found.items]

    assert await urls("h") == ["h/", "h:8080/", "u:p@H/"]
    assert await urls("h:8080") == ["h:8080/"]
    assert await urls("h:8080", "hh") == ["h:8080/", "hh/"]
    assert await urls("[::1]") == ["[::1]:80/"]
    assert await urls("[::1]:80") == ["[::1]:80/"]
    assert await urls("[") == await urls("[:") == await urls("h:80") == []


async def test_many_values_of_one_filter(store: Store) -> None:
    """More than SQLite takes as terms of an expression, or as parameters."""
    await Lives(store).publish(envelope(labels=("l39999",)))
    labels = tuple(f"l{number}" for number in range(40_000))
    assert len((await entries(store, Filter(labels=labels))).items) == 2
    assert len((await entries(store, Filter(urls=labels))).items) == 0


async def test_there_is_a_cursor_exactly_while_more_matches(store: Store) -> None:
    lives = Lives(store)
    for number in range(4):
        await lives.publish(envelope(labels=(f"l{number % 2}",)), claimed=False)
    first = await entries(store, Filter(labels=("l1",)), Page(count=1))
    assert first.next is not None
    second = await entries(store, Filter(labels=("l1",)), Page(count=1, after=first.next))
    assert len(second.items) == 1
    assert second.next is None
    assert (await entries(store, None, Page(count=4))).next is None


async def test_a_page_ends_early_when_its_bodies_are_large(store: Store) -> None:
    lives = Lives(store)
    for _ in range(6):
        await lives.publish(envelope(body=bytes(MAX_PAGE_BYTES // 4)), claimed=False)
    found: list[Sequence] = []
    sizes: list[int] = []
    after = None
    while True:
        page = await entries(store, None, Page(count=100, after=after))
        found += [entry.sequence for entry in page.items]
        sizes.append(len(page.items))
        if (after := page.next) is None:
            break
    assert found == sorted(map(Sequence, lives.messages), reverse=True)
    assert sizes == [5, 1]


async def test_histories(store: Store) -> None:
    lives = Lives(store)
    failed = await lives.publish()
    await lives.end(failed, DOWN)
    waiting = await lives.publish(delay_ms=1000)
    active = await lives.publish()
    delivered = await lives.publish()
    await lives.end(delivered)

    async def ids(which: Filter, *, since: UnixMs = LONG_AGO) -> list[MessageId]:
        found = await store.logs.histories(PROJECT, which, Page(count=100), since=since)
        for history in found.items:
            assert [one.entry.state for one in history] == lives.states[history[0].message.id]
        return [history[0].message.id for history in found.items]

    assert await ids(Filter()) == [delivered, active, waiting, failed]
    assert await ids(Filter(states=(LogState.FAILED, LogState.CREATED))) == [waiting, failed]
    assert await ids(Filter(states=(LogState.ACTIVE,))) == [active]
    assert await ids(Filter(states=(LogState.ERROR,))) == []
    assert await ids(Filter(message_ids=(active, failed))) == [active, failed]
    assert await ids(Filter(from_date=UnixMs(START + 1))) == []
    assert await ids(Filter(), since=UnixMs(START + 1)) == []


async def test_the_history_of_a_message_that_lives_on_loses_what_has_expired(store: Store) -> None:
    lives = Lives(store)
    id = await lives.publish(delay_ms=1000)
    lives.clock.advance(1000)
    await lives.start()
    found = await store.logs.histories(PROJECT, Filter(), Page(count=1), since=UnixMs(START + 1000))
    ((entry,),) = found.items
    assert (entry.message.id, entry.entry.state) == (id, LogState.ACTIVE)


async def test_histories_page(store: Store) -> None:
    lives = Lives(store)
    for _ in range(5):
        await lives.publish()
    seen: list[MessageId] = []
    after = None
    while True:
        page = Page(count=2, after=after, latest_first=False)
        listing = await store.logs.histories(PROJECT, Filter(), page, since=LONG_AGO)
        seen += [history[0].message.id for history in listing.items]
        if (after := listing.next) is None:
            break
    assert seen == list(lives.messages)


async def test_a_sequence_number_is_never_given_twice(store: Store) -> None:
    """The ACTIVE of a message claimed on arrival has a number, but no row to find it by."""
    lives = Lives(store)
    id = await lives.fail()
    await lives.publish()
    with pytest.raises(ZeroDivisionError):
        await store.dead_letters.replace(
            PROJECT,
            [id],
            bring_back=lambda envelope: 1 // 0,  # type: ignore[arg-type, return-value]
            all_or_none=False,
            since=LONG_AGO,
            claim=None,
            now=lives.clock.now(),
        )
    await lives.publish()
    numbers = [entry.sequence for entry in (await entries(store)).items]
    assert len(numbers) == len(set(numbers))
