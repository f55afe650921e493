"""Tokens of a project, for its operator."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from relaypost.domain.errors import Invalid, NotFound
from relaypost.domain.tokens import Bindings, TokenKind, TokenSlot
from relaypost.domain.types import ProjectId
from relaypost.service import projects, tokens
from relaypost.service.administration import Administration
from relaypost.service.directory import Directory
from relaypost.store.sqlite.store import SqliteStore
from relaypost.wire.tokens import DEVELOPMENT_USERS, digest, user_of
from tests.support.clocks import FakeClock
from tests.support.messages import NOW
from tests.support.offices import administration_of

PUBLIC = DEVELOPMENT_USERS[1].token


@pytest.fixture
async def office() -> AsyncIterator[Administration]:
    store = SqliteStore(None, inline=True)
    yield administration_of(store, FakeClock(), Directory(development=False))
    await store.upkeep.close()


async def made(office: Administration, name: str = "shop") -> str:
    token = (await projects.add_project(office, name)).token
    assert token is not None
    return token


def is_accepted(office: Administration, token: str | None) -> bool:
    assert token is not None
    return office.directory.authenticate(token) is not None


async def test_an_added_token(office: Administration) -> None:
    await made(office)
    text = await tokens.add_token(office, "shop", TokenKind.READ_ONLY)
    assert user_of(text) == "shop"
    (added,) = [
        token for token in await tokens.list_tokens(office, "shop") if token.slot is TokenSlot.ADDED
    ]
    assert added == office.directory.authenticate(text)
    assert (added.digest, added.kind, added.created_at) == (digest(text), 1, NOW)


async def test_bindings_are_kept_as_they_are_compared(office: Administration) -> None:
    await made(office)
    text = await tokens.add_token(
        office,
        "shop",
        TokenKind.PUBLISH_ONLY,
        bindings=Bindings(hosts=("Shop.example:0443",), groups=("orders",)),
    )
    token = office.directory.authenticate(text)
    assert token is not None
    assert token.bindings == Bindings(hosts=("shop.example:443",), groups=("orders",))
    assert token in await tokens.list_tokens(office, "shop")


@pytest.mark.parametrize(
    ("kind", "bindings", "words"),
    [
        (TokenKind.FULL, Bindings(hosts=("a.example",)), "only publish-only"),
        (TokenKind.READ_ONLY, Bindings(groups=("a",)), "only publish-only"),
        (TokenKind.PUBLISH_ONLY, Bindings(hosts=("a.example/x",)), "is no host"),
        (TokenKind.PUBLISH_ONLY, Bindings(groups=("a b",)), "no name of a URL group"),
    ],
)
async def test_bindings_that_cannot_be(
    office: Administration, kind: TokenKind, bindings: Bindings, words: str
) -> None:
    await made(office)
    with pytest.raises(Invalid, match=words):
        await tokens.add_token(office, "shop", kind, bindings=bindings)
    assert len(await tokens.list_tokens(office, "shop")) == 2


async def test_a_token_that_clients_hold_already(office: Administration) -> None:
    await made(office)
    given = "!" + "x" * 510 + "~"
    assert await tokens.add_token(office, "shop", TokenKind.FULL, given=given) == given
    assert is_accepted(office, given)
    with pytest.raises(Invalid, match="in use"):
        await tokens.add_token(office, "shop", TokenKind.READ_ONLY, given=given)


async def test_a_token_opens_one_project(office: Administration) -> None:
    token = await made(office)
    await made(office, "other")
    with pytest.raises(Invalid, match="in use"):
        await tokens.add_token(office, "other", TokenKind.FULL, given=token)


@pytest.mark.conformance("K-22")
@pytest.mark.parametrize("given", ["", "x" * 513, "a b", "é", "a\n", PUBLIC])
async def test_what_is_no_token(office: Administration, given: str) -> None:
    await made(office)
    with pytest.raises(Invalid):
        await tokens.add_token(office, "shop", TokenKind.FULL, given=given)


async def test_a_roll_with_overlap(office: Administration) -> None:
    old = await made(office)
    following = await tokens.make_next(office, "shop", replace=False)
    assert is_accepted(office, old)
    assert is_accepted(office, following.credentials.token)
    with pytest.raises(Invalid, match="next pair already"):
        await tokens.make_next(office, "shop", replace=False)
    another = await tokens.make_next(office, "shop", replace=True)
    assert not is_accepted(office, following.credentials.token)
    for stale in (following.sha256, digest(old).hex(), "", "zz", another.sha256[:12]):
        with pytest.raises(Invalid):
            await tokens.roll(office, "shop", stale)
    await tokens.roll(office, "shop", another.sha256.upper())
    assert not is_accepted(office, old)
    assert is_accepted(office, another.credentials.token)
    assert is_accepted(office, another.credentials.read_only_token)
    with pytest.raises(Invalid, match="no next pair"):
        await tokens.roll(office, "shop", another.sha256)
    assert {token.slot for token in await tokens.list_tokens(office, "shop")} == {TokenSlot.CURRENT}


async def test_a_reset(office: Administration) -> None:
    old = await made(office)
    following = await tokens.make_next(office, "shop", replace=False)
    added = await tokens.add_token(office, "shop", TokenKind.PUBLISH_ONLY)
    new = await tokens.reset(office, "shop", everything=False)
    assert not is_accepted(office, old)
    assert not is_accepted(office, following.credentials.token)
    assert is_accepted(office, new.token)
    assert is_accepted(office, added)
    newer = await tokens.reset(office, "shop", everything=True)
    assert [is_accepted(office, token) for token in (new.token, added)] == [False, False]
    assert is_accepted(office, newer.read_only_token)


async def test_of_simultaneous_changes_none_is_lost(office: Administration) -> None:
    await made(office)
    adding = (tokens.add_token(office, "shop", TokenKind.READ_ONLY) for _ in range(5))
    added = await asyncio.gather(*adding)
    assert all(is_accepted(office, token) for token in added)
    assert len(await tokens.list_tokens(office, "shop")) == 7


async def test_no_such_project_or_token(office: Administration) -> None:
    with pytest.raises(NotFound, match="no project 'shop'"):
        await tokens.list_tokens(office, "shop")
    await made(office)
    with pytest.raises(NotFound, match="fingerprint"):
        await tokens.revoke_token(office, "shop", "ffffffffffff")


async def test_somebody_else_who_never_stops(office: Administration) -> None:
    await made(office)

    class Busy:
        tokens = office.projects.tokens

        async def set_tokens(self, *_: object, **__: object) -> bool:
            return False

    busy = replace(office, projects=Busy())  # type: ignore[arg-type]  # all that is asked for
    with pytest.raises(Invalid, match="try again"):
        await tokens.revoke_token(busy, "shop", (await _first(office)).hex())


async def _first(office: Administration) -> bytes:
    return (await tokens.list_tokens(office, "shop"))[0].digest


async def test_what_was_told_is_what_is_stored(office: Administration) -> None:
    """A later start accepts the same tokens."""
    old = await made(office)
    following = await tokens.make_next(office, "shop", replace=False)
    later = Directory(development=False)
    await later.load(office.projects)
    for text in (old, following.credentials.token):
        assert text is not None
        assert later.authenticate(text) == office.directory.authenticate(text)
    assert later.project(ProjectId(1)) == office.directory.project(ProjectId(1))
