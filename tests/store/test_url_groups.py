"""URL groups: what is put in comes out, limits hold, and nobody sees those of another."""

import asyncio
from dataclasses import replace

import pytest

from relaypost.domain.limits import Limits
from relaypost.domain.types import Headers, ProjectId, UnixMs
from relaypost.domain.url_groups import Endpoint, EndpointFilter, Excess, UrlGroup
from relaypost.store.sqlite.store import SqliteStore
from tests.support.messages import NOW, OTHER_PROJECT, PROJECT

ONE = Endpoint(url="https://one.example/hook", name="First endpoint")
TWO = Endpoint(url="https://two.example/hook")
LATER = UnixMs(NOW + 5)
HEADERS: Headers = (("Upstash-Retries", "3"), ("X-Both", "1"), ("X-Both", "ü\udce9"))


class Groups:
    """The groups of a store, by short words."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store.url_groups

    async def add(
        self,
        name: str,
        *endpoints: Endpoint,
        limits: Limits | None = None,
        now: UnixMs = NOW,
        project: ProjectId = PROJECT,
    ) -> Excess | None:
        return await self.store.add_endpoints(
            project, name, endpoints or (TWO,), limits=limits or Limits(), now=now
        )

    async def remove(self, name: str, *removed: EndpointFilter) -> bool:
        return await self.store.remove_endpoints(PROJECT, name, removed, now=LATER)

    async def get(self, name: str) -> UrlGroup | None:
        return next(iter(await self.store.get(PROJECT, [name])), None)

    async def names(self, project: ProjectId = PROJECT) -> list[str]:
        return [group.name for group in await self.store.all(project)]


@pytest.fixture
def groups(store: SqliteStore) -> Groups:
    return Groups(store)


def group(*endpoints: Endpoint, updated_at: UnixMs = NOW) -> UrlGroup:
    return UrlGroup(name="g", endpoints=endpoints, created_at=NOW, updated_at=updated_at)


async def test_a_new_group(groups: Groups) -> None:
    assert await groups.add("g", ONE, TWO) is None
    assert await groups.get("g") == group(ONE, TWO)
    assert await groups.get("other") is None


async def test_a_known_group_is_updated(groups: Groups) -> None:
    await groups.add("g", ONE)
    assert await groups.add("g", TWO, now=LATER) is None
    assert await groups.get("g") == group(ONE, TWO, updated_at=LATER)


async def test_what_changes_nothing_moves_no_time(groups: Groups) -> None:
    await groups.add("g", ONE, TWO)
    await groups.add("g", ONE, now=LATER)
    await groups.remove("g", EndpointFilter(name="nobody"))
    await groups.store.set_headers(PROJECT, "g", (), now=LATER)
    assert await groups.get("g") == group(ONE, TWO)


async def test_all_by_name(groups: Groups) -> None:
    assert await groups.names() == []
    for name in ("b", "a.2", "Z", "a"):
        await groups.add(name)
    assert await groups.names() == ["Z", "a", "a.2", "b"]


async def test_several_at_once(groups: Groups) -> None:
    for name in ("a", "b", "c"):
        await groups.add(name)
    found = await groups.store.get(PROJECT, {"c", "a", "nothing"})
    assert {one.name for one in found} == {"a", "c"}
    assert await groups.store.get(PROJECT, []) == []


async def test_names_are_case_sensitive(groups: Groups) -> None:
    await groups.add("g", ONE)
    await groups.add("G", TWO)
    assert await groups.get("g") == group(ONE)
    assert await groups.names() == ["G", "g"]


@pytest.mark.conformance("Q-16")
async def test_with_the_last_endpoint_goes_the_group(groups: Groups) -> None:
    await groups.add("g", ONE, TWO)
    assert await groups.remove("g", EndpointFilter(url=TWO.url))
    assert await groups.get("g") == group(ONE, updated_at=LATER)
    assert await groups.remove("g", EndpointFilter(name=ONE.name))
    assert await groups.get("g") is None


@pytest.mark.conformance("Q-17")
async def test_what_is_not_there_is_not_removed(groups: Groups) -> None:
    assert not await groups.remove("g", EndpointFilter(url=TWO.url))
    await groups.add("g", ONE)
    assert not await groups.remove("g", EndpointFilter(url=TWO.url))


async def test_default_headers(groups: Groups) -> None:
    assert await groups.store.set_headers(PROJECT, "g", HEADERS, now=LATER) is None
    await groups.add("g", ONE)
    expected = replace(group(ONE, updated_at=LATER), headers=HEADERS)
    assert await groups.store.set_headers(PROJECT, "g", HEADERS, now=LATER) == expected
    assert await groups.get("g") == expected
    await groups.add("g", TWO, now=LATER)
    assert await groups.get("g") == replace(expected, endpoints=(ONE, TWO))
    emptied = await groups.store.set_headers(PROJECT, "g", (), now=LATER)
    assert emptied == group(ONE, TWO, updated_at=LATER)


async def test_deleting(groups: Groups) -> None:
    assert not await groups.store.delete(PROJECT, "g")
    await groups.add("g", ONE)
    await groups.store.set_headers(PROJECT, "g", HEADERS, now=NOW)
    assert await groups.store.delete(PROJECT, "g")
    assert await groups.get("g") is None
    await groups.add("g", TWO)
    assert await groups.get("g") == group(TWO)


async def test_one_group_too_many(groups: Groups) -> None:
    limits = Limits(max_url_groups=2)
    for name in ("a", "b"):
        assert await groups.add(name, limits=limits) is None
    assert await groups.add("c", limits=limits) is Excess.GROUPS
    assert await groups.names() == ["a", "b"]
    assert await groups.add("a", ONE, limits=limits) is None
    assert await groups.add("c", limits=limits, project=OTHER_PROJECT) is None


async def test_one_endpoint_too_many(groups: Groups) -> None:
    limits = Limits(max_endpoints=2)
    three = Endpoint(url="https://three.example/")
    assert await groups.add("g", ONE, TWO, three, limits=limits) is Excess.ENDPOINTS
    assert await groups.get("g") is None
    assert await groups.add("g", ONE, TWO, limits=limits) is None
    assert await groups.add("g", three, limits=limits) is Excess.ENDPOINTS
    assert await groups.get("g") == group(ONE, TWO)


async def test_projects_have_groups_of_their_own(groups: Groups) -> None:
    await groups.add("g", ONE)
    await groups.add("g", TWO, project=OTHER_PROJECT)
    assert await groups.store.delete(OTHER_PROJECT, "g")
    assert await groups.names(OTHER_PROJECT) == []
    assert await groups.store.get(OTHER_PROJECT, ["g"]) == []
    assert not await groups.store.remove_endpoints(
        OTHER_PROJECT, "g", [EndpointFilter(url=ONE.url)], now=NOW
    )
    assert await groups.store.set_headers(OTHER_PROJECT, "g", HEADERS, now=NOW) is None
    assert await groups.get("g") == group(ONE)


async def test_of_many_that_add_at_once_one_creates_and_the_others_update(groups: Groups) -> None:
    endpoints = [Endpoint(url=f"https://h/{number}") for number in range(20)]
    limits = Limits(max_url_groups=1)
    answers = await asyncio.gather(*(groups.add("g", one, limits=limits) for one in endpoints))
    assert answers == [None] * 20
    found = await groups.get("g")
    assert found is not None
    assert set(found.endpoints) == set(endpoints)


async def test_a_clock_must_not_go_behind_a_group(store: SqliteStore) -> None:
    groups = Groups(store)
    assert await store.upkeep.newest_time() < NOW
    await groups.add("g", now=LATER)
    assert await store.upkeep.newest_time() == LATER
