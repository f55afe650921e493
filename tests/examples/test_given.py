"""The examples with what is there already: a queue in production mode, another day's length."""

from collections.abc import Iterator

import pytest

from tests.support.examples import RunningExample, Visitor, running_example
from tests.support.servers import running

TOKEN = "a-token-of-our-own"
CURRENT = "sig_" + "c" * 40
NEXT = "sig_" + "n" * 40


@pytest.fixture(scope="module", params=["nextjs", "fastapi", "django"])
def example(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningExample]:
    data = tmp_path_factory.mktemp(request.param)
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
            "DATA_FOLDER": str(data),
            "DATABASE": str(data / "feedback.db"),
        }
        with running_example(request.param, environment) as example:
            yield example


async def test_the_mail_follows(visitor: Visitor) -> None:
    job = await visitor.wait_state(await visitor.submit("Fast and friendly."), "done")

    mail = await visitor.wait_mail(job["reply"])

    assert mail["to"] == "ada@example.com"
    assert "listens on" not in visitor.example.process.output, "it has a queue already"
