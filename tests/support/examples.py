"""The examples as a newcomer starts them, and what a visitor does: all have one HTTP interface."""

import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from tests.support.programs import Program, program
from tests.support.rest import poll
from tests.support.servers import ROOT

EXAMPLES = {
    "nextjs": ("npm", "start"),
    "nextjs-dev": ("npm", "run", "dev"),
    "fastapi": ("make", f"PYTHON={sys.executable}"),
    "django": ("make", f"PYTHON={sys.executable}"),
}
"""The one command of each."""

QUEUE = f"cd {ROOT} && exec {sys.executable} -m relaypost dev"
READY = r"Everything runs\. Open (\S+) \(mails: (\S+)\)"
T = TypeVar("T")

REQUEST_SECONDS = 75.0
"""Time for an answer on a busy machine, or for the next minute to come."""


@dataclass(frozen=True, slots=True)
class RunningExample:
    process: Program
    url: str
    mails_url: str


class Visitor:
    """Leaves feedback, and looks at what becomes of it."""

    def __init__(self, example: RunningExample, http: httpx.AsyncClient) -> None:
        self.example = example
        self.http = http

    async def submit(self, text: str) -> str:
        """Leave feedback; answers the id of its job."""
        answer = await self.http.post("/api/jobs", json={"text": text, "email": "ada@example.com"})
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        job: dict[str, str] = answer.json()
        assert job["state"] == "queued"
        return job["id"]

    async def wait_state(self, job_id: str, state: str) -> dict[str, Any]:
        """The job, once it has this state."""
        return await self._wait(lambda: self._job(job_id, state))

    async def wait_mail(self, text: str) -> dict[str, Any]:
        """The mail with this text, once the provider has taken it."""
        return await self._wait(lambda: self._mail(text))

    async def wait_shown(self, text: str) -> None:
        """Wait until the page has this text."""
        await self._wait(lambda: self._is_shown(text))

    async def _wait(self, probe: Callable[[], Awaitable[T | None]]) -> T:
        try:
            return await poll(probe, seconds=REQUEST_SECONDS)
        except TimeoutError:
            raise AssertionError(f"it never came:\n{self.example.process.output}") from None

    async def _job(self, job_id: str, state: str) -> dict[str, Any] | None:
        jobs = (await self.http.get("/api/jobs")).json()
        (job,) = (job for job in jobs if job["id"] == job_id)
        return job if job["state"] == state else None

    async def _mail(self, text: str) -> dict[str, Any] | None:
        mails = (await self.http.get(self.example.mails_url)).json()
        return next((mail for mail in mails if mail["text"] == text), None)

    async def _is_shown(self, text: str) -> bool | None:
        return text in (await self.http.get("/")).text or None


@contextmanager
def running_example(name: str, environment: Mapping[str, str]) -> Iterator[RunningExample]:
    """An example on free ports, with a queue of its own unless the environment names one."""
    folder = ROOT / f"examples/{name.removesuffix('-dev')}-ai-pipeline"
    given = {"RELAYPOST": QUEUE, "PORT": "0", "QSTASH_DEV_PORT": "0", **environment}
    with program(*EXAMPLES[name], folder=folder, environment=given) as process:
        ready = process.wait_output(READY)
        yield RunningExample(process, url=ready[1], mails_url=ready[2])
