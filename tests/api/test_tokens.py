"""What each kind of token may do on each route (sections 1.3, 7.2), and when a change counts."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from relaypost.api.routes import (
    ACTIONS,
    BULK,
    COLLECTIONS,
    ITEMS,
    KEY_ACTIONS,
    KEYS,
    RAW,
    Route,
    match,
)
from relaypost.domain.tokens import Bindings, TokenKind
from relaypost.service import projects, tokens
from tests.support.http1 import Reply, connected, request
from tests.support.offices import Office, open_office

READ_ONLY_TEXT = "read-only token is not allowed to perform this operation"
PUBLISH_ONLY_TEXT = "token is not allowed to perform this operation"
UNKNOWN_TEXT = "unable to authenticate: invalid token"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
LISTS = (
    "/v2/logs",
    "/v2/events",
    "/v2/dlq",
    "/v2/queues",
    "/v2/topics",
    "/v2/schedules",
    "/v2/flowControl",
    "/v2/globalParallelism",
)


@dataclass
class Shop:
    """A project of an office, with a token of each kind."""

    office: Office
    full: str
    reader: str
    publisher: str

    async def bound(self, **bindings: tuple[str, ...]) -> str:
        return await tokens.add_token(
            self.office.administration,
            "shop",
            TokenKind.PUBLISH_ONLY,
            bindings=Bindings(**bindings),
        )

    async def pending(self) -> int:
        reply = await self.office.ask(self.full, "GET", "/v2/events?count=1000")
        return len(reply.json["events"])


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_office() as office:
        made = await projects.add_project(office.administration, "shop")
        assert made.token is not None
        assert made.read_only_token is not None
        publisher = await tokens.add_token(office.administration, "shop", TokenKind.PUBLISH_ONLY)
        yield Shop(office, made.token, made.read_only_token, publisher)


def every_route() -> list[tuple[str, str, Route]]:
    """Each method of each route, with a path that it matches."""
    ends = {b"/v2/publish/": "https://example.com/", b"/v2/enqueue/": "q/https://example.com/"}
    paths = [prefix.decode() + ends[prefix] for prefix, _ in RAW]
    paths += [path.decode() for path in (*COLLECTIONS, *BULK)]
    paths += [prefix.decode() + "some" for prefix, _ in ITEMS]
    for prefix, actions in ACTIONS.items():
        paths += [f"{prefix.decode()}some{ending.decode()}" for ending in actions]
    paths += [f"{KEYS.decode()}some/{action.decode()}" for action in (b"other", *KEY_ACTIONS)]
    found = [(path, match(path.encode())) for path in paths]
    return [
        (method, path, known.route)
        for path, known in found
        if known is not None and not known.route.needs_llm
        for method in METHODS
        if known.route.handler(method) is not None
    ]


ROUTES = [pytest.param(*one, id=f"{one[0]} {one[1]}") for one in every_route()]


@pytest.mark.conformance("K-7", "P-36")
@pytest.mark.parametrize(("method", "path", "route"), ROUTES)
async def test_a_read_only_token_reads(shop: Shop, method: str, path: str, route: Route) -> None:
    await shop.office.publish(shop.full)
    before = await shop.pending()
    reply = await shop.office.ask(shop.reader, method, path, b"[]")
    if method in ("GET", "HEAD") and path != "/v2/keys":
        assert reply.status in (200, 404)
    else:
        assert reply.status == 403
        assert method == "HEAD" or reply.error == READ_ONLY_TEXT
    assert await shop.pending() == before, "nothing changed"


@pytest.mark.conformance("K-7")
@pytest.mark.parametrize("path", [path for path in LISTS if match(path.encode())])
async def test_a_read_only_token_gets_every_list(shop: Shop, path: str) -> None:
    assert (await shop.office.ask(shop.reader, "GET", path)).status == 200


@pytest.mark.conformance("K-7")
async def test_a_read_only_token_gets_a_message(shop: Shop) -> None:
    id = (await shop.office.publish(shop.full)).json["messageId"]
    reply = await shop.office.ask(shop.reader, "GET", f"/v2/messages/{id}")
    assert (reply.status, reply.json["messageId"]) == (200, id)
    assert (await shop.office.ask(shop.reader, "DELETE", f"/v2/messages/{id}")).status == 403
    assert (await shop.office.ask(shop.full, "DELETE", f"/v2/messages/{id}")).status == 200


@pytest.mark.parametrize(("method", "path", "route"), ROUTES)
async def test_a_publish_only_token_publishes(
    shop: Shop, method: str, path: str, route: Route
) -> None:
    reply = await shop.office.ask(shop.publisher, method, path, b"[]")
    if method == "POST" and path.startswith(("/v2/publish/", "/v2/enqueue/", "/v2/batch")):
        assert route.publishes
        assert reply.status != 403
    else:
        assert not route.publishes
        assert reply.status == 403
        assert method == "HEAD" or reply.error == PUBLISH_ONLY_TEXT


def batch(*items: Any) -> bytes:
    return json.dumps(items).encode()


def refused(reply: Reply) -> bool:
    assert reply.status in (200, 403), reply.body
    if reply.status == 403:
        assert reply.error == PUBLISH_ONLY_TEXT
    return reply.status == 403


async def test_a_bound_token_publishes_to_its_hosts(shop: Shop) -> None:
    token = await shop.bound(hosts=("shop.example.com", "other.example.com:8443"))
    for url, is_refused in (
        ("https://shop.example.com/hook?x=1", False),
        ("http://shop.example.com:81/", False),
        ("https://other.example.com:8443/", False),
        ("https://other.example.com/", True),
        ("https://example.com/", True),
        ("https://shop.example.com@example.com/", True),
        ("orders", True),
        ("api/llm", True),
        ("shop.example.com", True),
    ):
        assert refused(await shop.office.publish(token, url)) is is_refused, url
        in_query = f"/v2/publish/{url}{'&' if '?' in url else '?'}qstash_token={token}"
        assert refused(await shop.office.ask(None, "POST", in_query)) is is_refused, url


async def test_a_bound_token_reports_nowhere_else(shop: Shop) -> None:
    token = await shop.bound(hosts=("shop.example.com",))
    destination = "https://shop.example.com/"
    elsewhere, here = "https://evil.example/", "https://shop.example.com/done"
    for option in (
        "upstash-callback",
        "upstash-failure-callback",
        "upstash-callback-failure-callback",
    ):
        query = f"?upstash-callback={here}&{option}={elsewhere}"
        if option == "upstash-callback":
            query = f"?{option}={elsewhere}"
        assert refused(await shop.office.publish(token, destination + query))
        query = f"?upstash-callback={here}&{option}={here}"
        assert not refused(await shop.office.publish(token, destination + query))


async def test_a_batch_is_refused_whole(shop: Shop) -> None:
    token = await shop.bound(hosts=("shop.example.com",))
    good, bad = {"destination": "https://shop.example.com/"}, {"destination": "https://x.example/"}
    reply = await shop.office.ask(token, "POST", "/v2/batch", batch(good, bad))
    assert refused(reply)
    assert reply.json["index"] == 1
    assert await shop.pending() == 0
    assert not refused(await shop.office.ask(token, "POST", "/v2/batch", batch(good, good)))


async def test_a_token_bound_to_a_group_publishes_to_no_url(shop: Shop) -> None:
    token = await shop.bound(groups=("orders",))
    assert refused(await shop.office.publish(token, "https://orders/"))
    assert refused(await shop.office.publish(token, "returns"))
    assert (await shop.office.publish(token, "orders")).status == 404, "allowed, but not there"


@pytest.mark.conformance("K-9")
async def test_a_roll_counts_for_the_next_request_of_a_connection(shop: Shop) -> None:
    office = shop.office.administration
    async with connected(shop.office.port) as wire:

        async def status(token: str) -> int:
            await wire.send(request("GET", "/v2/events", token=token))
            reply = await wire.reply()
            assert reply.status == 200 or reply.error == UNKNOWN_TEXT
            return reply.status

        assert await status(shop.full) == 200
        made = await tokens.make_next(office, "shop", replace=False)
        following, reader = made.credentials.token, made.credentials.read_only_token
        assert following is not None
        assert reader is not None
        for token in (shop.full, shop.reader, following, reader):
            assert await status(token) == 200, "both pairs are accepted meanwhile"
        await tokens.roll(office, "shop", made.sha256)
        assert [await status(token) for token in (following, reader)] == [200, 200]
        assert [await status(token) for token in (shop.full, shop.reader)] == [401, 401]
        assert (await shop.office.ask(shop.publisher, "POST", "/v2/batch", b"[]")).status == 200


async def test_a_reset_and_a_revocation_count_at_once(shop: Shop) -> None:
    office = shop.office.administration
    async with connected(shop.office.port) as wire:

        async def status(token: str | None) -> int:
            await wire.send(request("POST", "/v2/batch", token=token, body=b"[]"))
            return (await wire.reply()).status

        assert await status(shop.publisher) == 200
        made = await tokens.reset(office, "shop", everything=False)
        assert await status(shop.full) == 401
        assert await status(made.token) == 200
        assert await status(shop.publisher) == 200
        (added,) = [token for token in await tokens.list_tokens(office, "shop") if token.kind == 2]
        await tokens.revoke_token(office, "shop", added.fingerprint)
        assert await status(shop.publisher) == 401


async def test_a_removed_project_is_refused_in_the_midst_of_a_body(shop: Shop) -> None:
    async with connected(shop.office.port) as wire:
        whole = request(
            "POST", "/v2/publish/https://example.com/", token=shop.full, body=b"x" * 100
        )
        await wire.send(whole[:-1])
        assert (await shop.office.publish(shop.full)).status == 200
        await projects.remove_project(shop.office.administration, "shop")
        assert (await shop.office.publish(shop.full)).status == 401
        await wire.send(whole[-1:])
        assert (await wire.reply()).status == 401
    assert await shop.office.store.projects.all() == []
