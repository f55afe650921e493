"""Dead letters: what is kept of a failed message, and how it goes or comes back."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from relaypost.domain.dead_letters import DeadLetter, LastResponse
from relaypost.domain.filters import Filter, Page
from relaypost.domain.messages import Envelope, NewMessage, State
from relaypost.domain.types import DeadLetterId, MessageId, Sequence, UnixMs
from relaypost.store.base import Accepted, Claim, Listing, Store
from relaypost.store.sqlite.dead_letters import MAX_PAGE_BYTES
from tests.support.lives import DOWN, OTHER_PROJECT, PROJECT, REFUSED, START, Lives, envelope

LONG_AGO = UnixMs(START - 1_000_000)
NOT_THERE = DeadLetterId(12345)


async def select(
    store: Store, which: Filter | None = None, page: Page | None = None
) -> Listing[DeadLetter]:
    return await store.dead_letters.select(
        PROJECT, which or Filter(), page or Page(count=100), since=LONG_AGO
    )


async def ids(store: Store, which: Filter | None = None) -> list[DeadLetterId]:
    listing = await select(store, which, Page(count=100, latest_first=False))
    matching = await store.dead_letters.matching(
        PROJECT, which or Filter(), Page(count=100, latest_first=False), since=LONG_AGO
    )
    assert matching.items == [one.id for one in listing.items]
    return matching.items


def bring_back(sealed: Envelope) -> NewMessage:
    return NewMessage(project_id=PROJECT, envelope=sealed)


async def put_back(
    store: Store,
    chosen: Iterable[DeadLetterId],
    *,
    claim: Claim | None = None,
    all_or_none: bool = False,
    since: UnixMs = LONG_AGO,
) -> Accepted:
    return await store.dead_letters.replace(
        PROJECT,
        list(chosen),
        bring_back=bring_back,
        all_or_none=all_or_none,
        since=since,
        claim=claim,
        now=START,
    )


async def test_all_of_the_message_and_its_last_answer_are_kept(store: Store) -> None:
    lives = Lives(store)
    sealed = envelope(body=b"\0\xff", headers=(("X-Raw", "caf\udce9"),), labels=("a",))
    id = await lives.fail(sealed)
    (kept,) = (await select(store)).items
    assert kept.id == id
    assert kept.message.id == next(iter(lives.messages))
    assert kept.message.envelope == sealed
    assert kept.message.not_before == START
    assert kept.response == LastResponse(status=503, headers=DOWN.headers, body=b"busy")


async def test_without_an_answer_a_synthetic_one_is_kept(store: Store) -> None:
    await Lives(store).fail(outcome=REFUSED)
    (kept,) = (await select(store)).items
    assert kept.response == LastResponse(status=502, body=REFUSED.error.encode())


async def test_order_and_cursor(store: Store) -> None:
    lives = Lives(store)
    made = [await lives.fail() for _ in range(3)]
    newest = await select(store, None, Page(count=2))
    assert [one.id for one in newest.items] == made[:0:-1]
    assert newest.next == Sequence(made[1])
    last = await select(store, None, Page(count=2, after=newest.next))
    assert ([one.id for one in last.items], last.next) == (made[:1], None)
    assert await ids(store) == made


async def test_filters(store: Store) -> None:
    lives = Lives(store)
    here = await lives.fail(envelope(labels=("x",)), REFUSED)
    there = await lives.fail(envelope(url="https://b/"))
    first, second = lives.messages
    for which, expected in (
        (Filter(response_statuses=(502, 999)), [here]),
        (Filter(response_statuses=(999,)), []),
        (Filter(message_ids=(second,)), [there]),
        (Filter(message_ids=(first, second), labels=("x",)), [here]),
        (Filter(dead_letter_ids=(there, here, NOT_THERE)), [here, there]),
        (Filter(dead_letter_ids=()), []),
        (Filter(hosts=("b",)), [there]),
        (Filter(from_date=UnixMs(START + 1)), []),
        (Filter(queue_names=("q",)), []),
    ):
        assert await ids(store, which) == expected


async def test_a_page_ends_early_when_its_bodies_are_large_unless_ids_are_named(
    store: Store,
) -> None:
    lives = Lives(store)
    body = bytes(MAX_PAGE_BYTES // 3)
    made = [await lives.fail(envelope(body=body), replace(DOWN, body=body)) for _ in range(3)]
    assert [one.id for one in (await select(store)).items] == made[:0:-1]
    named = await select(store, Filter(dead_letter_ids=tuple(made)), Page(count=3))
    assert (len(named.items), named.next) == (3, None)


async def test_delete(store: Store) -> None:
    lives = Lives(store)
    made = [await lives.fail() for _ in range(3)]
    chosen = [made[1], NOT_THERE, made[1]]
    deleted = await store.dead_letters.delete(PROJECT, chosen, since=LONG_AGO)
    assert deleted == [True, False, False]
    assert await ids(store) == [made[0], made[2]]


async def test_dead_letters_of_others_are_not_there(store: Store) -> None:
    id = await Lives(store, project=OTHER_PROJECT).fail()
    assert await ids(store) == []
    assert await store.dead_letters.delete(PROJECT, [id], since=LONG_AGO) == [False]
    assert (await put_back(store, [id])).published[0].messages == ()


async def test_one_comes_back_as_a_new_message(store: Store) -> None:
    lives = Lives(store)
    sealed = envelope(body=b"\0\xff", headers=(("X-Raw", "caf\udce9"),))
    id = await lives.fail(sealed)
    accepted = await put_back(store, [id])
    ((made, url),) = accepted.published[0].messages
    assert (url, accepted.claimed, accepted.next_due_at) == (sealed.url, [], START)
    (message,) = await store.messages.get(PROJECT, [made])
    assert message.envelope == sealed
    assert (message.state, message.retried) == (State.WAITING, 0)
    assert made not in lives.messages
    assert await ids(store) == []
    (old,) = await store.messages.get(PROJECT, list(lives.messages))
    assert old.state is State.FAILED


async def test_with_a_claim_the_new_messages_start_at_once(store: Store) -> None:
    lives = Lives(store)
    made = [await lives.fail() for _ in range(3)]
    claim = Claim(lease=lives.lease, limit=2, bytes=1000)
    accepted = await put_back(store, made, claim=claim)
    new = [published.messages[0][0] for published in accepted.published]
    assert [message.id for message in accepted.claimed] == new[:2]
    assert accepted.next_due_at == START


async def test_what_is_not_there_is_left_out(store: Store) -> None:
    id = await Lives(store).fail()
    accepted = await put_back(store, [NOT_THERE, id, id])
    assert [len(published.messages) for published in accepted.published] == [0, 1, 0]


async def test_all_or_none(store: Store) -> None:
    lives = Lives(store)
    made = [await lives.fail() for _ in range(2)]
    accepted = await put_back(store, [*made, NOT_THERE], all_or_none=True)
    assert [len(published.messages) for published in accepted.published] == [0, 0, 0]
    assert await ids(store) == made
    accepted = await put_back(store, made, all_or_none=True)
    assert [len(published.messages) for published in accepted.published] == [1, 1]


async def test_of_two_that_take_it_one_wins(store: Store) -> None:
    id = await Lives(store).fail()
    answers = await asyncio.gather(
        put_back(store, [id]),
        put_back(store, [id]),
        store.dead_letters.delete(PROJECT, [id], since=LONG_AGO),
    )
    first, second, deleted = answers
    wins = [len(first.published[0].messages), len(second.published[0].messages), deleted[0]]
    assert sum(wins) == 1


async def test_what_has_expired_is_not_there(store: Store) -> None:
    id = await Lives(store).fail()
    later = UnixMs(START + 1)
    page = Page(count=10)
    assert (await store.dead_letters.select(PROJECT, Filter(), page, since=later)).items == []
    named = Filter(dead_letter_ids=(id,))
    assert (await store.dead_letters.select(PROJECT, named, page, since=later)).items == []
    assert await store.dead_letters.delete(PROJECT, [id], since=later) == [False]
    assert (await put_back(store, [id], since=later)).published[0].messages == ()
    assert (await put_back(store, [id], all_or_none=True, since=later)).published[0].messages == ()
    assert await ids(store) == [id]


async def test_many_ids(store: Store) -> None:
    id = await Lives(store).fail()
    named = Filter(dead_letter_ids=(*map(DeadLetterId, range(40_000)), id))
    assert await ids(store, named) == [id]
    messages = Filter(message_ids=tuple(map(MessageId, range(40_000))))
    assert await ids(store, messages) == []
