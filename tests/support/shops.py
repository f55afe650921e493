"""The Django app of the tests, as a caller of its views and of its commands sees it."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import free_port
from tests.support.programs import plain_environment, program
from tests.support.rest import poll
from tests.support.servers import ROOT, Account

COMMAND_SECONDS = 60


@dataclass(frozen=True, slots=True)
class RunningShop:
    url: str
    environment: Mapping[str, str]

    def manage(self, *arguments: str, answers: str = "") -> str:
        """Run a management command to its end, and answer what it has printed."""
        done = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            cwd=ROOT,
            env=plain_environment() | dict(self.environment),
            input=answers,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class Shop:
    """Calls tasks by the views of the shop, and looks at what came of them."""

    def __init__(self, running: RunningShop, http: httpx.AsyncClient) -> None:
        self.running = running
        self.http = http

    async def delay(self, task: str, *args: Any, **kwargs: Any) -> str:
        """Call `task.delay(...)`; answers the id of the result, which is that of the message."""
        call = {"args": args, "kwargs": kwargs}
        answer = await self.post(f"/tasks/{task}/delay", call)
        task_id: str = answer["task_id"]
        return task_id

    async def apply_async(self, task: str, **options: Any) -> str:
        """Call `task.apply_async(...)`."""
        answer = await self.post(f"/tasks/{task}/apply_async", options)
        task_id: str = answer["task_id"]
        return task_id

    async def wait_result(self, task_id: str, status: str) -> dict[str, Any]:
        """What `AsyncResult` tells, and its rows, once it has this status."""

        async def found() -> dict[str, Any] | None:
            answer = (await self.http.get(f"/results/{task_id}")).json()
            return answer if answer["status"] == status else None

        return await poll(found)

    async def wait_child(self, task_id: str) -> dict[str, Any]:
        """The row of the one task that a task has started, once it has run."""

        async def found() -> dict[str, Any] | None:
            rows = (await self.http.get(f"/results/{task_id}/children")).json()["rows"]
            return rows[0] if rows else None

        return await poll(found)

    async def wait_run(self, name: str) -> dict[str, Any]:
        """The row of the first run of a schedule, once it has run its task."""

        async def found() -> dict[str, Any] | None:
            rows = (await self.http.get(f"/runs/{name}")).json()["rows"]
            return rows[-1] if rows else None

        return await poll(found)

    async def post(self, path: str, body: Any) -> Any:
        answer = await self.http.post(path, json=body)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()


@asynccontextmanager
async def shop_client(running: RunningShop) -> AsyncIterator[Shop]:
    async with httpx.AsyncClient(base_url=running.url, trust_env=False, timeout=30) as http:
        yield Shop(running, http)


@contextmanager
def running_shop(account: Account, folder: Path) -> Iterator[RunningShop]:
    port = free_port()
    url = f"http://localhost:{port}"
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.sdk.django.shop.settings",
        "SHOP_DATABASE": str(folder / "shop.db"),
        "SHOP_URL": url,
        "QSTASH_URL": account.url,
        "QSTASH_TOKEN": account.token,
        "QSTASH_CURRENT_SIGNING_KEY": account.current_key,
        "QSTASH_NEXT_SIGNING_KEY": account.next_key,
    }
    running = RunningShop(url, environment)
    running.manage("migrate", "--verbosity", "0")
    serve = ("-m", "django", "runserver", "--noreload", f"localhost:{port}")
    with program(sys.executable, *serve, folder=ROOT, environment=environment) as server:
        server.wait_output("Starting development server")
        yield running
