"""SIGKILL at moments that matter to gates: answers hold, and counts are of what is open."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.publishers import TOKEN
from tests.chaos.servers import Mortal
from tests.support.http1 import ask
from tests.support.rest import poll
from tests.support.sinks import Answer, Sink, listening_sink

pytestmark = pytest.mark.chaos

PERIOD_SECONDS = 2.0
EARLY_SECONDS = 0.1
"""How much closer two arrivals may be than the starts of their attempts."""

LATE_SECONDS = 1.0


async def call(
    server: Mortal, method: str, target: str, *headers: tuple[str, str], body: bytes = b""
) -> Any:
    reply = await ask(server.line.port, method, target, *headers, token=TOKEN, body=body)
    assert reply.status == 200, reply.body
    return reply.json if reply.body else None


async def enqueue(server: Mortal, queue: str, url: str, *headers: tuple[str, str]) -> str:
    made = await call(server, "POST", f"/v2/enqueue/{queue}/{url}", *headers)
    id: str = made["messageId"]
    return id


async def publish(server: Mortal, url: str, key: str, value: str) -> str:
    limits = (("Upstash-Flow-Control-Key", key), ("Upstash-Flow-Control-Value", value))
    made = await call(server, "POST", f"/v2/publish/{url}", *limits)
    id: str = made["messageId"]
    return id


async def put_queue(server: Mortal, queue: str, **values: object) -> None:
    body = json.dumps({"queueName": queue, **values}).encode()
    await call(server, "POST", "/v2/queues", ("Content-Type", "application/json"), body=body)


async def again(server: Mortal) -> None:
    await server.kill()
    await server.start()


async def states(server: Mortal, id: str) -> list[str]:
    found = await call(server, "GET", f"/v2/events?messageId={id}&order=earliestFirst")
    return [entry["state"] for entry in found["events"]]


async def wait_states(server: Mortal, id: str, *last: str) -> None:
    """Return when the history of a message ends like this."""

    async def has_come() -> bool | None:
        return tuple((await states(server, id))[-len(last) :]) == last or None

    await poll(has_come)


def paths(sink: Sink) -> list[str]:
    return [received.path for received in sink.received]


@pytest.fixture
def server(tmp_path: Path) -> Mortal:
    return Mortal(tmp_path / "relaypost.db")


@pytest.mark.conformance("Q-14")
async def test_an_active_one_comes_first_and_the_rest_in_order(server: Mortal) -> None:
    async with listening_sink() as sink:
        await server.start()
        sink.script("/0", Answer(after=asyncio.Event()))
        ids = [await enqueue(server, "q", sink.url_of(f"/{number}")) for number in range(10)]
        await sink.wait_one()
        await server.kill()
        sink.script("/0", Answer())
        await server.start()
        received = await sink.wait_for(11)
        await wait_states(server, ids[-1], "DELIVERED")
        await server.stop()
    assert paths(sink) == ["/0", *(f"/{number}" for number in range(10))]
    assert {one.header("Upstash-Retried") for one in received} == {"0"}
    assert [one.header("Upstash-Message-Id") for one in received[1:]] == ids


async def is_free(server: Mortal) -> bool | None:
    shown = await call(server, "GET", "/v2/flowControl/erp")
    return (shown["parallelismCount"], shown["waitListSize"]) == (0, 0) or None


@pytest.mark.conformance("F-13")
async def test_only_what_is_really_open_is_counted(server: Mortal) -> None:
    async with listening_sink() as sink:
        await server.start()
        url = sink.script("/held", Answer(after=asyncio.Event()))
        for _ in range(10):
            await publish(server, url, "erp", "parallelism=3")
        await sink.wait_for(3)
        is_over = asyncio.Event()
        sink.script("/held", Answer(after=is_over))
        await again(server)
        await sink.wait_for(6)
        shown = await call(server, "GET", "/v2/flowControl/erp")
        assert (shown["parallelismCount"], shown["waitListSize"]) == (3, 7)
        shown = await call(server, "GET", "/v2/globalParallelism")
        assert shown["parallelismCount"] == 3
        is_over.set()
        received = await sink.wait_for(13)
        await again(server)
        await poll(lambda: is_free(server))
        await server.stop()
    ids = [one.header("Upstash-Message-Id") for one in received]
    assert sorted(filter(None, ids[:3])) == sorted(filter(None, ids[3:6])), "repeats come first"


@pytest.mark.conformance("F-17", "Q-13")
@pytest.mark.parametrize("waiting", [5, 1_500])
async def test_what_was_deleted_stays_deleted(server: Mortal, waiting: int) -> None:
    """The kill comes right after the answer, before all is written down."""
    async with listening_sink() as sink:
        await server.start()
        url = sink.script("/active", Answer(500, after=asyncio.Event()))
        active = await enqueue(server, "q", url)
        await sink.wait_one()
        item = {"queue": "q", "destination": sink.url_of("/waiting"), "body": "x"}
        made = await call(
            server,
            "POST",
            "/v2/batch",
            ("Content-Type", "application/json"),
            body=json.dumps([item] * waiting).encode(),
        )
        await call(server, "DELETE", "/v2/queues/q")
        await again(server)
        new = await enqueue(server, "q", sink.url_of("/new"))
        await wait_states(server, new, "DELIVERED")
        for id in (active, made[0]["messageId"], made[-1]["messageId"]):
            await wait_states(server, id, "CANCELED")
        assert (await call(server, "GET", "/v2/queues/q"))["lag"] == 0
        await server.stop()
    assert paths(sink) == ["/active", "/new"]


@pytest.mark.conformance("F-3")
async def test_windows_of_a_rate_in_real_time(server: Mortal) -> None:
    """As in the table of section 4.9; the kill in the second window gives no fresh one."""
    async with listening_sink() as sink:
        await server.start()
        ids = [
            await publish(server, sink.url_of(f"/{number}"), "erp", "rate=2, period=2s")
            for number in range(5)
        ]
        for id in ids[:4]:
            await wait_states(server, id, "DELIVERED")
        await again(server)
        up = asyncio.get_running_loop().time()
        await sink.wait_for(5)
        for number in range(5, 7):
            await publish(server, sink.url_of(f"/{number}"), "erp", "rate=2, period=2s")
        received = await sink.wait_for(7)
        await server.stop()
    assert paths(sink) == [f"/{number}" for number in range(7)]
    at = [one.at for one in received]
    for opened, following, not_before in ((0, 2, 0), (2, 4, up), (4, 6, 0)):
        ends = at[opened] + PERIOD_SECONDS
        assert at[opened + 1] < at[opened] + LATE_SECONDS
        assert ends - EARLY_SECONDS < at[following] < max(ends, not_before) + LATE_SECONDS


@pytest.mark.conformance("Q-12", "F-8")
async def test_pauses_outlast_a_kill(server: Mortal) -> None:
    async with listening_sink() as sink:
        await server.start()
        await put_queue(server, "q", parallelism=1, paused=True)
        await call(server, "POST", "/v2/flowControl/erp/pause")
        for number in range(3):
            await enqueue(server, "q", sink.url_of(f"/queued/{number}"))
            await publish(server, sink.url_of(f"/keyed/{number}"), "erp", "parallelism=1")
        await again(server)
        await call(server, "POST", f"/v2/publish/{sink.url_of('/free')}")
        await sink.wait_one()
        assert (await call(server, "GET", "/v2/queues/q"))["paused"] is True
        shown = await call(server, "GET", "/v2/flowControl/erp")
        assert (shown["isPaused"], shown["waitListSize"]) == (True, 3)
        await call(server, "POST", "/v2/queues/q/resume")
        await sink.wait_for(4)
        await call(server, "POST", "/v2/flowControl/erp/resume")
        await sink.wait_for(7)
        await server.stop()
    assert paths(sink)[1:] == [f"/{kind}/{n}" for kind in ("queued", "keyed") for n in range(3)]


@pytest.mark.conformance("Q-9")
async def test_a_callback_under_way_holds_its_queue_through_a_kill(server: Mortal) -> None:
    async with listening_sink() as sink:
        await server.start()
        back = sink.script("/back", Answer(after=asyncio.Event()))
        await enqueue(server, "q", sink.url_of("/first"), ("Upstash-Callback", back))
        await enqueue(server, "q", sink.url_of("/second"))
        await sink.wait_one("/back")
        is_over = asyncio.Event()
        sink.script("/back", Answer(after=is_over))
        await again(server)
        await sink.wait_for(2, "/back")
        await call(server, "POST", f"/v2/publish/{sink.url_of('/free')}")
        await sink.wait_one("/free")
        assert sink.at("/second") == []
        is_over.set()
        await sink.wait_one("/second")
        await server.stop()
    assert paths(sink) == ["/first", "/back", "/back", "/free", "/second"]
