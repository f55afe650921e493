"""The JavaScript SDK, driven through a Node process that speaks JSON lines."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.support.servers import FOREIGN, ROOT, Account

FOLDER = ROOT / "tests/sdk/js"
UNDEFINED = {"$undefined": True}


def date(ms: int) -> dict[str, int]:
    """A `Date`."""
    return {"$date": ms}


def provider(name: str, **options: Any) -> dict[str, Any]:
    """A provider of an API: `openai({token})` and the like."""
    return {"$provider": [name, options]}


class JavaScriptError(Exception):
    """What the SDK threw: `name` is its class."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        super().__init__(f"{fields['name']}: {fields['message']}")
        self.name: str = fields["name"]
        self.message: str = fields["message"]
        self.status: int | None = fields.get("status")
        self.fields = fields


class Driver:
    """One Node process; one request at a time."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        self._process = subprocess.Popen(
            [_node(), "driver.mjs"],
            cwd=FOLDER,
            env={**kept, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    async def ask(self, operation: str, **fields: Any) -> Any:
        """Have the driver do something.

        Raises:
            JavaScriptError: it threw.
        """
        line = json.dumps({"operation": operation, **fields})
        answer = json.loads(await asyncio.to_thread(self._exchange, line))
        if "error" in answer:
            raise JavaScriptError(answer["error"])
        return answer.get("value")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _exchange(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the driver has ended; its last words are on standard error"
        return answer


class JavaScriptSdk:
    """A `Client` of the SDK: `await sdk.call("messages.get", id)`."""

    def __init__(self, driver: Driver, client: Mapping[str, Any]) -> None:
        self._driver = driver
        self._client = client

    async def call(self, path: str, *arguments: Any) -> Any:
        """Call the method at the end of a path of properties, or of calls such as `chat()`."""
        *properties, method = path.split(".")
        steps: list[list[Any]] = [
            [name[:-2], []] if name.endswith("()") else [name] for name in properties
        ]
        steps.append([method, arguments])
        return await self._driver.ask("call", client=self._client, steps=steps)

    async def call_queue(self, name: str, path: str, *arguments: Any) -> Any:
        """Call a method of `client.queue({queueName: name})`."""
        steps = [["queue", [{"queueName": name}]], [path, arguments]]
        return await self._driver.ask("call", client=self._client, steps=steps)

    async def verify(
        self, requests: Sequence[Mapping[str, Any]], account: Account
    ) -> list[dict[str, Any]]:
        """The verdict of the `Receiver` on each request: a `value` or an `error`."""
        verdicts: list[dict[str, Any]] = await self._driver.ask(
            "verifyAll", receiver=receiver_options(account), requests=requests
        )
        return verdicts


def receiver_options(account: Account) -> dict[str, str]:
    return {"currentSigningKey": account.current_key, "nextSigningKey": account.next_key}


@contextmanager
def driving(**environment: str) -> Iterator[Driver]:
    driver = Driver(environment)
    try:
        yield driver
    finally:
        driver.close()


def _node() -> str:
    node = shutil.which("node")
    assert node is not None, "the SDK tests need Node.js (see CONTRIBUTING.md)"
    return node
