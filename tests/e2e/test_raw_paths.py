"""A destination in the path of a request reaches the wire byte for byte (P-3)."""

from urllib.parse import quote

import pytest

from tests.support.http1 import ask
from tests.support.servers import RelaypostProcess, running
from tests.support.sinks import Sink

TARGETS = [
    "/",
    "/a%2Fb//c?x=%20&y",
    "//two//slashes//",
    "/dots/../and/./dots",
    "/%2e%2e/%2E/encoded%2fdots",
    "/semi;colon=1;x,y",
    "/brackets/[0]/{1}|2^3`4",
    "/quotes/'single'/\"double\"",
    "/colon:and@sign!$&'()*+,=",
    "/plus+and%2Bplus?q=a+b&r=a%2Bb",
    "/percent%25/%zz/%",
    "/back\\slash",
    "/tilde~/~user",
    "/?only",
    "/x?a=b?c=d",
    "/x?next=https://other.example/y?z=1",
    "/%D1%84?%E2%82%AC=%F0%9F%98%80",
]


@pytest.mark.conformance("P-3")
@pytest.mark.parametrize("target", TARGETS)
async def test_a_destination_is_kept(dev: RelaypostProcess, sink: Sink, target: str) -> None:
    reply = await ask(dev.port, "POST", f"/v2/publish/{sink.url}{target}", body=b"")

    assert reply.status == 200, reply.body
    (received,) = await sink.wait_for(1, target.partition("?")[0])
    assert received.target == target


@pytest.mark.conformance("P-3")
@pytest.mark.parametrize("place", ["first", "between", "last"])
async def test_options_of_the_server_are_taken_out(
    dev: RelaypostProcess, sink: Sink, place: str
) -> None:
    options = "Upstash-Retries=2&upstash-forward-x-shop=a+b"
    query = {
        "first": f"{options}&x=%20&y",
        "between": f"x=%20&{options}&y",
        "last": f"x=%20&y&{options}",
    }

    await ask(dev.port, "POST", f"/v2/publish/{sink.url_of('/a%2Fb//c')}?{query[place]}", body=b"")

    received = await sink.wait_one("/a%2Fb//c")
    assert received.target == "/a%2Fb//c?x=%20&y"
    assert received.header("X-Shop") == "a b"


async def test_an_encoded_destination_is_understood(dev: RelaypostProcess, sink: Sink) -> None:
    """A whole URL as one segment, and one whose slashes a proxy has merged."""
    encoded = quote(sink.url_of("/encoded"), safe="")
    merged = sink.url_of("/merged").replace("http://", "http:/")

    for destination in (encoded, merged):
        assert (await ask(dev.port, "POST", f"/v2/publish/{destination}", body=b"")).status == 200

    await sink.wait_one("/encoded")
    await sink.wait_one("/merged")


async def test_a_target_in_absolute_form(dev: RelaypostProcess, sink: Sink) -> None:
    target = f"http://relay.example/v2/publish/{sink.url_of('/absolute//x')}"

    assert (await ask(dev.port, "POST", target, body=b"")).status == 200

    await sink.wait_one("/absolute//x")


async def test_below_a_base_path() -> None:
    with running("dev", base_path="qstash/") as server:
        assert server.url.endswith("/qstash")
        below = await ask(server.port, "POST", "/qstash/v2/batch", body=b"[]")
        health = await ask(server.port, "GET", "/qstash/healthz", token=None)
        beside = await ask(server.port, "POST", "/qstash2/v2/batch", body=b"[]")

    assert (below.status, health.status, beside.status) == (200, 200, 404)
