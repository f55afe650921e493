"""The server for development: public users, both loopbacks, every destination, readable lines."""

import asyncio
import re

import pytest

from relaypost.wire.tokens import DEVELOPMENT_USERS
from tests.support.commands import relaypost
from tests.support.http1 import DEVELOPMENT_TOKEN, ask
from tests.support.servers import RelaypostProcess, running
from tests.support.sinks import Answer, Sink

ENVIRONMENT = re.compile(r'^QSTASH_(\w+)="(.*)"$', re.MULTILINE)


@pytest.mark.conformance("K-21")
def test_the_lines_to_copy_are_printed_for_each_user(dev: RelaypostProcess) -> None:
    last = DEVELOPMENT_USERS[-1]
    dev.wait_output(re.compile(re.escape(last.keys.next)))

    printed = ENVIRONMENT.findall(dev.output)

    assert printed == [
        line
        for user in DEVELOPMENT_USERS
        for line in (
            ("URL", dev.url),
            ("TOKEN", user.token),
            ("CURRENT_SIGNING_KEY", user.keys.current),
            ("NEXT_SIGNING_KEY", user.keys.next),
        )
    ]
    assert "for development only" in dev.output


@pytest.mark.conformance("K-20")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_both_loopback_addresses_answer(dev: RelaypostProcess, host: str) -> None:
    reply = await ask(dev.port, "POST", "/v2/batch", body=b"[]", host=host)

    assert reply.status == 200


@pytest.mark.conformance("K-21")
async def test_deduplication_keeps_users_apart(dev: RelaypostProcess, sink: Sink) -> None:
    """The same id of two users is two messages; each is signed with the keys of its user."""
    target = f"/v2/publish/{sink.url_of('/same')}"
    header = ("Upstash-Deduplication-Id", "one-id")

    replies = [
        await ask(dev.port, "POST", target, header, token=user.token, body=b"")
        for user in DEVELOPMENT_USERS
    ]

    assert [reply.status for reply in replies] == [200] * 4
    assert len({reply.json["messageId"] for reply in replies}) == 4
    assert len(await sink.wait_for(4, "/same")) == 4


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_it_refuses_to_be_exposed(host: str) -> None:
    ended = relaypost("dev", "--port", "0", "--host", host)

    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        f"relaypost: relaypost dev has public credentials and will not listen on {host}; "
        "--expose forces it\n"
    )


@pytest.mark.parametrize(
    ("host", "callers"), [("0.0.0.0", ["127.0.0.1"]), ("::", ["127.0.0.1", "::1"])]
)
async def test_it_can_be_exposed_by_force(host: str, callers: list[str], sink: Sink) -> None:
    with running("dev", "--expose", host=host) as server:
        assert "WARNING: everyone who reaches this address can use it." in server.output
        for caller in callers:
            target = f"/v2/publish/{sink.url_of('/from')}"
            assert (await ask(server.port, "POST", target, body=b"", host=caller)).status == 200
        received = await sink.wait_for(len(callers), "/from")

    assert sorted(one.header("Upstash-Caller-Ip") or "" for one in received) == callers


async def test_production_refuses_loopback_destinations() -> None:
    with running("serve", database_url="sqlite://", token="t") as server:
        for host, address in (
            ("127.0.0.1", "127.0.0.1"),
            ("localhost", "127.0.0.1"),
            ("[::1]", "::1"),
        ):
            reply = await ask(
                server.port, "POST", f"/v2/publish/http://{host}:1/", token="t", body=b""
            )
            assert (reply.status, reply.error) == (
                400,
                "invalid destination url: endpoint resolves to a loopback address: "
                f"{address} (see RELAYPOST_ALLOW_NETWORKS)",
            )


async def test_each_delivery_is_one_line(dev: RelaypostProcess, sink: Sink) -> None:
    fine = sink.url_of("/fine")
    failing = sink.script("/failing", Answer(500), Answer(503), Answer(200))
    hopeless = sink.script("/hopeless", Answer(404))
    refusing = sink.script("/no", Answer(489, headers=(("Upstash-NonRetryable-Error", "true"),)))
    retry = (("Upstash-Retries", "2"), ("Upstash-Retry-Delay", "10"))

    ids = [
        (await ask(dev.port, "POST", f"/v2/publish/{url}", *headers, body=b"")).json["messageId"]
        for url, headers in (
            (fine, (("Upstash-Method", "PUT"),)),
            (failing, retry),
            (hopeless, (("Upstash-Retries", "0"),)),
            (refusing, retry),
            ("http://127.0.0.1:1/", (("Upstash-Retries", "0"),)),
        )
    ]

    time, took = r"\d\d:\d\d:\d\d", r"in \d+ ms"
    for line in (
        rf"{time} PUT {fine} -> 200 {took}  {ids[0]}\n",
        rf"{time} POST {failing} -> 500 {took}, retry 1 of 2 in \d+ ms  {ids[1]}\n",
        rf"{time} POST {failing} -> 503 {took}, retry 2 of 2 in \d+ ms  {ids[1]}\n",
        rf"{time} POST {failing} -> 200 {took}  {ids[1]}\n",
        rf"{time} POST {hopeless} -> 404 {took}, no retries: now a dead letter  {ids[2]}\n",
        rf"{time} POST {refusing} -> 489 {took}, not to be retried: now a dead letter  {ids[3]}\n",
        rf"{time} POST http://127.0.0.1:1/ -> connection failed: connection refused {took}, "
        rf"no retries: now a dead letter  {ids[4]}\n",
    ):
        await asyncio.to_thread(dev.wait_output, re.compile(line))
    assert "\33" not in dev.output


async def test_what_it_prints_can_be_less(sink: Sink) -> None:
    with running("dev", log_deliveries="failures") as server:
        for path, answer in (("/fine", Answer(200)), ("/bad", Answer(500))):
            target = f"/v2/publish/{sink.script(path, answer)}"
            await ask(server.port, "POST", target, ("Upstash-Retries", "0"), body=b"")
            await sink.wait_one(path)
        await asyncio.to_thread(server.wait_output, re.compile("-> 500"))
        assert "-> 200" not in server.output


async def test_production_logs_failures_only(sink: Sink) -> None:
    settings = {"database_url": "sqlite://", "token": DEVELOPMENT_TOKEN[:20], "log_format": "json"}
    with running("serve", allow_networks="127.0.0.1/32", **settings) as server:
        for path, answer in (("/fine", Answer(200)), ("/bad", Answer(500))):
            target = f"/v2/publish/{sink.script(path, answer)}"
            header = ("Upstash-Retries", "0")
            await ask(server.port, "POST", target, header, token=settings["token"], body=b"")
            await sink.wait_one(path)
        line = await asyncio.to_thread(server.wait_output, re.compile(r'^\{.*"attempt".*$', re.M))

    assert '"level":"warning"' in line[0]
    assert '"status":500' in line[0]
    assert "/fine" not in server.output
