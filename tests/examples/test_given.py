"""The examples with a queue that is there already, in production mode; and with shorter days.

All three run at once, so that they wait for the same tick of the real clock.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.examples import RunningExample, Visitor, running_example
from tests.support.servers import running

NAMES = ["nextjs", "fastapi", "django"]
TOKEN = "a-token-of-our-own"
CURRENT = "sig_" + "c" * 40
NEXT = "sig_" + "n" * 40


@contextmanager
def example_with_queue(name: str, data: Path) -> Iterator[RunningExample]:
    with running(
        "serve",
        token=TOKEN,
        current_signing_key=CURRENT,
        next_signing_key=NEXT,
        database_url="sqlite://",
        allow_networks="127.0.0.0/8, ::1/128",
    ) as queue:
        environment = {
            "QSTASH_URL": queue.url,
            "QSTASH_TOKEN": TOKEN,
            "QSTASH_CURRENT_SIGNING_KEY": CURRENT,
            "QSTASH_NEXT_SIGNING_KEY": NEXT,
            "FOLLOW_UP_DELAY": "1s",
            "SUMMARY_CRON": "* * * * *",
            "DATA_FOLDER": str(data),
            "DATABASE": str(data / "feedback.db"),
        }
        with running_example(name, environment) as example:
            yield example


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, RunningExample]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(example_with_queue(name, tmp_path_factory.mktemp(name)))
            for name in NAMES
        }


@pytest.fixture(params=NAMES)
def example(
    request: pytest.FixtureRequest, examples: Mapping[str, RunningExample]
) -> RunningExample:
    return examples[request.param]


async def test_the_mail_follows(visitor: Visitor) -> None:
    job = await visitor.wait_state(await visitor.submit("Fast and friendly."), "done")

    mail = await visitor.wait_mail(job["reply"])

    assert mail["to"] == "ada@example.com"
    assert "listens on" not in visitor.example.process.output, "it has a queue already"


async def test_the_summary_is_made_when_its_time_has_come(visitor: Visitor) -> None:
    await visitor.submit("The cake arrived broken.")

    await visitor.wait_shown("pieces of feedback came in")
