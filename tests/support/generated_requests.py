"""The API in process, asked with requests that are generated from its own document.

A program: `tests.support.conversations` runs it.
"""

import asyncio
import copy
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, MutableMapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from relaypost.api import dead_letters
from relaypost.api.app import Api, Send
from relaypost.api.bodies import Receive
from relaypost.api.openapi.document import document
from relaypost.domain.messages import Callback
from relaypost.domain.tokens import Token, TokenKind
from relaypost.domain.types import Headers
from relaypost.service.directory import Directory
from relaypost.wire.tokens import digest
from tests.support.conversations import Outcome, Topic
from tests.support.desk import Desk, open_desk
from tests.support.lives import PROJECT, envelope

TOKEN = "secret"
SEED = 1
VALUES = {
    "destination": ["https://api.example.com/a/b?x=1", "http://[2001:4860::1]:8080", "nobody"],
    "cursor": ["", "1795525409034-0"],
    "Upstash-Cron": ["*/5 * * * *", "CRON_TZ=Europe/Berlin 0 4 * * *", "@daily"],
}
"""Values that a random text never hits."""

FULL = envelope(
    headers=(("Content-Type", "text/plain"), ("X-A", "b"), ("X-A", "c")),
    body=b"\xff\x00",
    retry_delay="1000",
    labels=("shop", "nightly"),
    callback=Callback(url="https://api.example.com/done", headers=(("X-T", "1"),), timeout_ms=1000),
    caller_ip="198.51.100.1",
)

Json = dict[str, Any]

LENIENT = {
    "negative_data_rejection": [
        "GET /v2/events",
        "GET /v2/logs",
        "GET /v2/dlq",
        "DELETE /v2/dlq",
        "DELETE /v2/messages",
        "POST /v2/dlq/retry",
        "POST /v2/batch",
    ],
    "positive_data_acceptance": [
        "POST /v2/publish/{destination}",
        "POST /v2/enqueue/{queueName}/{destination}",
        "POST /v2/schedules/{destination}",
        "POST /v2/batch",
        "POST /v2/dlq/retry/{dlqId}",
        "POST /v2/dlq/retry",
        "DELETE /v2/dlq",
        "DELETE /v2/messages",
        "POST /v2/queues",
        "POST /v2/flowControl/{flowControlKey}/pin",
        "PATCH /v2/topics/{urlGroupName}",
        "POST /v2/topics/{urlGroupName}/endpoints",
        "DELETE /v2/topics/{urlGroupName}/endpoints",
    ],
}
"""Lists take what they don't know for absent; where ids are given, filters do not count; items of
a batch may have values of any kind. No schema says which options need or exclude each other, nor
what the limits of a server are.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer that is not as the document says."""

    check: str
    operation: str
    words: str
    request: str
    answer: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.check}: {self.words}\n  {self.request}\n  {self.answer}"


@dataclass
class Conversation:
    """What has come of it so far."""

    findings: dict[tuple[str, str, str], Finding] = field(default_factory=dict)
    statuses: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    troubles: list[str] = field(default_factory=list)

    def note(self, recorder: ScenarioRecorder) -> None:
        for id, interaction in recorder.interactions.items():
            if interaction.response is not None and id in recorder.cases:
                label = recorder.cases[id].value.operation.label
                self.statuses[label].add(int(interaction.response.status_code))
        for finding in _findings(recorder):
            self.findings.setdefault((finding.check, finding.operation, finding.words), finding)

    def outcome(self) -> Outcome:
        return Outcome(
            "\n".join([*map(str, self.findings.values()), *self.troubles]),
            {name: sorted(statuses) for name, statuses in self.statuses.items()},
        )


def _findings(recorder: ScenarioRecorder) -> Iterator[Finding]:
    for id, checks in recorder.checks.items():
        case, response = recorder.cases[id].value, recorder.interactions[id].response
        for check in checks:
            if check.status is Status.FAILURE and check.failure_info is not None:
                failure = check.failure_info.failure
                yield Finding(
                    check.name,
                    case.operation.label,
                    f"{failure.title} {failure.message}",
                    case.as_curl_command(),
                    f"{response.status_code} {response.content!r}" if response else "no answer",
                )


