"""A trailing slash where an id belongs must never become a call for everything (section 1.1)."""

import pytest

from tests.support.http1 import ask
from tests.support.servers import RelaypostProcess
from tests.support.sinks import Sink


@pytest.mark.conformance("P-37")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/v2/messages/"),
        ("DELETE", "/v2/messages/?count=10"),
        ("DELETE", "/v2/dlq/"),
        ("POST", "/v2/dlq/retry/"),
    ],
)
async def test_an_empty_id_changes_nothing(
    dev: RelaypostProcess, sink: Sink, method: str, path: str
) -> None:
    target = f"/v2/publish/{sink.url_of('/later')}"
    await ask(dev.port, "POST", target, ("Upstash-Delay", "0.3s"), body=b"still here")

    reply = await ask(dev.port, method, path, body=b"")

    assert reply.status == 404
    assert (await sink.wait_one("/later")).body == b"still here"
