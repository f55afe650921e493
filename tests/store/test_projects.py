"""Projects, their tokens, keys and limits, as a store keeps them."""

from dataclasses import replace
from typing import Any

import apsw
import pytest

from relaypost.domain.projects import SigningKeys
from relaypost.domain.tokens import Bindings, Token, TokenKind, TokenSlot
from relaypost.domain.types import ProjectId
from relaypost.store.base import Store
from relaypost.store.sqlite import connection as opening
from relaypost.store.sqlite.connection import migrate, select
from tests.support.messages import NOW, OTHER_PROJECT, PROJECT, project


def token(number: int, owner: ProjectId = PROJECT, **overrides: Any) -> Token:
    plain = Token(digest=bytes([number]) * 32, project_id=owner, kind=TokenKind.FULL)
    return replace(plain, **overrides)


async def test_a_project_with_its_tokens(store: Store) -> None:
    made = project(created_at=NOW)
    tokens = [
        token(1, created_at=NOW, is_given=True),
        token(2, kind=TokenKind.READ_ONLY, slot=TokenSlot.NEXT),
        token(
            3,
            kind=TokenKind.PUBLISH_ONLY,
            slot=TokenSlot.ADDED,
            bindings=Bindings(hosts=("a.example", "b.example:81"), groups=("orders",)),
        ),
    ]
    assert await store.projects.add(made, tokens)
    assert await store.projects.all() == [made]
    assert await store.projects.tokens() == tokens


@pytest.mark.parametrize(
    "taken",
    [
        project(PROJECT, name="other"),
        project(OTHER_PROJECT, name="project-1"),
    ],
    ids=["id", "name"],
)
async def test_what_is_taken_is_not_made(store: Store, taken: Any) -> None:
    assert await store.projects.add(project(), [])
    assert not await store.projects.add(taken, [token(1, taken.id)])
    assert (await store.projects.all(), await store.projects.tokens()) == ([project()], [])


async def test_a_token_is_of_one_project(store: Store) -> None:
    await store.projects.add(project(), [token(1)])
    other = project(OTHER_PROJECT)
    assert not await store.projects.add(other, [token(1, OTHER_PROJECT)])
    assert await store.projects.all() == [project()]
    await store.projects.add(other, [])
    assert not await store.projects.set_tokens(OTHER_PROJECT, [token(1, OTHER_PROJECT)], was=[])
    assert await store.projects.tokens() == [token(1)]


async def test_tokens_are_replaced_if_they_still_are_as_known(store: Store) -> None:
    await store.projects.add(project(), [token(1)])
    await store.projects.add(project(OTHER_PROJECT), [token(9, OTHER_PROJECT)])
    following = token(1, slot=TokenSlot.NEXT)
    assert not await store.projects.set_tokens(PROJECT, [token(2)], was=[])
    assert not await store.projects.set_tokens(PROJECT, [token(2)], was=[following])
    assert await store.projects.set_tokens(PROJECT, [token(2), token(3)], was=[token(1)])
    assert await store.projects.tokens() == [token(2), token(3), token(9, OTHER_PROJECT)]


async def test_ids_are_never_used_again(store: Store) -> None:
    assert await store.projects.next_id() == 1
    for number in (1, 2):
        assert await store.projects.next_id() == number
        await store.projects.add(project(ProjectId(number)), [])
    assert await store.projects.remove(ProjectId(2), now=NOW)
    while await store.upkeep.forget_removed(10, now=NOW):
        pass
    assert await store.projects.next_id() == 3


async def test_limits(store: Store) -> None:
    await store.projects.add(project(), [])
    assert await store.projects.limits() == {}
    assert await store.projects.set_limit(PROJECT, "max_queues", 5)
    assert await store.projects.set_limit(PROJECT, "max_retries", 0)
    assert await store.projects.set_limit(PROJECT, "max_queues", 6)
    assert await store.projects.limits() == {PROJECT: {"max_queues": 6, "max_retries": 0}}
    assert await store.projects.set_limit(PROJECT, "max_queues", None)
    assert await store.projects.limits() == {PROJECT: {"max_retries": 0}}
    assert not await store.projects.set_limit(OTHER_PROJECT, "max_queues", 5)


async def test_keys_are_those_of_one_project(store: Store) -> None:
    await store.projects.add(project(), [])
    await store.projects.add(project(OTHER_PROJECT), [])
    new = SigningKeys(current="sig_next", next="sig_newest")
    assert await store.projects.set_keys(PROJECT, new, was=project().keys, now=NOW)
    assert not await store.projects.set_keys(PROJECT, new, was=project().keys, now=NOW)
    found = {one.id: one.keys for one in await store.projects.all()}
    assert found == {PROJECT: new, OTHER_PROJECT: project().keys}


async def test_a_removed_project_can_not_be_changed(store: Store) -> None:
    await store.projects.add(project(), [token(1)])
    assert await store.projects.remove(PROJECT, now=NOW)
    assert not await store.projects.remove(PROJECT, now=NOW)
    assert (await store.projects.all(), await store.projects.tokens()) == ([], [])
    assert not await store.projects.set_tokens(PROJECT, [token(2)], was=[])
    assert not await store.projects.set_limit(PROJECT, "max_queues", 5)
    new = SigningKeys(current="a", next="b")
    assert not await store.projects.set_keys(PROJECT, new, was=project().keys, now=NOW)
    again = project(OTHER_PROJECT, name="project-1")
    assert await store.projects.add(again, [token(1, OTHER_PROJECT)])
    assert await store.projects.all() == [again]


def test_what_an_older_version_wrote_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = opening._steps()
    (number,) = [at for at, step in enumerate(steps) if "CREATE TABLE new_projects" in step]
    monkeypatch.setattr(opening, "_steps", lambda: steps[:number])
    connection = apsw.Connection(":memory:")
    connection.execute("PRAGMA foreign_keys = ON").fetchall()
    migrate(connection)
    connection.execute(
        "INSERT INTO projects VALUES (7, 'shop', 'sig_a', 'sig_b', 5);"
        "INSERT INTO tokens VALUES (x'01', 7, 0), (x'02', 7, 1)"
    ).fetchall()
    monkeypatch.setattr(opening, "_steps", lambda: steps)
    migrate(connection)
    assert select(connection, "SELECT seq FROM sqlite_sequence WHERE name = 'projects'") == [(7,)]
    assert select(connection, "PRAGMA foreign_key_check") == []
    names = select(connection, "SELECT id, name, keys_rotated_at, is_removed FROM projects")
    assert names == [(7, "shop", 5, 0)]
    assert select(connection, "SELECT project_id, kind, slot FROM tokens") == [
        (7, 0, 0),
        (7, 1, 0),
    ]
