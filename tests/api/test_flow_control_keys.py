"""Flow-control keys: list, get, steer; and the open attempts of a project (4.9 to 4.13)."""

from dataclasses import replace
from typing import Any

import pytest
from qstash.flow_control_api import parse_flow_control_info

from relaypost.api import flow_control_keys, publish
from relaypost.api.flow_control_keys import ACTIONS
from relaypost.domain.flow_control import FlowControl
from relaypost.domain.gates import Capacity
from relaypost.domain.limits import Limits
from relaypost.domain.types import UnixMs
from relaypost.store.base import Claim
from tests.support.desk import Answer, Desk, open_desk
from tests.support.lives import OTHER_PROJECT, START, envelope

URL = b"https://example.com/hook"
NO_LIMITS = {
    "waitListSize": 0,
    "parallelismCount": 0,
    "rateCount": 0,
    "isPaused": False,
    "isPinnedParallelism": False,
    "isPinnedRate": False,
}


async def accept(desk: Desk, value: str, key: str = "erp", **headers: str) -> str:
    """Publish with a key; nothing starts before `start`."""
    answer = await desk.ask(
        publish.publish_one,
        URL,
        headers={
            "upstash-flow-control-key": key,
            "upstash-flow-control-value": value,
            **{f"upstash-{name}": text for name, text in headers.items()},
        },
    )
    assert answer.status == 200, answer.body
    id: str = answer.json["messageId"]
    return id


async def steer(desk: Desk, action: str, query: str = "", key: bytes = b"erp") -> Answer:
    rest = key + b"/" + action.encode()
    return await desk.ask(ACTIONS[action.encode()], rest, query=query)


async def steered(desk: Desk, action: str, query: str = "", key: bytes = b"erp") -> None:
    answer = await steer(desk, action, query, key)
    assert (answer.status, answer.body) == (200, b"")


async def shown(desk: Desk, key: bytes = b"erp") -> dict[str, Any]:
    answer = await desk.ask(flow_control_keys.get_key, key)
    assert answer.status == 200, answer.body
    fields: dict[str, Any] = answer.json
    parse_flow_control_info(fields)
    return fields


async def listed(desk: Desk, query: str = "") -> list[str]:
    answer = await desk.ask(flow_control_keys.list_keys, query=query)
    return [fields["flowControlKey"] for fields in answer.json]


@pytest.mark.conformance("F-10", "A-7")
async def test_a_key_exists_from_its_first_message_on(desk: Desk) -> None:
    refusal = (404, "flow control key erp not found")
    assert (await desk.ask(flow_control_keys.get_key, b"erp")).error == refusal
    await accept(desk, "parallelism=2")
    assert await shown(desk) == {
        **NO_LIMITS,
        "flowControlKey": "erp",
        "waitListSize": 1,
        "parallelismMax": 2,
    }


@pytest.mark.conformance("F-2", "F-10")
async def test_counts(desk: Desk) -> None:
    for _ in range(5):
        await accept(desk, "parallelism=2, rate=10, period=1m")
    await accept(desk, "parallelism=2, rate=10, period=1m", delay="1h")
    await desk.lives.start()
    assert await shown(desk) == {
        **NO_LIMITS,
        "flowControlKey": "erp",
        "waitListSize": 3,
        "parallelismMax": 2,
        "parallelismCount": 2,
        "rateMax": 10,
        "rateCount": 2,
        "ratePeriod": 60,
        "ratePeriodStart": START // 1000,
    }
    await desk.lives.end(desk.lives.active()[0])
    assert (await shown(desk))["parallelismCount"] == 1


@pytest.mark.conformance("F-6")
async def test_the_newest_message_configures_its_key(desk: Desk) -> None:
    await accept(desk, "rate=1, period=1h")
    await accept(desk, "parallelism=5")
    fields = await shown(desk)
    assert fields["parallelismMax"] == 5
    assert not {"rateMax", "ratePeriod", "ratePeriodStart"} & fields.keys()
    assert fields["rateCount"] == 0


