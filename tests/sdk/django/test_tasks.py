"""Tasks of django-qstash: published, delivered to its webhook, verified there, run, and kept."""

import json
import time

import httpx
import pytest

from tests.support.rest import RestApi
from tests.support.shops import Shop


async def test_delay(shop: Shop, rest: RestApi) -> None:
    task_id = await shop.delay("add", 12, other=454)

    found = await shop.wait_result(task_id, "SUCCESS")

    assert found["result"] == 466
    (row,) = found["rows"]
    assert (row["args"], row["kwargs"], row["attempt"]) == ([12], {"other": 454}, 0)
    delivered = await rest.wait_state(task_id, "DELIVERED")
    assert delivered["url"] == f"{shop.running.url}/qstash/webhook/"


async def test_an_asynchronous_task(shop: Shop) -> None:
    task_id = await shop.delay("greet", "Bärbel")

    assert (await shop.wait_result(task_id, "SUCCESS"))["result"] == {"greeting": "Grüße, Bärbel"}


async def test_a_countdown_is_a_delay(shop: Shop, rest: RestApi) -> None:
    task_id = await shop.apply_async("add", args=[1], countdown=2)

    message = await rest.get(f"/v2/messages/{task_id}")
    assert message["notBefore"] - message["createdAt"] == 2000
    assert (await shop.wait_result(task_id, "PENDING"))["rows"] == []
    assert (await shop.wait_result(task_id, "SUCCESS"))["result"] == 1


async def test_an_eta_is_a_not_before(shop: Shop, rest: RestApi) -> None:
    tomorrow = int(time.time()) + 24 * 60 * 60

    task_id = await shop.apply_async("add", args=[1], eta=tomorrow)

    message = await rest.get(f"/v2/messages/{task_id}")
    assert message["notBefore"] == tomorrow * 1000


async def test_options_of_the_message(shop: Shop, rest: RestApi) -> None:
    task_id = await shop.apply_async(
        "add", args=[1], countdown=60, label="sums", retries=7, timeout="9s"
    )

    message = await rest.get(f"/v2/messages/{task_id}")
    assert (message["label"], message["maxRetries"]) == ("sums", 7)
    assert json.loads(message["body"])["function"] == "add"


async def test_a_task_that_fails_once_is_retried(shop: Shop) -> None:
    task_id = await shop.delay("fail_once", "bread")

    found = await shop.wait_result(task_id, "SUCCESS")

    assert [(row["status"], row["attempt"]) for row in found["rows"]] == [
        ("EXECUTION_ERROR", 0),
        ("SUCCESS", 1),
    ]


async def test_a_task_that_fails_for_good_is_a_dead_letter(shop: Shop, rest: RestApi) -> None:
    task_id = await shop.delay("fail")

    failed = await rest.wait_state(task_id, "FAILED")

    found = await shop.wait_result(task_id, "EXECUTION_ERROR")
    assert [row["attempt"] for row in found["rows"]] == [0, 1]
    assert "sold out" in found["rows"][0]["traceback"]
    listed = shop.running.manage("qstash_dlq", "--list", "--message-id", task_id)
    assert "Found 1 DLQ messages" in listed
    assert f"DLQ ID: {failed['dlqId']}" in listed
    assert "Status: 422" in listed


async def test_a_dead_letter_is_published_again_by_a_command(shop: Shop, rest: RestApi) -> None:
    task_id = await shop.delay("fail")
    dead_letter = (await rest.wait_state(task_id, "FAILED"))["dlqId"]

    said = shop.running.manage("qstash_dlq", "--requeue", dead_letter, "--delete-after-requeue")

    again = said.split()[-1]
    assert (await rest.wait_state(again, "ERROR"))["responseStatus"] == 422
    assert (await rest.wait_gone(f"/v2/dlq/{dead_letter}")).status_code == httpx.codes.NOT_FOUND


async def test_a_task_asks_to_run_again(shop: Shop) -> None:
    """`self.retry()` publishes a new message, and the delivery at hand is a success."""
    task_id = await shop.delay("ask_again", 1)

    assert len((await shop.wait_result(task_id, "RETRY"))["rows"]) == 1
    again = await shop.wait_child(task_id)
    assert (again["status"], again["attempt"]) == ("SUCCESS", 1)


async def test_a_linked_task_follows(shop: Shop) -> None:
    task_id = await shop.apply_async("add", args=[1], link=[2, 3])

    linked = await shop.wait_child(task_id)

    assert (linked["status"], linked["result"]) == ("SUCCESS", {"result": 5})
    assert linked["correlation_id"] == task_id


async def test_a_deduplicated_task_runs_once(shop: Shop) -> None:
    first = await shop.delay("count", "rolls")
    second = await shop.delay("count", "rolls")

    assert second == first
    found = await shop.wait_result(first, "SUCCESS")
    assert (found["result"], len(found["rows"])) == (1, 1)


@pytest.mark.parametrize("signature", [{}, {"Upstash-Signature": "a.b.c"}])
async def test_nobody_but_the_queue_calls_the_webhook(
    shop: Shop, signature: dict[str, str]
) -> None:
    call = {"module": "tests.sdk.django.shop.tasks", "function": "add", "args": [1], "kwargs": {}}

    answer = await shop.http.post("/qstash/webhook/", json=call, headers=signature)

    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert answer.json()["error_type"] == "SignatureError"


def test_the_tasks_are_found(shop: Shop) -> None:
    found = shop.running.manage("available_tasks", "--locations")

    assert "tests.sdk.django.shop.tasks.add" in found
