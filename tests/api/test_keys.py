"""Signing keys (section 7.1)."""

import asyncio
from dataclasses import replace

import pytest
from qstash.signing_key import parse_signing_key_response

from relaypost.api import keys
from relaypost.domain.projects import SigningKeys
from relaypost.service.keys import FIXED
from tests.support.desk import Answer, Desk
from tests.support.lives import PROJECT

GUARD_MS = 30_000
FIRST = {"current": "sig_current", "next": "sig_next"}
SECOND = {"current": "sig_next", "next": "sig_new_0"}


async def rotate(desk: Desk) -> Answer:
    return await desk.ask(keys.rotate_keys)


async def stored(desk: Desk) -> SigningKeys:
    (project,) = await desk.service.store.projects.all()
    return project.keys


@pytest.mark.conformance("K-1")
async def test_the_answer_holds_exactly_the_pair(desk: Desk) -> None:
    answer = await desk.ask(keys.get_keys)
    assert (answer.status, answer.json) == (200, FIRST)
    read = parse_signing_key_response(answer.json)
    assert (read.current, read.next) == ("sig_current", "sig_next")


@pytest.mark.conformance("K-2")
async def test_the_next_key_becomes_the_current_one(desk: Desk) -> None:
    answer = await rotate(desk)
    assert (answer.status, answer.json) == (200, SECOND)
    assert (await desk.ask(keys.get_keys)).json == SECOND
    pair = SigningKeys(current="sig_next", next="sig_new_0")
    assert desk.projects.project(PROJECT).keys == await stored(desk) == pair


@pytest.mark.conformance("K-4")
async def test_a_rotation_soon_after_another_changes_nothing(desk: Desk) -> None:
    await rotate(desk)
    desk.clock.advance(GUARD_MS - 1)
    again = await rotate(desk)
    assert (again.status, again.json) == (200, SECOND)
    desk.clock.advance(1)
    assert (await rotate(desk)).json == {"current": "sig_new_0", "next": "sig_new_1"}


@pytest.mark.conformance("K-4")
async def test_of_simultaneous_rotations_one_counts(desk_with_threads: Desk) -> None:
    answers = await asyncio.gather(*(rotate(desk_with_threads) for _ in range(5)))
    pairs = [answer.json for answer in answers]
    assert all(pair == pairs[0] for pair in pairs)
    assert pairs[0]["current"] == "sig_next"
    assert (await desk_with_threads.ask(keys.get_keys)).json == pairs[0]
    assert (await stored(desk_with_threads)).next == pairs[0]["next"]


async def test_without_a_guard_each_rotation_counts(desk_with_threads: Desk) -> None:
    desk = desk_with_threads
    desk.service = replace(desk.service, keys=replace(desk.service.keys, guard_ms=0))
    answers = await asyncio.gather(*(rotate(desk) for _ in range(3)))
    assert len({answer.json["current"] for answer in answers}) == 3
    assert (await desk.ask(keys.get_keys)).json["next"] == (await stored(desk)).next


@pytest.mark.conformance("K-21")
async def test_keys_that_are_public_are_not_rotated(desk: Desk) -> None:
    desk.service = replace(
        desk.service, keys=replace(desk.service.keys, fixed=frozenset({"default"}))
    )
    assert (await rotate(desk)).error == (403, FIXED)
    assert (await desk.ask(keys.get_keys)).json == FIRST
