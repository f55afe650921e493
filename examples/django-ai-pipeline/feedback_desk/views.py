"""What visitors see."""

import json
import logging

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from feedback_desk import pipeline
from feedback_desk.forms import FeedbackForm
from feedback_desk.models import Job, Summary

log = logging.getLogger(__name__)


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    return render(request, "feedback_desk/page.html", shown())


@require_GET
def job_list(request: HttpRequest) -> HttpResponse:
    """The part of the page that changes."""
    return render(request, "feedback_desk/jobs.html", shown())


@csrf_exempt  # there is no session that another site could abuse
@require_http_methods(["GET", "POST"])
def api_jobs(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return create_job(request)
    return JsonResponse([as_json(job) for job in Job.objects.all()], safe=False)


def create_job(request: HttpRequest) -> HttpResponse:
    """Take feedback in, and start the pipeline for it."""
    form = FeedbackForm(json.loads(request.body))
    if not form.is_valid():
        return JsonResponse({"error": form.errors}, status=400)
    job = form.save()
    try:
        pipeline.start(job)
    except Exception:
        log.exception("The queue took no message.")
        pipeline.keep_failure(job, "The queue took no message.")
        return JsonResponse(as_json(job), status=503)
    return JsonResponse(as_json(job), status=202)


def shown() -> dict[str, object]:
    return {"jobs": Job.objects.all(), "summaries": Summary.objects.all()[:3]}


def as_json(job: Job) -> dict[str, object]:
    fields = ("id", "created_at", "email", "text", "analysis", "reply", "follow_up_id", "error")
    return {name: getattr(job, name) for name in (*fields, "state")}
