"""URL groups over real connections: their routes, their limits, and what a killed server leaves."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.http1 import Reply, ask
from tests.support.rest import poll
from tests.support.servers import RelaypostProcess, running
from tests.support.sinks import Sink

TOKEN = "t"
GROUP = "/v2/topics/grp"


async def call(
    server: RelaypostProcess, method: str, target: str, body: Any = None, **options: Any
) -> Reply:
    raw = b"" if body is None else json.dumps(body).encode()
    return await ask(server.port, method, target, body=raw, **options)


def endpoints(*urls: str) -> dict[str, list[dict[str, str]]]:
    return {"endpoints": [{"url": url} for url in urls]}


@pytest.mark.conformance("Q-17", "A-9")
async def test_a_delete_with_a_body(dev: RelaypostProcess) -> None:
    both = endpoints("https://a.example/", "https://b.example/")
    assert (await call(dev, "POST", f"{GROUP}/endpoints", both)).status == 200
    removed = await call(dev, "DELETE", f"{GROUP}/endpoints", endpoints("https://a.example/"))
    assert (removed.status, removed.body, removed.headers["content-length"]) == (200, b"", "0")
    left = await call(dev, "GET", GROUP)
    assert left.json["endpoints"] == [{"url": "https://b.example/"}]
    empty = await call(dev, "DELETE", f"{GROUP}/endpoints")
    assert (empty.status, empty.error.partition(":")[0]) == (400, "invalid JSON body")
    assert (await call(dev, "DELETE", GROUP)).status == 200


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("DELETE", "/v2/topics", "GET"),
        ("DELETE", "/v2/topics/", "GET"),
        ("POST", "/v2/topics", "GET"),
        ("POST", GROUP, "DELETE, GET, PATCH"),
        ("PUT", GROUP, "DELETE, GET, PATCH"),
        ("GET", f"{GROUP}/endpoints", "DELETE, POST"),
        ("PATCH", f"{GROUP}/endpoints", "DELETE, POST"),
    ],
)
async def test_methods_that_a_path_does_not_have(
    dev: RelaypostProcess, method: str, target: str, allow: str
) -> None:
    reply = await call(dev, method, target, token=None)
    assert (reply.status, reply.headers["allow"]) == (405, allow)
    assert reply.error == "method not allowed"


async def test_slashes_and_escapes(dev: RelaypostProcess) -> None:
    made = await call(dev, "POST", "/v2/topics/a%2Db/endpoints/", endpoints("https://a.example/"))
    assert made.status == 200
    assert (await call(dev, "GET", "/v2/topics/a-b")).json["name"] == "a-b"
    assert [one["name"] for one in (await call(dev, "GET", "/v2/topics/")).json] == ["a-b"]
    head = await call(dev, "HEAD", "/v2/topics/a-b")
    assert (head.status, head.body) == (200, b"")
    for name in ("a-b/", "a%20b", "a/b", "%2E%2E"):
        reply = await call(dev, "GET", f"/v2/topics/{name}")
        assert (reply.status, reply.error.partition(" may ")[0]) == (400, "topic name")
    assert (await call(dev, "DELETE", "/v2/topics/a-b")).status == 200


async def test_a_read_only_token_reads_groups(tmp_path: Path) -> None:
    settings = {"token": TOKEN, "read_only_token": "r"}
    with running("serve", database_url=f"sqlite:///{tmp_path}/r.db", **settings) as server:
        body = endpoints("https://a.example/")
        for change in ("POST {}/endpoints", "DELETE {}/endpoints", "DELETE {}", "PATCH {}"):
            method, target = change.format(GROUP).split(" ")
            assert (await call(server, method, target, body, token="r")).status == 403
        assert (await call(server, "GET", "/v2/topics", token="r")).json == []
        assert (await call(server, "GET", GROUP, token="r")).status == 404


@pytest.mark.conformance("K-10")
async def test_users_have_groups_of_their_own(dev: RelaypostProcess) -> None:
    one, other = (dev.accounts[name].token for name in ("testUser1", "testUser2"))
    body = endpoints("https://a.example/")
    assert (await call(dev, "POST", f"{GROUP}/endpoints", body, token=one)).status == 200
    assert (await call(dev, "GET", GROUP, token=other)).status == 404
    assert (await call(dev, "POST", "/v2/publish/grp", token=other)).status == 404
    assert (await call(dev, "DELETE", GROUP, token=other)).status == 200
    assert (await call(dev, "GET", GROUP, token=one)).status == 200
    assert (await call(dev, "DELETE", GROUP, token=one)).status == 200


async def test_what_was_answered_is_there_after_a_kill(tmp_path: Path, sink: Sink) -> None:
    """`running` ends a server with SIGKILL; here right after the answer."""
    settings = {
        "database_url": f"sqlite:///{tmp_path}/r.db",
        "token": TOKEN,
        "allow_networks": "127.0.0.0/8",
        "max_url_groups": "1",
        "max_endpoints": "2",
    }
    urls = [sink.url_of("/one"), sink.url_of("/two")]
    with running("serve", **settings) as server:
        made = await call(server, "POST", f"{GROUP}/endpoints", endpoints(*urls), token=TOKEN)
        assert made.status == 200
    with running("serve", **settings) as server:
        headers = {"headers": {"Upstash-Label": "kept", "Upstash-Delay": "300ms"}}
        changed = await call(server, "PATCH", GROUP, headers, token=TOKEN)
        assert changed.json["endpoints"] == endpoints(*urls)["endpoints"]
    with running("serve", **settings) as server:
        assert (await call(server, "GET", GROUP, token=TOKEN)).json == changed.json
        published = await call(server, "POST", "/v2/publish/grp", token=TOKEN)
        assert [one["url"] for one in published.json] == urls
    with running("serve", **settings) as server:
        received = [await sink.wait_one("/one"), await sink.wait_one("/two")]
        ids = [one.header("Upstash-Message-Id") for one in received]
        assert ids == [one["messageId"] for one in published.json]
        await check_quotas(server)
        assert (await call(server, "DELETE", GROUP, token=TOKEN)).status == 200
    with running("serve", **settings) as server:
        assert (await call(server, "GET", GROUP, token=TOKEN)).status == 404
        await poll_delivered(server, ids)


async def check_quotas(server: RelaypostProcess) -> None:
    one_more = endpoints("https://a.example/")
    for name, quota, limit in (("grp", "maxEndpoints", 2), ("other", "maxUrlGroups", 1)):
        target = f"/v2/topics/{name}/endpoints"
        refused = await call(server, "POST", target, one_more, token=TOKEN)
        text = f"quota {quota} exceeded, current limit: {limit}"
        assert (refused.status, refused.error) == (412, text)


async def poll_delivered(server: RelaypostProcess, ids: list[str | None]) -> None:
    """Both are delivered, and still say which group they were published to."""

    async def delivered() -> set[str] | None:
        target = "/v2/events?topicName=grp&label=kept&state=DELIVERED"
        entries = (await call(server, "GET", target, token=TOKEN)).json["events"]
        found = {entry["messageId"] for entry in entries}
        return found if len(found) == len(ids) else None

    assert await poll(delivered) == set(ids)
