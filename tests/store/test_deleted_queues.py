"""The deletion of a queue is atomic for outsiders, in however many steps it is written (4.5)."""

import pytest

from relaypost.domain.filters import Filter
from relaypost.domain.messages import State
from relaypost.domain.types import MessageId
from tests.support.books import Book
from tests.support.messages import BUSY, PROJECT, callback, new_message, settlement


@pytest.fixture
async def made(book: Book) -> list[MessageId]:
    """Four messages of a queue that is deleted, the first of them active."""
    asked = [new_message(queue_name="q", failure_callback=callback()) for _ in range(4)]
    accepted = await book.add(*asked, claim=book.offer())
    assert len(accepted.claimed) == 1
    assert await book.store.queues.delete(PROJECT, "q", now=book.clock.now())
    return [one.messages[0][0] for one in accepted.published]


async def test_what_waited_is_canceled_before_a_deletion_is_answered(
    book: Book, made: list[MessageId]
) -> None:
    """The service answers when no step is left."""
    while (await book.store.queues.cancel_deleted(2, now=book.clock.now())).applied:
        pass
    found = await book.messages.get(PROJECT, made[1:])
    assert all(message.state is State.CANCELED for message in found)
    assert await book.messages.matching(PROJECT, Filter(), oldest=None) == []
    assert await book.cancel(*made) == [False] * 4


async def test_an_active_one_that_fails_is_canceled(book: Book, made: list[MessageId]) -> None:
    """It is no dead letter, and nobody is told that it failed (rule 9 of section 3.15)."""
    active = await book.get(made[0])
    failed = settlement(active, BUSY, callbacks=(new_message("https://back.example.com/"),))
    settled = await book.settle(failed)
    assert (settled.applied, settled.claimed) == ([True], [])
    assert await book.state(active.id) is State.CANCELED
