"""What the shop does in the background."""

from typing import Any

from django_qstash import shared_task, stashed_task

stock: dict[str, int] = {}
"""Kept by the process that serves the webhook."""


@stashed_task
def add(one: int, other: int = 0) -> int:
    return one + other


@shared_task
async def greet(name: str) -> dict[str, str]:
    return {"greeting": f"Grüße, {name}"}


@stashed_task(retries=1, retry_delay="100")
def fail() -> None:
    raise ValueError("sold out")


@stashed_task(retries=1, retry_delay="100")
def fail_once(item: str) -> str:
    stock[item] = stock.get(item, 0) + 1
    if stock[item] == 1:
        raise ValueError("not yet")
    return "done at last"


@stashed_task(bind=True)
def ask_again(self: Any, wanted: int) -> int:
    """Runs anew, by a message of its own, until it has run as often as wanted."""
    retries: int = self.request.retries
    if retries < wanted:
        raise self.retry(countdown=1)
    return retries


@stashed_task(deduplicated=True)
def count(item: str) -> int:
    stock[item] = stock.get(item, 0) + 1
    return stock[item]
