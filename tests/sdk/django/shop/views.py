"""Lets a test call the tasks in a process that is the shop's, as the views of a shop would."""

import json

from django.http import HttpRequest, JsonResponse
from django_qstash.app.base import AsyncResult
from django_qstash.results.models import TaskResult
from django_qstash.schedules.models import TaskSchedule

from tests.sdk.django.shop import tasks


def delay(request: HttpRequest, name: str) -> JsonResponse:
    call = json.loads(request.body)
    published = getattr(tasks, name).delay(*call["args"], **call["kwargs"])
    return JsonResponse({"task_id": published.id})


def apply_async(request: HttpRequest, name: str) -> JsonResponse:
    options = json.loads(request.body)
    if "link" in options:
        options["link"] = tasks.add.s(*options["link"])
    published = getattr(tasks, name).apply_async(**options)
    return JsonResponse({"task_id": published.id})


def result(request: HttpRequest, task_id: str) -> JsonResponse:
    """The result as the calling code would get it, and the rows behind it, oldest first."""
    found = AsyncResult(task_id)
    rows = TaskResult.objects.filter(task_id=task_id).order_by("date_created").values()
    answer = {"status": found.status, "result": found.result, "rows": list(rows)}
    return JsonResponse(answer)


def children(request: HttpRequest, task_id: str) -> JsonResponse:
    """The results of the tasks that a task has started."""
    rows = TaskResult.objects.filter(parent_task_id=task_id).values()
    return JsonResponse({"rows": list(rows)})


def runs(request: HttpRequest, name: str) -> JsonResponse:
    """The results of all tasks of a name; what a schedule runs has the name of the schedule."""
    return JsonResponse({"rows": list(TaskResult.objects.filter(task_name=name).values())})


def schedules(request: HttpRequest) -> JsonResponse:
    """List all schedules, or create one."""
    if request.method == "GET":
        return JsonResponse({"rows": list(TaskSchedule.objects.values())})
    schedule = TaskSchedule.objects.create(**json.loads(request.body))
    schedule.refresh_from_db()
    return JsonResponse({"id": schedule.pk, "schedule_id": schedule.schedule_id})


def schedule(request: HttpRequest, pk: int) -> JsonResponse:
    """Change a schedule, or delete it."""
    found = TaskSchedule.objects.get(pk=pk)
    if request.method == "DELETE":
        found.delete()
    else:
        for name, value in json.loads(request.body).items():
            setattr(found, name, value)
        found.save()
    return JsonResponse({})
