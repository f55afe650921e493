"""Clients that wait for an answer: nothing goes on for one that has gone."""

import asyncio
from typing import Any

import pytest

from relaypost.api.bodies import Disconnected
from relaypost.api.clients import while_connected


class Client:
    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.is_watched = False

    async def receive(self) -> dict[str, Any]:
        if not self.is_watched:
            self.is_watched = True
            return {"type": "http.request"}
        try:
            await self.gone.wait()
        finally:
            self.is_watched = False
        return {"type": "http.disconnect"}


async def test_the_answer_of_a_client_that_stays() -> None:
    async def work() -> str:
        return "done"

    client = Client()
    assert await while_connected(client.receive, work()) == "done"
    assert not client.is_watched


async def test_an_error_is_raised_as_it_is() -> None:
    async def work() -> None:
        raise LookupError("x")

    with pytest.raises(LookupError, match="x"):
        await while_connected(Client().receive, work())


async def test_work_ends_when_the_client_goes() -> None:
    client, ended = Client(), []

    async def work() -> None:
        client.gone.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(Disconnected):
        await while_connected(client.receive, work())
    assert ended == [True]


async def test_work_that_is_done_already_counts() -> None:
    client = Client()
    client.gone.set()

    async def work() -> str:
        return "done"

    assert await while_connected(client.receive, work()) == "done"
