"""What the examples do, from a visitor's feedback to the mail, with a queue of their own."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from relaypost.wire.tokens import DEVELOPMENT_USERS
from tests.support.examples import EXAMPLES, RunningExample, Visitor, running_example
from tests.support.rest import RestApi, rest_api
from tests.support.servers import Account

DAY_MS = 24 * 60 * 60 * 1000
REPLY = "Thank you for writing to us. {} We have told everyone who works on: {}."
QUEUE_ROUTES = [
    "/api/steps/analyze",
    "/api/steps/draft-reply",
    "/api/callbacks/step-done",
    "/api/callbacks/step-failed",
    "/api/daily-summary",
]


@pytest.fixture(scope="module", params=EXAMPLES)
def name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def home(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the JavaScript SDK would keep a program that it downloads."""
    return tmp_path_factory.mktemp(name)


@pytest.fixture(scope="module")
def example(name: str, home: Path) -> Iterator[RunningExample]:
    environment = {"DATA_FOLDER": str(home / "data"), "DATABASE": str(home / "feedback.db")}
    if name.startswith("nextjs"):
        environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home)}
    with running_example(name, environment) as example:
        yield example


@pytest.fixture
def downloads(home: Path) -> Callable[[], list[Path]]:
    return lambda: list(home.rglob("*qstash*"))


@pytest.fixture
async def queue(example: RunningExample) -> AsyncIterator[RestApi]:
    url = example.process.wait_output(r"listens on (\S+)")[1]
    user = DEVELOPMENT_USERS[0]
    account = Account(url, user.token, user.keys.current, user.keys.next)
    async with rest_api(account) as queue:
        yield queue


async def test_feedback_is_analyzed_and_answered(visitor: Visitor, queue: RestApi) -> None:
    job_id = await visitor.submit("The delivery was late, but the bread is wonderful. I love it.")

    job = await visitor.wait_state(job_id, "done")

    assert job["analysis"] == {"sentiment": "positive", "topics": ["delivery", "product"]}
    assert job["reply"] == REPLY.format("That makes our day.", "delivery, product")
    await visitor.wait_shown(job["reply"])
    await _check_mail_of_tomorrow(_follow_up_of(job), visitor, queue, text=job["reply"])


async def test_a_busy_model_is_asked_again(visitor: Visitor, queue: RestApi) -> None:
    job_id = await visitor.submit("#busy The coffee was cold and the staff rude.")

    job = await visitor.wait_state(job_id, "done")

    assert job["analysis"] == {"sentiment": "negative", "topics": ["product", "service"]}
    entries = (await queue.get("/v2/events", label="analyze", state="ERROR"))["events"]
    assert [entry["responseStatus"] for entry in entries] == [503]


async def test_the_model_has_few_jobs_at_a_time(visitor: Visitor, queue: RestApi) -> None:
    job_ids = [await visitor.submit(f"Order {number}") for number in range(6)]

    for job_id in job_ids:
        await visitor.wait_state(job_id, "done")

    assert (await queue.get("/v2/flowControl/model"))["parallelismMax"] == 4


async def test_a_refusal_fails_the_job_at_once(visitor: Visitor, queue: RestApi) -> None:
    job_id = await visitor.submit("#refuse")

    job = await visitor.wait_state(job_id, "failed")

    assert job["error"] == "This I will not answer."
    await visitor.wait_shown(job["error"])
    dead_letters = (await queue.get("/v2/dlq"))["messages"]
    assert [letter["responseStatus"] for letter in dead_letters] == [489]


async def test_a_day_is_summed_up(visitor: Visitor, queue: RestApi) -> None:
    """The destination of the schedule; when it is called is the queue's business."""
    await visitor.submit("The cake arrived broken.")

    await queue.publish(f"{visitor.example.url}/api/daily-summary")

    await visitor.wait_shown("pieces of feedback came in")


async def test_each_day_is_summed_up(visitor: Visitor, queue: RestApi) -> None:
    schedule = await queue.get("/v2/schedules/daily-summary")

    assert schedule["destination"] == f"{visitor.example.url}/api/daily-summary"
    assert schedule["cron"] == "CRON_TZ=Europe/Berlin 0 8 * * *"
    next_run = datetime.fromtimestamp(
        schedule["nextScheduleTime"] / 1000, ZoneInfo("Europe/Berlin")
    )
    assert (next_run.hour, next_run.minute) == (8, 0)


@pytest.mark.parametrize("route", QUEUE_ROUTES)
async def test_nobody_but_the_queue_may_call(visitor: Visitor, route: str) -> None:
    answer = await visitor.http.post(route, json={"jobId": "x", "job_id": "x"})

    assert answer.status_code == httpx.codes.FORBIDDEN


@pytest.mark.parametrize(
    "feedback",
    [
        {"text": " ", "email": "ada@example.com"},
        {"text": "x" * 2001, "email": "ada@example.com"},
        {"text": "Good bread.", "email": "nobody"},
        {},
    ],
    ids=["empty", "long", "no address", "nothing"],
)
async def test_bad_feedback_is_refused(visitor: Visitor, feedback: dict[str, str]) -> None:
    answer = await visitor.http.post("/api/jobs", json=feedback)

    assert answer.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY)


@pytest.mark.conformance("K-20")
async def test_nothing_is_downloaded(visitor: Visitor, downloads: Callable[[], list[Path]]) -> None:
    """The JavaScript SDK has found the server that was started for it."""
    await visitor.wait_state(await visitor.submit("Great."), "done")

    assert downloads() == []


async def _check_mail_of_tomorrow(
    message_id: str, visitor: Visitor, queue: RestApi, *, text: str
) -> None:
    message = await queue.get(f"/v2/messages/{message_id}")
    assert message["url"] == visitor.example.mails_url
    assert message["notBefore"] - message["createdAt"] == DAY_MS
    assert text in message["body"]
    assert "the-key-of-the-stand-in" not in str(message)


def _follow_up_of(job: dict[str, str]) -> str:
    """Its name follows the language of the example."""
    return job.get("followUpId") or job["follow_up_id"]