@pytest.mark.conformance("F-7")
async def test_a_pin_holds_until_it_is_released(desk: Desk) -> None:
    await accept(desk, "rate=1, parallelism=9")
    await desk.lives.start()
    assert (await shown(desk))["rateCount"] == 1
    desk.clock.advance(100)
    await steered(desk, "pin", "parallelism=3&rate=20&period=120")
    pinned = await shown(desk)
    assert (pinned["parallelismMax"], pinned["rateMax"], pinned["ratePeriod"]) == (3, 20, 120)
    assert (pinned["isPinnedParallelism"], pinned["isPinnedRate"]) == (True, True)
    assert pinned["rateCount"] == 0
    await accept(desk, "rate=7, parallelism=7")
    await steered(desk, "unpin", "parallelism=true&rate=false")
    kept = await shown(desk)
    assert (kept["parallelismMax"], kept["rateMax"], kept["ratePeriod"]) == (3, 20, 120)
    assert (kept["isPinnedParallelism"], kept["isPinnedRate"]) == (False, True)
    await accept(desk, "parallelism=8")
    now = await shown(desk)
    assert (now["parallelismMax"], now["rateMax"]) == (8, 20)
    await steered(desk, "unpin", "rate=true")
    await accept(desk, "parallelism=8")
    assert "rateMax" not in await shown(desk)


