"""The pipeline: analyze, then draft a reply, then mail it a day later.

Each is a message of its own; the callback of one keeps its result and publishes the next.
Deliveries may come twice, so each message has a deduplication id, and nothing known is asked again.
"""

from typing import Any

from django.conf import settings
from qstash import QStash

from feedback_desk.models import Job

client = QStash(settings.QSTASH_TOKEN, base_url=settings.QSTASH_URL)


def start(job: Job) -> None:
    # The delay lets the page show the job before anything has happened to it.
    _publish_step(job, "analyze", delay="1s")


def keep_analysis(job: Job, analysis: dict[str, Any]) -> None:
    """Keep what the first step came to, and publish the next one."""
    if job.reply:
        return
    job.analysis, job.error = analysis, ""
    job.save()
    _publish_step(job, "draft-reply")


def keep_reply(job: Job, reply: str) -> None:
    """Publish the mail with the reply, and keep both."""
    if job.reply:
        return
    job.follow_up_id = _publish_follow_up(job, reply)
    job.reply, job.error = reply, ""
    job.save()


def keep_failure(job: Job, error: str) -> None:
    job.error = error
    job.save()


def schedule_summary() -> None:
    """Safe to call at every deployment: the schedule of this id is overwritten, not doubled."""
    client.schedule.create(
        schedule_id="daily-summary",
        destination=f"{settings.APP_URL}/api/daily-summary",
        cron=settings.SUMMARY_CRON,
        retries=3,
    )


def _publish_step(job: Job, step: str, *, delay: str | None = None) -> None:
    client.message.publish_json(
        url=f"{settings.APP_URL}/api/steps/{step}",
        body={"job_id": str(job.id), "step": step},
        delay=delay,
        retries=4,
        retry_delay="1000 * pow(2, retried)",
        timeout="60s",
        # However many jobs there are, the model has four of them at a time.
        flow_control={"key": "model", "parallelism": 4},
        callback=f"{settings.APP_URL}/api/callbacks/step-done",
        failure_callback=f"{settings.APP_URL}/api/callbacks/step-failed",
        deduplication_id=f"{job.id}-{step}",
        label=step,
    )


def _publish_follow_up(job: Job, reply: str) -> str:
    """The mail needs no view of ours: the queue calls the provider itself, with our key."""
    published = client.message.publish_json(
        url=f"{settings.MAIL_URL}/emails",
        headers={"Authorization": f"Bearer {settings.MAIL_API_KEY}"},
        redact={"header": ["Authorization"]},
        body={
            "from": settings.MAIL_FROM,
            "to": job.email,
            "subject": "About your feedback",
            "text": reply,
        },
        delay=settings.FOLLOW_UP_DELAY,
        deduplication_id=f"{job.id}-follow-up",
        label="follow-up",
    )
    return published.message_id
