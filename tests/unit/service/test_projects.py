"""Projects and their limits, for operators."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from relaypost.domain.errors import Forbidden, Invalid, NotFound
from relaypost.domain.limits import Limits
from relaypost.domain.projects import SigningKeys
from relaypost.domain.tokens import TokenKind, TokenSlot
from relaypost.service import projects, tokens
from relaypost.service.administration import Administration
from relaypost.service.credentials import Credentials
from relaypost.service.directory import Directory
from relaypost.service.first_projects import ensure_development_projects, ensure_first_project
from relaypost.store.sqlite.store import SqliteStore
from relaypost.wire.tokens import DEVELOPMENT_USERS, digest, user_of
from tests.support.clocks import FakeClock
from tests.support.messages import NOW
from tests.support.offices import administration_of

SERVER = Limits(max_retries=7)


@pytest.fixture
async def office() -> AsyncIterator[Administration]:
    store = SqliteStore(None, inline=True)
    directory = Directory(development=False, limits=SERVER)
    yield administration_of(store, FakeClock(), directory)
    await store.upkeep.close()


async def names(office: Administration) -> list[str]:
    stored = [project.name for project in await office.projects.all()]
    assert stored == [project.name for project in projects.list_projects(office)]
    return stored


async def test_a_project_is_complete(office: Administration) -> None:
    made = await projects.add_project(office, "shop")
    assert made.token is not None
    assert made.keys is not None
    assert user_of(made.token) == "shop"
    assert all(
        len(key) >= 32 and key.startswith("sig_") for key in (made.keys.current, made.keys.next)
    )
    (known,) = projects.list_projects(office)
    assert (known.name, known.keys, known.created_at) == ("shop", made.keys, NOW)
    assert [project.keys for project in await office.projects.all()] == [made.keys]


async def test_names_are_unique_and_well_formed(office: Administration) -> None:
    await projects.add_project(office, "shop")
    with pytest.raises(Invalid, match="already"):
        await projects.add_project(office, "shop")
    with pytest.raises(Invalid, match="no name"):
        await projects.add_project(office, "my shop")
    assert await names(office) == ["shop"]


async def test_simultaneous_projects(office: Administration) -> None:
    adding = (projects.add_project(office, name) for name in ("a", "b", "b", "c"))
    made = await asyncio.gather(*adding, return_exceptions=True)
    assert sum(isinstance(one, Invalid) for one in made) == 1
    assert sorted(await names(office)) == ["a", "b", "c"]


async def test_a_removed_project_is_unknown(office: Administration) -> None:
    made = await projects.add_project(office, "shop")
    await projects.set_limit(office, "shop", "max_retries", 1)
    assert made.token is not None
    assert await projects.remove_project(office, "shop") > 0
    assert office.directory.authenticate(made.token) is None
    assert await names(office) == []
    with pytest.raises(NotFound):
        await projects.remove_project(office, "shop")
    await projects.add_project(office, "shop")
    assert projects.get_limits(office, "shop").all == SERVER


async def test_limits(office: Administration) -> None:
    await projects.add_project(office, "shop")
    await projects.add_project(office, "other")
    found = await projects.set_limit(office, "shop", "max_daily_messages", 5)
    assert (found.own, found.all.max_daily_messages) == ({"max_daily_messages": 5}, 5)
    assert found.all.max_retries == 7
    found = await projects.set_limit(office, "shop", "max_retries", 0)
    assert (found.all.max_retries, found.all.max_daily_messages) == (0, 5)
    assert projects.get_limits(office, "other").own == {}
    found = await projects.set_limit(office, "shop", "max_retries", None)
    assert (found.own, found.all.max_retries) == ({"max_daily_messages": 5}, 7)
    later = Directory(development=False, limits=SERVER)
    await later.load(office.projects)
    (shop, _) = projects.list_projects(office)
    assert later.limits_of(shop.id) == found.all


@pytest.mark.parametrize(
    ("limit", "value"), [("max_of_tomorrow", 1), ("max_retries", -1), ("max_retries", 2**53 + 1)]
)
async def test_limits_that_cannot_be(office: Administration, limit: str, value: int) -> None:
    await projects.add_project(office, "shop")
    with pytest.raises(Invalid, match="no limit"):
        await projects.set_limit(office, "shop", limit, value)
    with pytest.raises(NotFound):
        await projects.set_limit(office, "nobody", "max_retries", 1)


async def start(office: Administration, token: str | None = None) -> Credentials | None:
    """What a start does with a token that the settings give."""
    given = Credentials(token=token)
    made = await ensure_first_project(
        office.projects, given, ids=office.ids, now=office.clock.now()
    )
    await office.directory.load(office.projects)
    return made


def slots(office: Administration, *texts: str | None) -> list[TokenSlot | None]:
    assert None not in texts
    found = [office.directory.authenticate(text) for text in texts if text is not None]
    return [None if token is None else token.slot for token in found]


async def test_a_given_token_is_not_replaced_behind_the_settings(office: Administration) -> None:
    await start(office, token="given")
    following = await tokens.make_next(office, "default", replace=False)
    with pytest.raises(Invalid, match="given by a setting"):
        await tokens.roll(office, "default", following.sha256)
    with pytest.raises(Invalid, match="given by a setting"):
        await tokens.reset(office, "default", everything=True)
    with pytest.raises(Invalid, match="given by a setting"):
        await tokens.revoke_token(office, "default", digest("given").hex())
    with pytest.raises(Forbidden, match="given by a setting"):
        await projects.remove_project(office, "default")
    assert slots(office, "given", following.credentials.token) == [
        TokenSlot.CURRENT,
        TokenSlot.NEXT,
    ]


async def test_a_next_token_that_is_given_then_is_the_roll(office: Administration) -> None:
    await start(office, token="given")
    pair = (await tokens.make_next(office, "default", replace=False)).credentials
    added = await tokens.add_token(office, "default", TokenKind.PUBLISH_ONLY)
    assert pair.token is not None
    await start(office, token=pair.token)
    assert slots(office, "given", pair.token, pair.read_only_token, added) == [
        None,
        TokenSlot.CURRENT,
        TokenSlot.CURRENT,
        TokenSlot.ADDED,
    ]
    await start(office, token=pair.token)
    assert slots(office, pair.token, pair.read_only_token) == [TokenSlot.CURRENT] * 2


async def test_a_token_that_is_not_given_any_more_stays_as_its_own(office: Administration) -> None:
    made = await start(office, token="given")
    assert made is not None
    assert await start(office) is None
    assert slots(office, "given", made.read_only_token) == [TokenSlot.CURRENT] * 2
    await tokens.reset(office, "default", everything=False)
    assert slots(office, "given") == [None]


async def test_the_first_project_does_not_come_back(office: Administration) -> None:
    await start(office)
    await projects.add_project(office, "shop")
    await projects.remove_project(office, "default")
    assert await start(office) is None
    with pytest.raises(Invalid, match="relaypost tokens add"):
        await start(office, token="given")
    assert await names(office) == ["shop"]


async def test_a_given_token_that_is_another_projects(office: Administration) -> None:
    await start(office)
    made = await projects.add_project(office, "shop")
    with pytest.raises(Invalid, match="of another project"):
        await start(office, token=made.token)


async def test_development_changes_no_other_project(office: Administration) -> None:
    await start(office, token="given")
    made = await projects.add_project(office, "shop")
    await ensure_development_projects(office.projects, now=NOW)
    later = Directory(development=True)
    await later.load(office.projects)
    assert [project.name for project in later.all()] == [
        "default",
        "shop",
        *(user.name for user in DEVELOPMENT_USERS),
    ]
    assert made.token is not None
    token = later.authenticate(made.token)
    assert token is not None
    assert later.keys_of(token.project_id) == made.keys


async def test_development_projects_are_restored(office: Administration) -> None:
    user = DEVELOPMENT_USERS[0]
    await ensure_development_projects(office.projects, now=NOW)
    (known, *_) = await office.projects.all()
    changed = SigningKeys(current="sig_a", next="sig_b")
    await office.projects.set_keys(known.id, changed, was=user.keys, now=NOW)
    await ensure_development_projects(office.projects, now=NOW)
    assert [project.name for project in await office.projects.all()] == [
        user.name for user in DEVELOPMENT_USERS
    ]
    assert (await office.projects.all())[0].keys == user.keys
