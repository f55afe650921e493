"""The plain REST API of a server, for what a test has to arrange or to look up on its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx

from tests.support.servers import Account

WAIT_SECONDS = 10.0
PAUSE_SECONDS = 0.01

T = TypeVar("T")


class RestApi:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def get(self, path: str, **parameters: Any) -> Any:
        response = await self.http.get(path, params=parameters)
        assert response.status_code == httpx.codes.OK, response.text
        return response.json()

    async def history(self, message_id: str) -> list[dict[str, Any]]:
        """The log entries of a message, oldest first."""
        answer = await self.get("/v2/events", messageId=message_id, order="earliestFirst")
        entries: list[dict[str, Any]] = answer["events"]
        return entries

    async def wait_state(self, message_id: str, state: str) -> dict[str, Any]:
        """The log entry of this state, once it is there.

        A destination sees a request before the server has written down what came of it.
        """
        try:
            return await poll(lambda: self._entry(message_id, state))
        except TimeoutError:
            states = [entry["state"] for entry in await self.history(message_id)]
            raise AssertionError(f"waited for {state} of {message_id}; it has {states}") from None

    async def wait_gone(self, path: str) -> httpx.Response:
        """The answer 404 to a GET, once it comes."""

        async def gone() -> httpx.Response | None:
            answer = await self.http.get(path)
            return answer if answer.status_code == httpx.codes.NOT_FOUND else None

        return await poll(gone)

    async def fail(self, url: str, headers: Mapping[str, str] = {}) -> dict[str, Any]:
        """Publish something that fails for good, and wait for its dead letter."""
        message_id = await self.publish(url, {"Upstash-Retries": "0", **headers})
        entry = await self.wait_state(message_id, "FAILED")
        dead_letter: dict[str, Any] = await self.get(f"/v2/dlq/{entry['dlqId']}")
        return dead_letter

    async def publish(self, url: str, headers: Mapping[str, str] = {}, *, body: bytes = b"") -> str:
        answer = await self.http.post(f"/v2/publish/{url}", content=body, headers=headers)
        assert answer.status_code == httpx.codes.OK, answer.text
        message_id: str = answer.json()["messageId"]
        return message_id

    async def make_group(self, name: str, urls: Sequence[str]) -> None:
        """Make a URL group of endpoints without names, or add to one."""
        body = {"endpoints": [{"url": url} for url in urls]}
        answer = await self.http.post(f"/v2/topics/{name}/endpoints", json=body)
        assert answer.status_code == httpx.codes.OK, answer.text

    async def clear(self) -> None:
        """Leave no schedule, no message pending, no dead letter and no queue."""
        for schedule in await self.get("/v2/schedules"):
            await self.http.delete(f"/v2/schedules/{schedule['scheduleId']}")
        await self.http.delete("/v2/messages")
        for queue in await self.get("/v2/queues"):
            await self.http.delete(f"/v2/queues/{queue['name']}")
        while "cursor" in (await self.http.delete("/v2/dlq")).json():
            pass

    async def _entry(self, message_id: str, state: str) -> dict[str, Any] | None:
        answer = await self.get("/v2/events", messageId=message_id, state=state)
        entries: list[dict[str, Any]] = answer["events"]
        assert len(entries) <= 1, f"{len(entries)} entries {state} of {message_id}"
        return entries[0] if entries else None


async def poll(probe: Callable[[], Awaitable[T | None]], *, seconds: float = WAIT_SECONDS) -> T:
    """Ask another process until it has an answer: it has no event that could be awaited here.

    Raises:
        TimeoutError: it never had one.
    """
    async with asyncio.timeout(seconds):
        while (found := await probe()) is None:  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(PAUSE_SECONDS)
        return found


@asynccontextmanager
async def rest_api(account: Account) -> AsyncIterator[RestApi]:
    headers = {"Authorization": f"Bearer {account.token}"}
    plain = httpx.AsyncHTTPTransport(verify=False)  # no certificates to load for plain HTTP
    async with httpx.AsyncClient(base_url=account.url, headers=headers, transport=plain) as http:
        yield RestApi(http)
