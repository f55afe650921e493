"""What the queue calls."""

import json
from datetime import timedelta

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from feedback_desk import language_model, pipeline
from feedback_desk.deliveries import from_queue, job_of, read_callback
from feedback_desk.models import Job, Summary


@from_queue
def analyze(request: HttpRequest) -> HttpResponse:
    job = job_of(json.loads(request.body))
    return JsonResponse(language_model.analyze(job.text))


@from_queue
def draft_reply(request: HttpRequest) -> HttpResponse:
    job = job_of(json.loads(request.body))
    return HttpResponse(language_model.draft_reply(job.text, job.analysis))


@from_queue
def step_done(request: HttpRequest) -> HttpResponse:
    """Called after every attempt: one that failed and will be retried is reported too."""
    callback = read_callback(request)
    if callback.succeeded and callback.step == "analyze":
        pipeline.keep_analysis(callback.job, json.loads(callback.answer))
    elif callback.succeeded:
        pipeline.keep_reply(callback.job, callback.answer)
    return HttpResponse(status=204)


@from_queue
def step_failed(request: HttpRequest) -> HttpResponse:
    """Called once, when a step has failed for good."""
    callback = read_callback(request)
    pipeline.keep_failure(callback.job, callback.answer or "The step failed.")
    return HttpResponse(status=204)


@from_queue
def summarize_day(request: HttpRequest) -> HttpResponse:
    """The destination of the schedule: sums up what came in since yesterday."""
    now = timezone.now()
    texts = list(
        Job.objects.filter(created_at__gte=now - timedelta(days=1)).values_list("text", flat=True)
    )
    if texts:
        summary = {"job_count": len(texts), "text": language_model.summarize(texts)}
        Summary.objects.update_or_create(day=now.date(), defaults=summary)
    return HttpResponse(status=204)
