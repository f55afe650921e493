"""Rate limits (section 1.8): the headers that tell SDKs which one it was, and what counts."""

import json
from collections.abc import AsyncIterator

import pytest

from relaypost.domain.limits import Limits
from relaypost.service import projects
from tests.support.http1 import Reply
from tests.support.lives import Lives
from tests.support.messages import NOW
from tests.support.offices import Office, open_office

MIDNIGHT_S = (NOW // 86_400_000 + 1) * 86_400
SECOND_S = NOW // 1000 + 1
DAILY = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")
BURST = tuple(f"burst-{name}" for name in DAILY)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with open_office() as office:
        yield office


async def token_of(office: Office, name: str = "shop", **limits: int) -> str:
    made = await projects.add_project(office.administration, name)
    for limit, value in limits.items():
        await projects.set_limit(office.administration, name, limit, value)
    assert made.token is not None
    return made.token


def daily(reply: Reply) -> list[str | None]:
    return [reply.headers.get(name) for name in DAILY]


def burst(reply: Reply) -> list[str | None]:
    return [reply.headers.get(name) for name in BURST]


NONE = [None, None, None]


async def test_by_default_there_are_none(office: Office) -> None:
    token = await token_of(office)
    replies = [await office.publish(token) for _ in range(20)]
    replies += [await office.ask(token, "GET", "/v2/events") for _ in range(20)]
    assert {reply.status for reply in replies} == {200}
    assert all(daily(reply) == burst(reply) == NONE for reply in replies)


@pytest.mark.conformance("P-35", "A-11")
async def test_the_day_is_used_up(office: Office) -> None:
    token = await token_of(office, max_daily_messages=3)
    assert [(await office.publish(token)).status for _ in range(3)] == [200] * 3
    reply = await office.publish(token)
    assert (reply.status, reply.json) == (429, {"error": "daily rate limit exceeded"})
    assert daily(reply) == ["3", "0", str(MIDNIGHT_S)]
    assert burst(reply) == NONE
    assert not [name for name in reply.headers if name.startswith("x-ratelimit")]
    assert int(reply.headers["retry-after"]) == -(-(MIDNIGHT_S * 1000 - NOW) // 1000)
    office.clock.advance(MIDNIGHT_S * 1000 - NOW)
    assert (await office.publish(token)).status == 200


async def test_a_batch_is_refused_whole(office: Office) -> None:
    token = await token_of(office, max_daily_messages=3)
    items = [{"destination": "https://example.com/"}]
    assert (await batch(office, token, items)).status == 200
    reply = await batch(office, token, items * 3)
    assert (reply.status, daily(reply)) == (429, ["3", "2", str(MIDNIGHT_S)])
    assert (await batch(office, token, items * 2)).status == 200


async def batch(office: Office, token: str, items: list[dict[str, str]]) -> Reply:
    return await office.ask(token, "POST", "/v2/batch", json.dumps(items).encode())


async def test_what_makes_no_sense_is_said_first(office: Office) -> None:
    token = await token_of(office, max_daily_messages=1)
    await office.publish(token)
    assert (await office.publish(token, "example.com/x")).status == 400
    assert (await office.publish(token, "https://example.com/?upstash-delay=400d")).status == 412


async def test_a_duplicate_is_answered_when_the_day_is_used_up(office: Office) -> None:
    token = await token_of(office, max_daily_messages=1)
    url = "https://example.com/?upstash-deduplication-id=x"
    first = (await office.publish(token, url)).json["messageId"]
    again = await office.publish(token, url)
    assert (again.status, again.json["messageId"]) == (202, first)


@pytest.mark.conformance("P-35", "A-11")
async def test_the_second_is_used_up(office: Office) -> None:
    token = await token_of(office, max_requests_per_second=2)
    first = await office.ask(token, "GET", "/v2/events")
    assert (first.status, burst(first)) == (200, ["2", "1", str(SECOND_S)])
    second = await office.ask(token, "GET", "/v2/messages/none")
    assert (second.status, burst(second)) == (404, ["2", "0", str(SECOND_S)])
    third = await office.ask(token, "DELETE", "/v2/dlq")
    assert (third.status, third.json) == (429, {"error": "burst rate limit exceeded"})
    assert burst(third) == ["2", "0", str(SECOND_S)]
    assert daily(third) == NONE
    assert third.headers["retry-after"] == "1"
    office.clock.advance(SECOND_S * 1000 - NOW)
    fourth = await office.ask(token, "GET", "/v2/events")
    assert (fourth.status, burst(fourth)) == (200, ["2", "1", str(SECOND_S + 1)])


@pytest.mark.conformance("A-11")
@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("POST", "/v2/publish/nowhere.example/", 400),
        ("GET", "/v2/messages/none", 404),
        ("GET", "/v2/nothing", 404),
        ("POST", "/v2/publish/https://h.example/?upstash-delay=400d", 412),
    ],
)
async def test_other_refusals_are_json_too(
    office: Office, method: str, target: str, status: int
) -> None:
    token = await token_of(office)
    refused = await office.ask(token, method, target)
    unknown = await office.ask("nobody", method, target)
    assert refused.status == status
    assert unknown.status in (401, 404), "an unknown route is told to everyone"
    for reply in (refused, unknown):
        assert reply.headers["content-type"] == "application/json"
        assert set(reply.json) == {"error"}


