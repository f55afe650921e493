"""The routes: for visitors, and for the queue."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, StringConstraints

from feedback_desk import jobs, model, pipeline
from feedback_desk.deliveries import (
    CallbackFromQueue,
    FromQueue,
    TaskFromQueue,
    answer_later,
    answer_never,
)
from feedback_desk.errors import Later, Never
from feedback_desk.jobs import Analysis, Job, Summary

FOLDER = Path(__file__).parent
NO_CONTENT = 204
ACCEPTED = 202
UNAVAILABLE = 503

log = logging.getLogger("uvicorn.error")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    jobs.set_up()
    async with asyncio.TaskGroup() as background:
        background.create_task(schedule_summary())
        yield


async def schedule_summary() -> None:
    try:
        await pipeline.schedule_summary()
    except Exception as error:  # the app serves whether the queue is there or not
        log.error("The daily summary has no schedule: %s", error)


app = FastAPI(title="Feedback desk", lifespan=lifespan)
app.mount("/static", StaticFiles(directory=FOLDER / "static"))
app.add_exception_handler(Later, answer_later)
app.add_exception_handler(Never, answer_never)
templates = Jinja2Templates(FOLDER / "templates")


# --- for visitors --------------------------------------------------------------------------------


class Feedback(BaseModel):
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    email: Annotated[str, StringConstraints(pattern="@")]


@app.get("/", response_class=HTMLResponse)
def page(request: Request) -> Response:
    return templates.TemplateResponse(request, "page.html", _shown())


@app.get("/jobs", response_class=HTMLResponse)
def job_list(request: Request) -> Response:
    """The part of the page that changes."""
    return templates.TemplateResponse(request, "jobs.html", _shown())


@app.get("/api/jobs")
def list_jobs() -> list[Job]:
    return jobs.recent()


@app.post("/api/jobs", status_code=ACCEPTED)
async def create_job(feedback: Feedback, response: Response) -> Job:
    """Take feedback in, and start the pipeline for it."""
    job = jobs.save(Job(text=feedback.text, email=feedback.email))
    try:
        await pipeline.start(job)
    except Exception:
        log.exception("The queue took no message.")
        response.status_code = UNAVAILABLE
        return jobs.save(job.model_copy(update={"error": "The queue took no message."}))
    return job


def _shown() -> dict[str, object]:
    return {"jobs": jobs.recent(), "summaries": jobs.latest_summaries()}


# --- for the queue -------------------------------------------------------------------------------


@app.post("/api/steps/analyze")
async def analyze(task: TaskFromQueue) -> Analysis:
    return await model.analyze(_job_of(task).text)


@app.post("/api/steps/draft-reply")
async def draft_reply(task: TaskFromQueue) -> str:
    job = _job_of(task)
    assert job.analysis is not None, "the analysis is kept before this step is published"
    return await model.draft_reply(job.text, job.analysis)


@app.post("/api/callbacks/step-done", status_code=NO_CONTENT)
async def step_done(callback: CallbackFromQueue) -> None:
    """Called after every attempt: one that failed and will be retried is reported too."""
    if not callback.succeeded:
        return
    if callback.task.step == "analyze":
        analysis = Analysis.model_validate_json(callback.answer)
        await pipeline.keep_analysis(callback.task, analysis)
    else:
        await pipeline.keep_reply(callback.task, json.loads(callback.answer))


@app.post("/api/callbacks/step-failed", status_code=NO_CONTENT)
def step_failed(callback: CallbackFromQueue) -> None:
    """Called once, when a step has failed for good."""
    pipeline.keep_failure(callback.task, callback.answer or "The step failed.")


@app.post("/api/daily-summary", dependencies=[FromQueue])
async def summarize_day() -> Summary | None:
    """The destination of the schedule: sums up what came in since yesterday."""
    now = datetime.now(UTC)
    recent = jobs.recent(since=now - timedelta(days=1))
    if not recent:
        return None
    text = await model.summarize([job.text for job in recent])
    day = now.date().isoformat()
    return jobs.save_summary(Summary(id=day, created_at=now, job_count=len(recent), text=text))


def _job_of(task: pipeline.Task) -> Job:
    job = jobs.find(task.job_id)
    if job is None:
        raise Never("There is no such job.")
    return job
