"""The deletion of a queue is atomic for outsiders, in however many steps it is written (4.5)."""

import pytest

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


async def test_an_active_one_that_fails_is_canceled(book: Book, made: list[MessageId]) -> None:
    """It is no dead letter, and nobody is told that it failed (rule 9 of section 3.15)."""
    active = await book.get(made[0])
    failed = settlement(active, BUSY, callbacks=(new_message("https://back.example.com/"),))
    settled = await book.settle(failed)
    assert (settled.applied, settled.claimed) == ([True], [])
    assert await book.state(active.id) is State.CANCELED
