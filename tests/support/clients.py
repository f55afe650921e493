"""The two clients of the Python SDK behind one face, so that a test runs on both."""

import asyncio
from collections.abc import Callable
from typing import Any, Literal, Protocol

from qstash import AsyncQStash, QStash
from qstash.http import RetryConfig

from tests.support.servers import Account


class PythonSdk:
    """`await sdk.message.publish(...)`, whichever client is behind it."""

    def __init__(self, client: QStash | AsyncQStash) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return _Calls(getattr(self._client, name))

    async def close(self) -> None:
        """The SDK leaves its connections to the garbage collector."""
        transport: Any = self._client.http._client
        if isinstance(self._client, AsyncQStash):
            await transport.aclose()
        else:
            transport.close()


class _Calls:
    """One group of methods: each is awaited in the loop, or made in a thread."""

    def __init__(self, group: Any) -> None:
        self._group = group

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._group, name)
        if asyncio.iscoroutinefunction(method):
            return method

        async def call(*arguments: Any, **options: Any) -> Any:
            return await asyncio.to_thread(method, *arguments, **options)

        return call


def python_sdk(kind: str, account: Account, *, retry: RetryConfig | Literal[False]) -> PythonSdk:
    """A client; one that repeats requests whose answers were lost would hide a defect.

    Without a URL in the account, the SDK looks for one in the environment.
    """
    make = QStash if kind == "sync" else AsyncQStash
    return PythonSdk(make(account.token, retry=retry, base_url=account.url or None))


class Connect(Protocol):
    """Makes a client of the kind that a test runs on."""

    def __call__(
        self, account: Account, *, retry: RetryConfig | Literal[False] = False
    ) -> PythonSdk: ...