async def test_publishing_has_no_limit_of_bursts(office: Office) -> None:
    token = await token_of(office, max_requests_per_second=1)
    replies = [await office.publish(token) for _ in range(3)]
    replies += [await batch(office, token, []) for _ in range(3)]
    assert {reply.status for reply in replies} == {200}
    assert all(burst(reply) == NONE for reply in replies)
    assert (await office.ask(token, "GET", "/v2/events")).status == 200


async def test_a_refusal_counts_nothing(office: Office) -> None:
    token = await token_of(office, max_requests_per_second=2)
    for _ in range(5):
        await office.ask("nobody", "GET", "/v2/events")
        await office.ask(token, "GET", "/v2/nothing")
    replies = [await office.ask(token, "GET", "/v2/events") for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 429, 429]


async def test_a_body_over_the_limit_carries_them_too(office: Office) -> None:
    token = await token_of(office, max_requests_per_second=2, max_message_bytes=10)
    reply = await office.ask(token, "DELETE", "/v2/messages", b"x" * 11)
    assert (reply.status, burst(reply)) == (412, ["2", "1", str(SECOND_S)])


async def test_limits_of_projects_are_their_own(office: Office) -> None:
    shop = await token_of(office, max_daily_messages=1, max_requests_per_second=1, max_retries=1)
    other = await token_of(office, "other")
    for token, statuses in ((shop, [200, 429]), (other, [200, 200])):
        assert [(await office.publish(token)).status for _ in range(2)] == statuses
        events = [await office.ask(token, "GET", "/v2/events") for _ in range(2)]
        assert [reply.status for reply in events] == statuses
    retried = "https://example.com/?upstash-retries=2"
    assert (await office.publish(shop, retried)).status == 412
    assert (await office.publish(other, retried)).status == 200


async def test_limits_of_the_server_hold_for_all_others() -> None:
    async with open_office(
        limits=Limits(max_daily_messages=1, max_requests_per_second=1)
    ) as office:
        shop = await token_of(office, max_daily_messages=2)
        other = await token_of(office, "other")
        assert [(await office.publish(shop)).status for _ in range(3)] == [200, 200, 429]
        assert [(await office.publish(other)).status for _ in range(2)] == [200, 429]
        await projects.set_limit(office.administration, "shop", "max_daily_messages", None)
        assert (await office.publish(shop)).status == 429
        await projects.set_limit(office.administration, "shop", "max_daily_messages", 0)
        assert (await office.publish(shop)).status == 200


async def test_a_dead_letter_is_retried_within_the_limit(office: Office) -> None:
    token = await token_of(office, max_daily_messages=2)
    await Lives(office.store).fail()
    for path in ("/v2/dlq/retry", f"/v2/dlq/retry/{await dead_letter(office, token)}"):
        assert (await office.publish(token)).status in (200, 429)
        reply = await office.ask(token, "POST", path)
        assert (reply.status, daily(reply)) == (429, ["2", "0", str(MIDNIGHT_S)])
    await projects.set_limit(office.administration, "shop", "max_daily_messages", 3)
    assert (await office.ask(token, "POST", "/v2/dlq/retry")).status == 201
    assert (await office.publish(token)).status == 429


async def dead_letter(office: Office, token: str) -> str:
    (only,) = (await office.ask(token, "GET", "/v2/dlq")).json["messages"]
    id: str = only["dlqId"]
    return id


@pytest.mark.parametrize(("development", "statuses"), [(True, {200}), (False, {200, 429})])
async def test_sdks_in_development_poll_the_keys(development: bool, statuses: set[int]) -> None:
    limits = Limits(max_requests_per_second=1)
    async with open_office(limits=limits, development=development) as office:
        token = await token_of(office)
        replies = [await office.ask(token, "GET", "/v2/keys") for _ in range(3)]
        assert {reply.status for reply in replies} == statuses
        events = [await office.ask(token, "GET", "/v2/events") for _ in range(2)]
        assert 429 in {reply.status for reply in events}
