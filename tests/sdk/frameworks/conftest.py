"""Frameworks as programs of their own; each is started when the first test needs it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.programs import program
from tests.support.servers import Account, RelaypostProcess

FOLDER = Path(__file__).parent
ADDRESS = r"http://(?:localhost|127\.0\.0\.1):(\d+)"
COMPILE_SECONDS = 120.0
VITE = "node ../node_modules/vite/bin/vite.js"


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """How it is started on a free port; it prints its address when it is there."""

    command: tuple[str, ...]
    folder: Path = FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A route that lets signed deliveries pass, and answers what its handler was given."""

    framework: str
    path: str
    unsigned: int = 403
    """The status of a request without a signature."""
    forged: int = 500
    """The status of one with a signature that is none; the helpers of the SDK throw."""
    parses: bool = False
    """Whether a body of type `application/json` is handed on parsed."""


FRAMEWORKS = {
    "next": Framework(
        command=("node", "node_modules/next/dist/bin/next", "dev", "--port", "0"),
        folder=FOLDER / "nextjs",
    ),
    "sveltekit": Framework(
        command=("sh", "-c", f"{VITE} build && exec {VITE} preview --port 0"),
        folder=FOLDER / "sveltekit",
    ),
    "hono": Framework(command=("node", "hono.mjs")),
    "fastapi": Framework(
        command=(sys.executable, "-m", "uvicorn", "--port", "0", "fastapi_app:app")
    ),
}
RECEIVERS = {
    "next-app-router": Receiver(framework="next", path="/app-router"),
    "next-app-router-edge": Receiver(framework="next", path="/edge-runtime"),
    "next-pages-router": Receiver(framework="next", path="/api/pages", unsigned=400, parses=True),
    "next-pages-router-edge": Receiver(framework="next", path="/api/edge"),
    "sveltekit": Receiver(framework="sveltekit", path="/receive"),
    "hono": Receiver(framework="hono", path="/receive", unsigned=401, forged=401),
    "fastapi": Receiver(framework="fastapi", path="/receive", unsigned=401, forged=401),
}


@pytest.fixture(scope="session")
def account(development: RelaypostProcess) -> Account:
    return development.accounts["testUser3"]


@pytest.fixture(scope="session")
def origin_of(account: Account) -> Iterator[Callable[[str], str]]:
    """Where a framework listens; it runs from the first question on."""
    keys = {
        "QSTASH_CURRENT_SIGNING_KEY": account.current_key,
        "QSTASH_NEXT_SIGNING_KEY": account.next_key,
    }
    origins: dict[str, str] = {}
    with ExitStack() as running:

        def origin_of(name: str) -> str:
            if name not in origins:
                it = FRAMEWORKS[name]
                started = running.enter_context(
                    program(*it.command, folder=it.folder, environment=keys)
                )
                origins[name] = f"http://localhost:{started.wait_output(ADDRESS)[1]}"
            return origins[name]

        yield origin_of


@pytest.fixture(params=RECEIVERS)
def receiver(request: pytest.FixtureRequest) -> Receiver:
    return RECEIVERS[request.param]


@pytest.fixture
def url(receiver: Receiver, origin_of: Callable[[str], str]) -> str:
    """The address of a route that is ready: some compile at the first request."""
    url = origin_of(receiver.framework) + receiver.path
    answer = httpx.post(url, timeout=COMPILE_SECONDS, trust_env=False)
    assert answer.status_code == receiver.unsigned, answer.text
    return url
