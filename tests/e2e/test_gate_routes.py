"""The routes of queues and flow-control keys, byte for byte."""

import pytest

from tests.support.http1 import Reply, ask
from tests.support.servers import RelaypostProcess

JSON = ("Content-Type", "application/json")


async def post(dev: RelaypostProcess, target: str, body: bytes = b"") -> Reply:
    return await ask(dev.port, "POST", target, JSON, body=body)


@pytest.mark.conformance("P-37", "Q-3")
async def test_a_collection_with_a_trailing_slash(dev: RelaypostProcess) -> None:
    made = await post(dev, "/v2/queues/", b'{"queueName":"slash","paused":true}')
    assert (made.status, made.body, made.headers["content-length"]) == (200, b"", "0")
    assert "content-type" not in made.headers
    updated = await post(dev, "/v2/queues/", b'{"queueName":"slash","parallelism":5}')
    assert updated.status == 200
    shown = (await ask(dev.port, "GET", "/v2/queues/slash")).json
    assert (shown["parallelism"], shown["paused"]) == (5, True)
    listed = await ask(dev.port, "GET", "/v2/queues/")
    assert shown in listed.json
    assert (await ask(dev.port, "GET", "/v2/flowControl/")).json == []


@pytest.mark.conformance("Q-5")
@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/v2/queues", "GET, POST"),
        ("DELETE", "/v2/queues/", "GET, POST"),
        ("PUT", "/v2/queues/q", "DELETE, GET"),
        ("POST", "/v2/queues/q", "DELETE, GET"),
        ("GET", "/v2/queues/q/pause", "POST"),
        ("DELETE", "/v2/queues/q/resume", "POST"),
        ("POST", "/v2/flowControl", "GET"),
        ("DELETE", "/v2/flowControl/", "GET"),
        ("POST", "/v2/flowControl/k", "GET"),
        ("POST", "/v2/flowControl/k/stop", "GET"),
        ("DELETE", "/v2/flowControl/k/pause", "GET, POST"),
        ("POST", "/v2/globalParallelism", "GET"),
    ],
)
async def test_methods_that_a_path_does_not_have(
    dev: RelaypostProcess, method: str, path: str, allow: str
) -> None:
    reply = await ask(dev.port, method, path, body=b"")
    assert (reply.status, reply.headers["allow"]) == (405, allow)
    assert reply.error == "method not allowed"


@pytest.mark.conformance("Q-5")
async def test_bad_names_and_missing_queues(dev: RelaypostProcess) -> None:
    rule = "queue name may only contain alphanumeric characters, hyphens, underscores and periods"
    for method, path in (
        ("GET", "/v2/queues/a%20b"),
        ("GET", "/v2/queues/a%20b/c"),
        ("DELETE", "/v2/queues/a/b"),
        ("GET", "/v2/queues/a/"),
        ("POST", "/v2/queues//pause"),
        ("POST", "/v2/queues/a%20b/resume"),
        ("POST", "/v2/enqueue//https://example.com/"),
        ("POST", "/v2/enqueue/a%20b/https://example.com/"),
    ):
        reply = await ask(dev.port, method, path, body=b"")
        assert (reply.status, reply.error) == (400, rule), path
    gone = await ask(dev.port, "DELETE", "/v2/queues/none", body=b"")
    assert (gone.status, gone.body) == (200, b"")
    missing = await ask(dev.port, "GET", "/v2/queues/none")
    assert (missing.status, missing.error) == (404, "queue none not found")
    head = await ask(dev.port, "HEAD", "/v2/queues/none")
    assert head.status == 404


@pytest.mark.conformance("F-11", "K-27", "F-10")
async def test_a_key_is_the_rest_of_the_raw_path(dev: RelaypostProcess) -> None:
    for key in ("a/b%20c", "a//b", "x%2Fpause", "pin/pin", "%E2%82%AC"):
        paused = await post(dev, f"/v2/flowControl/{key}/pause")
        assert (paused.status, paused.body) == (200, b"")
        shown = (await ask(dev.port, "GET", f"/v2/flowControl/{key}")).json
        assert shown["isPaused"] is True
        pinned = await post(
            dev, f"/v2/flowControl/{key}/pin?parallelism=3&rate=20&period=120", b"ignored"
        )
        assert pinned.status == 200
    keys = [each["flowControlKey"] for each in (await ask(dev.port, "GET", "/v2/flowControl")).json]
    assert keys == ["a//b", "a/b c", "pin/pin", "x/pause", "\u20ac"]
    found = await ask(dev.port, "GET", "/v2/flowControl?search=PIN&unknown=1")
    assert [each["flowControlKey"] for each in found.json] == ["pin/pin"]


@pytest.mark.conformance("F-10", "F-11")
@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/v2/flowControl/nothing", 404, "flow control key nothing not found"),
        ("POST", "/v2/flowControl/erp/pin", 400, "parallelism or rate is required"),
        ("POST", "/v2/flowControl/erp/pin?rate=0", 400, "invalid rate"),
        ("POST", "/v2/flowControl/pause", 400, "flow control key is required"),
        ("POST", "/v2/flowControl//resume", 400, "flow control key is required"),
        ("POST", "/v2/flowControl/$/pause", 400, "flow control key $ is reserved"),
        ("POST", "/v2/flowControl/%24/resetRate", 400, "flow control key $ is reserved"),
    ],
)
async def test_keys_that_are_refused(
    dev: RelaypostProcess, method: str, path: str, status: int, text: str
) -> None:
    reply = await ask(dev.port, method, path, body=b"")
    assert (reply.status, reply.error) == (status, text)


async def test_global_parallelism(dev: RelaypostProcess) -> None:
    reply = await ask(dev.port, "GET", "/v2/globalParallelism")
    assert (reply.status, reply.body) == (200, b'{"parallelismMax":1000,"parallelismCount":0}')
    keyless = await ask(dev.port, "GET", "/v2/flowControl/$")
    assert keyless.json["flowControlKey"] == "$"
