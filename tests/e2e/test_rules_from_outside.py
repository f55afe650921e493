"""Rules of the protocol that show only over a real connection, each at a running server."""

import asyncio

import pytest

from tests.support.http1 import DEVELOPMENT_TOKEN, ask
from tests.support.rest import rest_api
from tests.support.servers import RelaypostProcess, running
from tests.support.sinks import Answer, Sink

TARGETS = (
    ("GET", "/v2/messages/msg_x"),
    ("GET", "/v2/events"),
    ("GET", "/v2/logs/"),
    ("GET", "/v2/dlq"),
    ("GET", "/v2/keys"),
    ("GET", "/v2/topics"),
    ("POST", "/v2/topics/grp/endpoints/"),
    ("POST", "/v2/batch/"),
    ("POST", "/v2/publish/nowhere"),
    ("POST", "/v2/publish//x"),
    ("POST", "/v2/keys/rotate/"),
    ("DELETE", "/v2/messages?count=1"),
    ("GET", "/v1/messages"),
    ("GET", "/"),
)


@pytest.mark.conformance("P-27")
async def test_plain_headers_are_forwarded_but_never_the_token(
    dev: RelaypostProcess, sink: Sink
) -> None:
    await ask(
        dev.port,
        "POST",
        f"/v2/publish/{sink.url_of('/hook')}",
        ("Upstash-Header-Forward", "true"),
        ("X-Pay-Signature", "t=1"),
        ("Accept-Language", "de"),
        body=b"x",
    )
    received = await sink.wait_one("/hook")
    assert received.header("X-Pay-Signature") == "t=1"
    assert received.header("Accept-Language") == "de"
    assert received.header("Authorization") is None
    assert DEVELOPMENT_TOKEN not in str(received)


@pytest.mark.conformance("A-5")
async def test_false_and_empty_options_are_off(dev: RelaypostProcess, sink: Sink) -> None:
    target = f"/v2/publish/{sink.url_of('/twice')}"
    off = (("Upstash-Content-Based-Deduplication", "False"), ("Upstash-Label", ""))
    first = await ask(dev.port, "POST", target, *off, body=b"x")
    second = await ask(dev.port, "POST", target, *off, body=b"x")
    assert (first.status, second.status) == (200, 200)
    assert first.json["messageId"] != second.json["messageId"]
    await sink.wait_for(2, "/twice")

    key_alone = (("Upstash-Flow-Control-Key", "k"), ("Upstash-Flow-Control-Value", ""))
    refused = await ask(dev.port, "POST", target, *key_alone, body=b"x")
    assert refused.status == 400
    assert refused.error == (
        "Upstash-Flow-Control-Key and Upstash-Flow-Control-Value should be provided together"
    )
    id = first.json["messageId"]
    shown = await ask(dev.port, "GET", f"/v2/messages/{id}", body=b"")
    assert not {"label", "labels"} & shown.json.keys()


@pytest.mark.conformance("K-28")
@pytest.mark.parametrize(("method", "target"), TARGETS)
async def test_no_route_redirects(dev: RelaypostProcess, method: str, target: str) -> None:
    reply = await ask(dev.port, method, target, body=b"")
    assert not 300 <= reply.status < 400


@pytest.mark.conformance("K-10")
async def test_users_see_nothing_of_each_other(dev: RelaypostProcess, sink: Sink) -> None:
    one, other = (dev.accounts[name] for name in ("testUser1", "testUser2"))
    async with rest_api(one) as mine, rest_api(other) as theirs:
        dead = await mine.fail(sink.script("/fail", Answer(500)))
        waiting = await mine.publish(sink.url_of("/later"), {"Upstash-Delay": "1h"})

        for path in (f"/v2/messages/{waiting}", f"/v2/dlq/{dead['dlqId']}"):
            assert (await theirs.http.get(path)).status_code == 404
            assert (await theirs.http.delete(path)).status_code == 404
        assert (await theirs.http.post(f"/v2/dlq/retry/{dead['dlqId']}")).status_code == 404
        assert (await theirs.get("/v2/events"))["events"] == []
        assert (await theirs.get("/v2/dlq"))["messages"] == []
        assert (await theirs.http.delete("/v2/messages")).json() == {"cancelled": 0}
        assert (await theirs.http.delete("/v2/dlq")).json() == {"deleted": 0}
        assert await theirs.get("/v2/keys") != await mine.get("/v2/keys")

        assert (await mine.get(f"/v2/messages/{waiting}"))["messageId"] == waiting
        assert (await mine.get(f"/v2/dlq/{dead['dlqId']}"))["messageId"] == dead["messageId"]


@pytest.mark.conformance("D-30", "D-31")
async def test_a_cancel_wins_or_loses_but_never_both(dev: RelaypostProcess, sink: Sink) -> None:
    """Whatever is answered as canceled while it waits is never sent."""
    async with rest_api(dev.accounts["testUser3"]) as rest:
        delays = {"Upstash-Delay": "0.2s"}
        ids = [await rest.publish(sink.url_of("/raced"), delays) for _ in range(20)]
        await asyncio.sleep(0.15)
        answers = await asyncio.gather(*(rest.http.delete(f"/v2/messages/{id}") for id in ids))
        for id, answer in zip(ids, answers, strict=True):
            state = "CANCELED" if answer.status_code == 200 else "DELIVERED"
            entries = [entry["state"] for entry in await rest.history(id)]
            if state == "CANCELED" and "ACTIVE" not in entries:
                assert entries == ["CREATED", "CANCEL_REQUESTED", "CANCELED"]
                assert not [r for r in sink.received if r.header("Upstash-Message-Id") == id]
            else:
                await rest.wait_state(id, "DELIVERED")


@pytest.mark.parametrize(
    ("headers", "status"),
    [((("Upstash-Retries", "x"),), 400), ((("Upstash-Delay", "400d"),), 412)],
)
async def test_errors_are_json(
    dev: RelaypostProcess, sink: Sink, headers: tuple[tuple[str, str], ...], status: int
) -> None:
    reply = await ask(dev.port, "POST", f"/v2/publish/{sink.url_of('/')}", *headers, body=b"")
    assert reply.status == status
    assert reply.error


@pytest.mark.conformance("P-39")
async def test_publishing_goes_on_while_every_slot_is_taken(sink: Sink) -> None:
    release = asyncio.Event()
    url = sink.script("/held", Answer(200, after=release))
    with running("dev", max_open_attempts="2") as server:
        replies = [
            await ask(server.port, "POST", f"/v2/publish/{url}", body=b"x") for _ in range(12)
        ]
        assert {reply.status for reply in replies} == {200}
        assert len(await sink.wait_for(2, "/held")) == 2
        release.set()
        await sink.wait_for(12, "/held")


@pytest.mark.conformance("P-34")
async def test_a_bad_step_of_a_run_is_no_400(dev: RelaypostProcess, sink: Sink) -> None:
    """An SDK of workflows takes a 400 for the end of its run."""
    step = (("Upstash-Workflow-RunId", "wfr_1"), ("Upstash-Workflow-Init", "false"))
    target = f"/v2/publish/{sink.url_of('/step')}"

    reply = await ask(dev.port, "POST", target, *step, ("Upstash-Delay", "5 s"), body=b"")
    assert reply.status == 412
    assert reply.error == 'invalid Upstash-Delay: "5 s" is not a valid duration'
