"""Looking up names: remembered, shared, bounded (section 3.2)."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from relaypost.outbound.resolver import Resolver, SystemLookup
from relaypost.outbound.sender import SenderLimits


class ScriptedLookup:
    """Leaves each look-up open until the test answers it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.open: dict[str, asyncio.Future[Sequence[str]]] = {}

    def __call__(self, host: str) -> asyncio.Future[Sequence[str]]:
        self.asked.append(host)
        future = self.open[host] = asyncio.get_running_loop().create_future()
        return future


def new_resolver(
    lookup: ScriptedLookup, *, answers_for: float = 60, failures_for: float = 60
) -> Resolver:
    loop = asyncio.get_running_loop()
    return Resolver(loop, lookup, answers_for=answers_for, failures_for=failures_for)


async def resolve(resolver: Resolver, lookup: ScriptedLookup, *answers: str) -> list[str]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(resolver.resolve("h.example"))
        await asyncio.sleep(0)
        if "h.example" in lookup.open:
            lookup.open.pop("h.example").set_result(answers)
    return [str(address) for address in task.result()]


async def test_answers_are_remembered() -> None:
    lookup = ScriptedLookup()
    resolver = new_resolver(lookup, failures_for=0)
    assert await resolve(resolver, lookup, "192.0.2.1", "2001:db8::1", "192.0.2.1") == [
        "192.0.2.1",
        "2001:db8::1",
    ]
    assert len(await resolve(resolver, lookup)) == 2
    assert lookup.asked == ["h.example"]


async def test_failures_are_remembered() -> None:
    lookup = ScriptedLookup()
    resolver = new_resolver(lookup, answers_for=0)
    assert await resolve(resolver, lookup) == []
    assert await resolve(resolver, lookup) == []
    assert lookup.asked == ["h.example"]


async def test_both_are_forgotten_in_time() -> None:
    lookup = ScriptedLookup()
    resolver = new_resolver(lookup, answers_for=0, failures_for=0)
    assert await resolve(resolver, lookup, "192.0.2.1") == ["192.0.2.1"]
    assert await resolve(resolver, lookup) == []
    assert await resolve(resolver, lookup, "192.0.2.2") == ["192.0.2.2"]
    assert lookup.asked == ["h.example"] * 3


def test_the_times_of_the_protocol() -> None:
    assert SenderLimits().dns_answers_for_ms <= 60_000
    assert SenderLimits().dns_failures_for_ms <= 5_000
    assert SenderLimits().connect_timeout_ms == 30_000


async def test_concurrent_lookups_of_a_name_are_one() -> None:
    lookup = ScriptedLookup()
    resolver = new_resolver(lookup)
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(resolver.resolve("h.example")) for _ in range(5)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        lookup.open["h.example"].set_result(["192.0.2.1"])
    assert lookup.asked == ["h.example"]
    assert waiting[0].cancelled()
    assert [task.result() for task in waiting[1:]] == [(ip_address("192.0.2.1"),)] * 4


async def test_a_lookup_that_raises_is_a_failure() -> None:
    lookup = ScriptedLookup()
    resolver = new_resolver(lookup)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(resolver.resolve("h.example"))
        await asyncio.sleep(0)
        lookup.open["h.example"].set_exception(OSError("no"))
    assert task.result() == ()


async def test_the_address_that_answered_comes_first() -> None:
    lookup = ScriptedLookup()
    resolver = new_resolver(lookup)
    await resolve(resolver, lookup, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    resolver.prefer("h.example", ip_address("192.0.2.3"))
    resolver.prefer("h.example", ip_address("192.0.2.9"))
    resolver.prefer("other.example", ip_address("192.0.2.9"))
    expected = ["192.0.2.3", "192.0.2.1", "192.0.2.2"]
    assert await resolve(resolver, lookup) == expected


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("192.0.2.1", ["192.0.2.1"]),
        ("0x7f.1", ["127.0.0.1"]),
        ("::1", ["::1"]),
        ("localhost", ["127.0.0.1", "::1"]),
        ("app.localhost", ["127.0.0.1", "::1"]),
    ],
)
async def test_literals_and_localhost_are_not_looked_up(host: str, addresses: list[str]) -> None:
    lookup = ScriptedLookup()
    found = await new_resolver(lookup).resolve(host)
    assert [str(address) for address in found] == addresses
    assert not lookup.asked


async def test_only_so_many_names_are_remembered() -> None:
    def at_once(host: str) -> asyncio.Future[Sequence[str]]:
        future: asyncio.Future[Sequence[str]] = asyncio.get_running_loop().create_future()
        future.set_result(["192.0.2.1"])
        asked.append(host)
        return future

    asked: list[str] = []
    resolver = Resolver(asyncio.get_running_loop(), at_once, answers_for=60, failures_for=60)
    for number in range(4097):
        await resolver.resolve(f"h{number}.example")
    await resolver.resolve("h4096.example")
    assert len(asked) == 4097
    await resolver.resolve("h0.example")
    assert len(asked) == 4098


async def test_the_system_is_asked_in_few_threads() -> None:
    lookup = SystemLookup(asyncio.get_running_loop(), max_threads=1)
    found = [lookup(host) for host in ("localhost", "nonexistent.invalid", "a..b", "127.0.0.1")]
    await asyncio.wait(found)
    known, unknown, malformed, literal = (future.result() for future in found)
    assert set(known) & {"127.0.0.1", "::1"}
    assert list(unknown) == list(malformed) == []
    assert list(literal) == ["127.0.0.1"]
