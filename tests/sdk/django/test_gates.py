"""Tasks of django-qstash in queues, and under flow control."""

from tests.support.rest import RestApi
from tests.support.shops import Shop


async def test_a_task_in_a_queue(shop: Shop, rest: RestApi) -> None:
    task_id = await shop.apply_async("add", args=[1, 2], queue="sums")

    assert (await shop.wait_result(task_id, "SUCCESS"))["result"] == 3
    assert (await rest.wait_state(task_id, "DELIVERED"))["queueName"] == "sums"
    assert (await rest.get("/v2/queues/sums"))["parallelism"] == 1


async def test_a_task_under_flow_control(shop: Shop, rest: RestApi) -> None:
    limits = {"key": "sums", "rate": 10, "period": "1m"}

    task_id = await shop.apply_async("add", args=[1, 2], flow_control=limits)

    assert (await shop.wait_result(task_id, "SUCCESS"))["result"] == 3
    key = await rest.get("/v2/flowControl/sums")
    assert (key["rateMax"], key["ratePeriod"]) == (10, 60)