class FakeChat:
    """A language model that has one thing to say; both the service and its answer."""

    url = "https://llm.example.com/v1/chat/completions"
    status = 200
    headers = (("Content-Type", "application/json"),)

    def __init__(self) -> None:
        self._pieces = [b'{"choices":[]}']

    async def ask(self, body: bytes, *, headers: Headers) -> "FakeChat":
        return FakeChat()

    async def read(self) -> bytes:
        return self._pieces.pop() if self._pieces else b""

    def close(self) -> None:
        pass


class BusyApi:
    """The API of a project that always has a dead letter to act on."""

    def __init__(self, desk: Desk, api: Api) -> None:
        self._desk = desk
        self._api = api

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        listed = await self._desk.ask(dead_letters.list_dead_letters, query="count=1")
        if not listed.json["messages"]:
            await self._desk.lives.fail(FULL)
        self._desk.clock.advance(1)
        await self._api(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    kind = ""
    while not kind.endswith("shutdown"):
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})


async def _open() -> BusyApi:
    """Over a store that works inline: it does not mind in which thread."""
    desk = await open_desk().__aenter__()
    projects = desk.service.store.projects
    token = Token(digest=digest(TOKEN), project_id=PROJECT, kind=TokenKind.FULL)
    assert await projects.set_tokens(PROJECT, [token], was=())
    directory = Directory(development=True)
    await directory.load(projects)

    async def is_ready() -> bool:
        return True

    service = replace(desk.service, llm=FakeChat())
    return BusyApi(desk, Api(service, directory, is_ready=is_ready))


def strict_document(*, with_options: bool = True) -> Json:
    """The document, where answers may have no field that it does not know."""
    told = copy.deepcopy(document())
    for schema in told["components"]["schemas"].values():
        schema["additionalProperties"] = False
    for methods in told["paths"].values():
        for operation in methods.values():
            for parameter in operation["parameters"]:
                _narrow(parameter, VALUES.get(parameter.get("name")))
    for parameter in told["components"]["parameters"].values():
        _narrow(parameter, VALUES.get(parameter["name"]))
        if not with_options and parameter["in"] == "header" and parameter["name"] not in VALUES:
            _narrow(parameter, [""])
    return told


def _narrow(parameter: Json, values: list[str] | None) -> None:
    if values is not None:
        parameter["schema"] = {"type": "string", "enum": values}


def converse(topic: Topic) -> Outcome:
    """Run schemathesis."""
    told = strict_document(with_options=not topic.flows)
    schema = schemathesis.openapi.from_dict(told, config=_config(topic))
    schema.validate()
    schema.app = asyncio.run(_open())
    conversation = Conversation()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            conversation.note(event.recorder)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            conversation.troubles.append(str(event))
    return conversation.outcome()


def _config(topic: Topic) -> SchemathesisConfig:
    alone, flows = {"enabled": not topic.flows}, {"enabled": topic.flows}
    return SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "continue-on-failure": True,
            "analysis": {"constants": {"enabled": False}},
            "headers": {"Authorization": f"Bearer {TOKEN}"},
            "output": {"sanitization": {"enabled": False}},
            "generation": {
                "mode": "positive" if topic.flows else "all",
                "max-examples": topic.examples,
                "deterministic": True,
                "database": "none",
                "allow-extra-parameters": False,
                "with-security-parameters": False,
            },
            "phases": {
                "examples": alone,
                "coverage": alone,
                "fuzzing": alone,
                "stateful": flows | {"inference": {"algorithms": []}},
            },
            "operations": [
                {"exclude-name": topic.operations, "enabled": False},
                *(
                    {"include-name": names, "checks": {check: {"enabled": False}}}
                    for check, names in LENIENT.items()
                ),
            ],
        }
    )


def main() -> None:
    """Read topics from standard input, write their outcomes to standard output."""
    topics = [Topic(**topic) for topic in json.load(sys.stdin)]
    json.dump([asdict(converse(topic)) for topic in topics], sys.stdout)


if __name__ == "__main__":
    main()
