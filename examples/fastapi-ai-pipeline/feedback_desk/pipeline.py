"""The pipeline: analyze, then draft a reply, then mail it a day later.

Each is a message of its own; the callback of one keeps its result and publishes the next.
Deliveries may come twice, so each message has a deduplication id, and nothing known is asked again.
"""

from typing import Literal

from pydantic import BaseModel
from qstash import AsyncQStash

from feedback_desk import jobs
from feedback_desk.jobs import Analysis, Job
from feedback_desk.settings import (
    APP_URL,
    FOLLOW_UP_DELAY,
    MAIL_API_KEY,
    MAIL_FROM,
    MAIL_URL,
    QSTASH_TOKEN,
    QSTASH_URL,
    SUMMARY_CRON,
)

client = AsyncQStash(QSTASH_TOKEN, base_url=QSTASH_URL)


class Task(BaseModel):
    job_id: str
    step: Literal["analyze", "draft-reply"]


async def start(job: Job) -> None:
    # The delay lets the page show the job before anything has happened to it.
    await _publish_step(Task(job_id=job.id, step="analyze"), delay="1s")


async def keep_analysis(task: Task, analysis: Analysis) -> None:
    """Keep what the first step came to, and publish the next one."""
    job = jobs.find(task.job_id)
    if job is None or job.reply:
        return
    jobs.save(job.model_copy(update={"analysis": analysis, "error": None}))
    await _publish_step(Task(job_id=job.id, step="draft-reply"))


async def keep_reply(task: Task, reply: str) -> None:
    """Publish the mail with the reply, and keep both."""
    job = jobs.find(task.job_id)
    if job is None or job.reply:
        return
    follow_up_id = await _publish_follow_up(job, reply)
    known = {"reply": reply, "follow_up_id": follow_up_id, "error": None}
    jobs.save(job.model_copy(update=known))


def keep_failure(task: Task, error: str) -> None:
    job = jobs.find(task.job_id)
    if job is not None:
        jobs.save(job.model_copy(update={"error": error}))


async def schedule_summary() -> None:
    """Safe to call at every start: the schedule of this id is overwritten, not doubled."""
    await client.schedule.create(
        schedule_id="daily-summary",
        destination=f"{APP_URL}/api/daily-summary",
        cron=SUMMARY_CRON,
        retries=3,
    )


async def _publish_step(task: Task, *, delay: str | None = None) -> None:
    await client.message.publish_json(
        url=f"{APP_URL}/api/steps/{task.step}",
        body=task.model_dump(),
        delay=delay,
        retries=4,
        retry_delay="1000 * pow(2, retried)",
        timeout="60s",
        # However many jobs there are, the model has four of them at a time.
        flow_control={"key": "model", "parallelism": 4},
        callback=f"{APP_URL}/api/callbacks/step-done",
        failure_callback=f"{APP_URL}/api/callbacks/step-failed",
        deduplication_id=f"{task.job_id}-{task.step}",
        label=task.step,
    )


async def _publish_follow_up(job: Job, reply: str) -> str:
    """The mail needs no route of ours: the queue calls the provider itself, with our key."""
    published = await client.message.publish_json(
        url=f"{MAIL_URL}/emails",
        headers={"Authorization": f"Bearer {MAIL_API_KEY}"},
        redact={"header": ["Authorization"]},
        body={
            "from": MAIL_FROM,
            "to": job.email,
            "subject": "About your feedback",
            "text": reply,
        },
        delay=FOLLOW_UP_DELAY,
        deduplication_id=f"{job.id}-follow-up",
        label="follow-up",
    )
    return published.message_id