@pytest.mark.conformance("F-9")
@pytest.mark.parametrize("action", ["resetRate", "reset"])
async def test_a_reset_begins_a_window_anew(desk: Desk, action: str) -> None:
    await accept(desk, "rate=5, period=1h")
    await desk.lives.start()
    desk.clock.advance(2500)
    await steered(desk, action)
    fields = await shown(desk)
    assert (fields["rateCount"], fields["ratePeriodStart"]) == (0, (START + 2500) // 1000)


@pytest.mark.conformance("F-9")
async def test_a_reset_comes_last(desk: Desk) -> None:
    """Messages that can start already are started first: they count for the old window."""
    await accept(desk, "rate=5, period=1h")
    lease = await desk.service.store.messages.take_lease(until=UnixMs(START + 30_000))
    desk.intake.claim = Claim(lease=lease, limit=10, bytes=1_000_000)
    await steered(desk, "resetRate")
    assert len(desk.intake.started) == 1
    assert (await shown(desk))["rateCount"] == 0


@pytest.mark.conformance("F-8")
async def test_a_pause_holds_what_comes(desk: Desk) -> None:
    await steered(desk, "pause")
    for _ in range(10):
        await accept(desk, "parallelism=100")
    await desk.lives.start()
    fields = await shown(desk)
    assert (fields["isPaused"], fields["waitListSize"], fields["parallelismCount"]) == (True, 10, 0)
    desk.intake.due.clear()
    await steered(desk, "resume")
    assert desk.intake.due == [START]
    await desk.lives.start()
    fields = await shown(desk)
    assert (fields["isPaused"], fields["waitListSize"], fields["parallelismCount"]) == (
        False,
        0,
        10,
    )


@pytest.mark.parametrize("action", ["pause", "resume", "resetRate", "reset", "unpin"])
async def test_repeating_is_harmless(desk: Desk, action: str) -> None:
    await accept(desk, "parallelism=2")
    await steered(desk, action)
    before = await shown(desk)
    await steered(desk, action)
    assert await shown(desk) == before


async def test_pause_and_pin_create_a_key(desk: Desk) -> None:
    await steered(desk, "pause", key=b"one")
    await steered(desk, "pin", "rate=2", key=b"two")
    for action in ("resume", "unpin", "resetRate", "reset"):
        await steered(desk, action, key=b"three")
    assert await listed(desk) == ["one", "two"]
    assert await shown(desk, b"one") == {**NO_LIMITS, "flowControlKey": "one", "isPaused": True}
    two = await shown(desk, b"two")
    assert (two["rateMax"], two["ratePeriod"], two["isPinnedRate"]) == (2, 1, True)


@pytest.mark.conformance("F-10")
@pytest.mark.parametrize(
    ("action", "query", "error"),
    [
        ("pin", "", "parallelism or rate is required"),
        ("pin", "parallelism=0", "invalid parallelism"),
        ("pin", "rate=x", "invalid rate"),
        ("pin", "rate=1&period=604801", "invalid period"),
        ("unpin", "parallelism=yes", "invalid parallelism"),
        ("unpin", "rate=2", "invalid rate"),
    ],
)
async def test_mistakes_change_nothing(desk: Desk, action: str, query: str, error: str) -> None:
    assert (await steer(desk, action, query)).error == (400, error)
    assert await listed(desk) == []


@pytest.mark.conformance("F-11", "K-27")
async def test_a_key_with_slashes_and_blanks(desk: Desk) -> None:
    await accept(desk, "rate=1", key="a/b c")
    await steered(desk, "pause", key=b"a/b%20c")
    assert (await shown(desk, b"a/b%20c"))["isPaused"] is True
    assert (await shown(desk, b"a%2Fb%20c"))["flowControlKey"] == "a/b c"


@pytest.mark.conformance("F-11")
async def test_the_messages_without_a_key(desk: Desk) -> None:
    for action in ("pause", "resume", "pin", "unpin", "resetRate", "reset"):
        for key in (b"$", b"%24"):
            error = "flow control key $ is reserved"
            assert (await steer(desk, action, "rate=1", key)).error == (400, error)
        assert (await steer(desk, action, "rate=1", b"")).error == (
            400,
            "flow control key is required",
        )
    answer = await desk.ask(
        publish.publish_one,
        URL,
        headers={"upstash-flow-control-key": "$", "upstash-flow-control-value": "rate=1"},
    )
    assert answer.error == (400, 'invalid Upstash-Flow-Control-Key: "$" is reserved')
    for key in (b"$", b"%24"):
        assert await shown(desk, key) == {**NO_LIMITS, "flowControlKey": "$"}
    assert await listed(desk) == []


@pytest.mark.conformance("F-12")
async def test_global_parallelism() -> None:
    async with open_desk(
        limits=Limits(max_global_parallelism=3), capacity=Capacity(project=3)
    ) as desk:
        ids = [await desk.lives.publish() for _ in range(10)]
        assert len(desk.lives.active()) == 3
        answer = await desk.ask(flow_control_keys.get_global_parallelism)
        assert answer.json == {"parallelismMax": 3, "parallelismCount": 3}
        keyless = await shown(desk, b"$")
        assert (keyless["waitListSize"], keyless["parallelismCount"]) == (7, 3)
        assert await listed(desk) == ["$"]
        await desk.lives.publish(envelope(flow_control=FlowControl(key="#", rate=9)))
        await desk.lives.publish(envelope(flow_control=FlowControl(key="%", rate=9)))
        assert await listed(desk) == ["#", "$", "%"]
        assert await listed(desk, "search=%24") == ["$"]
        assert await listed(desk, "search=x") == []
        for id in ids[:3]:
            await desk.lives.end(id)
        answer = await desk.ask(flow_control_keys.get_global_parallelism)
        assert answer.json["parallelismCount"] == 0
        theirs = await desk.ask(flow_control_keys.get_global_parallelism, project=OTHER_PROJECT)
        assert theirs.json == {"parallelismMax": 3, "parallelismCount": 0}


async def test_no_global_limit() -> None:
    async with open_desk(
        limits=Limits(max_global_parallelism=0), capacity=Capacity(project=0)
    ) as desk:
        await desk.lives.publish()
        answer = await desk.ask(flow_control_keys.get_global_parallelism)
        assert answer.json == {"parallelismMax": 0, "parallelismCount": 1}


async def test_the_list_is_sorted_and_searched(desk: Desk) -> None:
    for key in ("erp", "Zebra", "per-user", "ünder", "shop"):
        await accept(desk, "rate=1", key=key)
    assert await listed(desk) == ["Zebra", "erp", "per-user", "shop", "ünder"]
    assert await listed(desk, "search=ER") == ["erp", "per-user", "ünder"]
    assert await listed(desk, "search=%C3%9CN") == ["ünder"]
    assert await listed(desk, "search=%25") == []
    (only,) = (await desk.ask(flow_control_keys.list_keys, query="search=shop")).json
    assert only == await shown(desk, b"shop")


async def test_the_list_has_a_limit(desk: Desk) -> None:
    for key in ("c", "a", "b"):
        await accept(desk, "rate=1", key=key)
    desk.service = replace(desk.service, limits=Limits(max_listed_keys=2))
    assert await listed(desk) == ["a", "b"]
    desk.service = replace(desk.service, limits=Limits(max_listed_keys=0))
    assert await listed(desk) == ["a", "b", "c"]


async def test_projects_have_keys_of_their_own(desk: Desk) -> None:
    await accept(desk, "rate=1")
    answer = await desk.ask(flow_control_keys.list_keys, project=OTHER_PROJECT)
    assert answer.json == []
    refusal = (404, "flow control key erp not found")
    missing = await desk.ask(flow_control_keys.get_key, b"erp", project=OTHER_PROJECT)
    assert missing.error == refusal
    await desk.ask(flow_control_keys.pause_key, b"erp/pause", project=OTHER_PROJECT)
    assert (await shown(desk))["isPaused"] is False


async def test_a_duplicate_and_a_refused_request_configure_nothing(desk: Desk) -> None:
    await accept(desk, "rate=1", **{"deduplication-id": "same"})
    answer = await desk.ask(
        publish.publish_one,
        URL,
        headers={
            "upstash-flow-control-key": "erp",
            "upstash-flow-control-value": "rate=9",
            "upstash-deduplication-id": "same",
        },
    )
    assert answer.status == 202
    assert (await shown(desk))["rateMax"] == 1
