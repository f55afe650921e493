"""Schedules of django-qstash: a model whose rows are kept in step with the server's."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from tests.support.inner_servers import HeldApplication, HeldClock, serving
from tests.support.rest import RestApi
from tests.support.servers import Account
from tests.support.shops import Shop, running_shop, shop_client

CRON = "CRON_TZ=Europe/Berlin 0 8 * * *"
ADD = "tests.sdk.django.shop.tasks.add"


async def create(shop: Shop, name: str, **fields: Any) -> tuple[int, str]:
    """Create a row; answers its key and the id of its schedule."""
    row = {"name": name, "task": ADD, "args": [1, 2], "cron": CRON, **fields}
    made = await shop.post("/schedules", row)
    return made["id"], made["schedule_id"]


async def test_a_row_is_a_schedule(shop: Shop, rest: RestApi) -> None:
    _, schedule_id = await create(
        shop, "sums", retries=5, retry_delay="1000", label="sums", delay="1h", timeout="2m"
    )

    schedule = await rest.get(f"/v2/schedules/{schedule_id}")
    assert schedule["cron"] == CRON
    assert schedule["destination"] == f"{shop.running.url}/qstash/webhook/"
    assert (schedule["retries"], schedule["label"]) == (5, "sums")
    assert (schedule["delay"], schedule["timeout"]) == (3600, 120)
    assert schedule["header"]["Content-Type"] == ["application/json"]


async def test_a_changed_row_is_the_same_schedule(shop: Shop, rest: RestApi) -> None:
    key, schedule_id = await create(shop, "changed")

    await shop.post(f"/schedules/{key}", {"cron": "*/5 * * * *"})

    assert (await rest.get(f"/v2/schedules/{schedule_id}"))["cron"] == "*/5 * * * *"


async def test_an_inactive_row_is_a_paused_schedule(shop: Shop, rest: RestApi) -> None:
    key, schedule_id = await create(shop, "paused")

    await shop.post(f"/schedules/{key}", {"is_active": False})
    assert (await rest.get(f"/v2/schedules/{schedule_id}"))["isPaused"] is True

    await shop.post(f"/schedules/{key}", {"is_active": True})
    assert (await rest.get(f"/v2/schedules/{schedule_id}"))["isPaused"] is False


async def test_a_deleted_row_is_no_schedule(shop: Shop, rest: RestApi) -> None:
    key, schedule_id = await create(shop, "deleted")

    await shop.http.delete(f"/schedules/{key}")

    gone = await rest.http.get(f"/v2/schedules/{schedule_id}")
    assert gone.status_code == httpx.codes.NOT_FOUND


async def test_schedules_are_listed_by_a_command(shop: Shop) -> None:
    _, schedule_id = await create(shop, "listed", retries=2)

    listed = shop.running.manage("task_schedules", "--list")

    _, _, shown = listed.partition(f"Schedule ID: {schedule_id}")
    assert shown.split("\n")[1:6] == [
        f"  Task: listed ({ADD})",
        f"  Cron: {CRON}",
        f"  Destination: {shop.running.url}/qstash/webhook/",
        "  Retries: 2",
        "  Status: Active",
    ]


async def test_schedules_from_elsewhere_become_rows(shop: Shop, rest: RestApi) -> None:
    body = {
        "function": "add",
        "module": "tests.sdk.django.shop.tasks",
        "args": [3],
        "kwargs": {},
        "task_name": "elsewhere",
    }
    await rest.http.post(
        f"/v2/schedules/{shop.running.url}/qstash/webhook/",
        json=body,
        headers={"Upstash-Cron": "0 0 1 1 *", "Upstash-Schedule-Id": "elsewhere"},
    )

    shop.running.manage("task_schedules", "--sync", answers="y\n")

    rows = (await shop.http.get("/schedules")).json()["rows"]
    (row,) = (row for row in rows if row["schedule_id"] == "elsewhere")
    assert (row["name"], row["cron"], row["args"]) == ("elsewhere", "0 0 1 1 *", [3])


async def test_a_schedule_runs_its_task(account: Account, clock: HeldClock, tmp_path: Path) -> None:
    async with serving(HeldApplication(clock)) as url:
        with running_shop(replace(account, url=url), tmp_path) as running:
            async with shop_client(running) as shop:
                await create(shop, "each minute", cron="* * * * *", kwargs={}, args=[20, 3])
                clock.let_go()
                row = await shop.wait_run("each minute")

    assert (row["status"], row["result"]) == ("SUCCESS", {"result": 23})
