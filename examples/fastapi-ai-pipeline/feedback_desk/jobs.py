"""A job is one piece of feedback, and what the pipeline has found out about it so far."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

from pydantic import BaseModel, Field, computed_field

from feedback_desk.settings import DATABASE

LONG_AGO = datetime.min.replace(tzinfo=UTC)
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, created_at TEXT, document TEXT);
CREATE TABLE IF NOT EXISTS summaries (id TEXT PRIMARY KEY, created_at TEXT, document TEXT);
"""


class Analysis(BaseModel):
    sentiment: Literal["positive", "neutral", "negative"]
    topics: list[str]


class Job(BaseModel):
    id: str = Field(default_factory=lambda: str(uuid4()))
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    email: str
    text: str
    analysis: Analysis | None = None
    reply: str | None = None
    follow_up_id: str | None = None
    """The message that will send the reply."""
    error: str | None = None

    @computed_field
    @property
    def state(self) -> Literal["queued", "analyzed", "done", "failed"]:
        """Follows from what is known, so that a delivery that comes twice can't turn it back."""
        if self.error:
            return "failed"
        if self.reply:
            return "done"
        return "analyzed" if self.analysis else "queued"


class Summary(BaseModel):
    id: str
    """The day: a second one of the same day replaces the first."""
    created_at: datetime
    job_count: int
    text: str


def set_up() -> None:
    with _database() as database:
        database.executescript(SCHEMA)


def save(job: Job) -> Job:
    _write("jobs", job)
    return job


def find(job_id: str) -> Job | None:
    with _database() as database:
        row = database.execute("SELECT document FROM jobs WHERE id = ?", [job_id]).fetchone()
    return Job.model_validate_json(row[0]) if row else None


def recent(since: datetime = LONG_AGO) -> list[Job]:
    """The jobs made since then, newest first."""
    query = "SELECT document FROM jobs WHERE created_at >= ? ORDER BY created_at DESC"
    with _database() as database:
        rows = database.execute(query, [since.isoformat()]).fetchall()
    return [Job.model_validate_json(document) for (document,) in rows]


def save_summary(summary: Summary) -> Summary:
    _write("summaries", summary)
    return summary


def latest_summaries() -> list[Summary]:
    query = "SELECT document FROM summaries ORDER BY created_at DESC LIMIT 3"
    with _database() as database:
        return [Summary.model_validate_json(document) for (document,) in database.execute(query)]


def _write(table: str, record: Job | Summary) -> None:
    values = [record.id, record.created_at.isoformat(), record.model_dump_json()]
    with _database() as database:
        database.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", values)


@contextmanager
def _database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(DATABASE)) as connection, connection:
        yield connection
