"""What comes from the queue: is it the queue's, what it reports, how to say "later" and "never"."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from qstash import Receiver
from qstash.errors import SignatureError

from feedback_desk.errors import Later, Never
from feedback_desk.models import Job

View = Callable[[HttpRequest], HttpResponse]

NON_RETRYABLE = 489

receiver = Receiver(settings.CURRENT_SIGNING_KEY, settings.NEXT_SIGNING_KEY)


def from_queue(view: View) -> View:
    """Let nobody but the queue call a view, and answer it in its terms."""

    @csrf_exempt
    @require_POST
    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if not is_signed(request):
            return HttpResponse("The signature is not the queue's.", status=403)
        try:
            return view(request)
        except Later as error:
            # Any status but 2xx and 489 is retried; Retry-After says when.
            headers = {"Retry-After": error.retry_after} if error.retry_after else {}
            return HttpResponse(str(error), status=503, headers=headers)
        except Never as error:
            headers = {"Upstash-NonRetryable-Error": "true"}
            return HttpResponse(str(error), status=NON_RETRYABLE, headers=headers)

    return checked


def is_signed(request: HttpRequest) -> bool:
    try:
        receiver.verify(
            signature=request.headers.get("Upstash-Signature", ""),
            body=request.body.decode(),
            url=f"{settings.APP_URL}{request.path}",
        )
    except SignatureError:
        return False
    return True


@dataclass(frozen=True)
class Callback:
    """What the queue reports about one attempt of a step."""

    succeeded: bool
    answer: str
    """The body of what our view answered."""
    step: str
    job: Job


def read_callback(request: HttpRequest) -> Callback:
    callback = json.loads(request.body)
    task = json.loads(base64.b64decode(callback["sourceBody"]))
    return Callback(
        succeeded=200 <= callback["status"] < 300,
        answer=base64.b64decode(callback["body"]).decode(),
        step=task["step"],
        job=job_of(task),
    )


def job_of(task: dict[str, Any]) -> Job:
    try:
        return Job.objects.get(id=task["job_id"])
    except Job.DoesNotExist:
        raise Never("There is no such job.") from None
