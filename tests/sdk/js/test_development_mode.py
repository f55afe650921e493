"""The development mode of the SDK: it finds a server that runs already and downloads nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.javascript import Driver, JavaScriptError, JavaScriptSdk, driving
from tests.support.servers import RelaypostProcess
from tests.support.signatures import signature_of, verify_all
from tests.support.sinks import listening_sink


def holds_files(folder: Path) -> bool:
    return any(folder.iterdir())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the SDK would keep the program that it downloads."""
    return tmp_path


@pytest.fixture(params=["variable", "option"])
def way(request: pytest.FixtureRequest) -> str:
    """How the mode is asked for."""
    way: str = request.param
    return way


@pytest.fixture
def options(way: str) -> dict[str, Any]:
    """What clients and receivers are told beyond what they ignore in this mode."""
    return {"devMode": True} if way == "option" else {}


@pytest.fixture
def driver(development: RelaypostProcess, home: Path, way: str) -> Iterator[Driver]:
    environment = {
        **({"QSTASH_DEV": "true"} if way == "variable" else {}),
        "QSTASH_DEV_PORT": str(development.port),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home),
    }
    with driving(**environment) as driver:
        yield driver


@pytest.mark.conformance("K-20")
async def test_a_client_uses_the_server_that_runs(
    driver: Driver, development: RelaypostProcess, home: Path, options: dict[str, Any]
) -> None:
    account = development.accounts["defaultUser"]
    ignored = {"baseUrl": "http://ignored.example.com", "token": "ignored"}
    sdk = JavaScriptSdk(driver, {**ignored, **options})
    async with listening_sink() as sink:
        await sdk.call("publishJSON", {"url": sink.url_of("/hook"), "body": {"n": 1}})
        received = await sink.wait_one("/hook")
    verify_all([received], account, base_url=sink.url)
    request = {"signature": signature_of(received), "body": received.body.decode()}
    assert await driver.ask("verify", receiver=options, request=request) is True

    assert await driver.ask("strangers") == []
    assert not holds_files(home)


@pytest.mark.conformance("K-20")
async def test_queues_groups_and_schedules(
    driver: Driver, home: Path, options: dict[str, Any]
) -> None:
    sdk = JavaScriptSdk(driver, options)
    async with listening_sink() as sink:
        endpoint = {"name": "first", "url": sink.url_of("/hook")}
        await sdk.call("urlGroups.addEndpoints", {"name": "group", "endpoints": [endpoint]})
        await sdk.call_queue("queue", "upsert", {"parallelism": 2})
        (made,) = await sdk.call_queue("queue", "enqueueJSON", {"urlGroup": "group", "body": 1})
        received = await sink.wait_one("/hook")
        assert received.header("Upstash-Message-Id") == made["messageId"]
    plan = {"destination": "group", "cron": "@yearly", "queueName": "queue", "scheduleId": "plan"}
    assert await sdk.call("schedules.create", plan) == {"scheduleId": "plan"}
    for steering in ("pause", "resume"):
        await sdk.call(f"schedules.{steering}", {"schedule": "plan"})
    (found,) = await sdk.call("schedules.list")
    assert (found["destination"], found["isPaused"]) == ("group", False)
    assert (await sdk.call_queue("queue", "get"))["parallelism"] == 2
    await sdk.call("schedules.delete", "plan")
    await sdk.call("urlGroups.delete", "group")
    await sdk.call_queue("queue", "delete")
    for listed in ("schedules.list", "urlGroups.list"):
        assert await sdk.call(listed) == []
    assert not holds_files(home)


@pytest.mark.conformance("K-20")
async def test_both_loopback_addresses_answer(development: RelaypostProcess) -> None:
    account = development.accounts["defaultUser"]
    headers = {"Authorization": f"Bearer {account.token}"}
    keys = {"current": account.current_key, "next": account.next_key}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=2) as http:
        for host in ("127.0.0.1", "[::1]"):
            answer = await http.get(f"http://{host}:{development.port}/v2/keys")
            assert answer.json() == keys


async def test_without_a_server_it_would_download(home: Path, unused_url: str) -> None:
    """What the test above rules out would be seen."""
    port = urlsplit(unused_url).port
    environment = {"QSTASH_DEV": "true", "QSTASH_DEV_PORT": str(port), "HOME": str(home)}
    with driving(**environment) as driver:
        sdk = JavaScriptSdk(driver, {})
        with pytest.raises(JavaScriptError, match="no other machine"):
            await sdk.call("publish", {"url": "http://127.0.0.1/"})
        assert await driver.ask("strangers")
        assert holds_files(home)
