"""Every publish, enqueue and batch that the official SDKs were recorded to send."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from relaypost.domain.errors import RelaypostError
from relaypost.domain.messages import Publication
from relaypost.domain.url_groups import UrlGroup
from relaypost.wire.destinations import is_name
from relaypost.wire.publish import read_publication
from relaypost.wire.queues import QUEUE_NAME_RULE
from relaypost.wire.targets import cut_queue
from tests.support.publishing import context, pairs, read_batch
from tests.support.url_groups import MAIL, known, url_group

GOLDEN = Path(__file__).parents[2] / "golden"
ROUTES = re.compile(r"(?:/prefix)?/v2/(publish/|enqueue/|batch)(.*)")

GROUPS: Mapping[str, UrlGroup] = known(url_group(name="grp"), url_group(name="foo"))
NOT_YET = {"api/llm": "invalid destination url: api llm is not configured"}
INVALID = {
    ("upstash-delay", "-1s"): 'invalid Upstash-Delay: "-1s" is not a valid duration',
    ("upstash-delay", "NaNs"): 'invalid Upstash-Delay: "NaNs" is not a valid duration',
    ("upstash-flow-control-value", "parallelism=0"): (
        "Upstash-Flow-Control-Value should be either rate=X or parallelism=Y, "
        "or both as comma-separated values"
    ),
    ("upstash-flow-control-value", ""): (
        "Upstash-Flow-Control-Key and Upstash-Flow-Control-Value should be provided together"
    ),
}


class Recorded:
    """One recorded request, and what an independent look at it expects."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        match = ROUTES.fullmatch(request["path"])
        assert match is not None
        self.route, target = match.groups()
        path, _, query = target.partition("?")
        self.path, self.query = path.encode(), query.encode()
        self.headers: dict[str, str] = request["headers"]
        body = request["body"] or ""
        self.body = body.encode() if isinstance(body, str) else base64.b64decode(body["base64"])

    def read(self) -> tuple[Publication, ...]:
        if self.route == "batch":
            return read_batch(self.body, context(groups=GROUPS))
        queue, path = None, self.path
        if self.route == "enqueue/":
            queue, path = cut_queue(path)
        publication = read_publication(
            path,
            self.query,
            headers=pairs(self.headers),
            body=self.body,
            context=context(groups=GROUPS),
            queue=queue,
        )
        return (publication,)

    def refusals(self) -> set[str]:
        """The texts of which one must be answered; none when all is well."""
        if self.route == "batch":
            items = json.loads(self.body)
            return {text for item in items for text in refusals(**fields(item))}
        queue, path = None, self.path
        if self.route == "enqueue/":
            queue, path = cut_queue(path)
        return set(refusals(path.decode(), self.headers, queue))


def fields(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item.get(name) for name in ("destination", "headers", "queue")}


def refusals(destination: str, headers: Mapping[str, str], queue: str | None) -> Iterator[str]:
    lowered = {name.lower(): value for name, value in headers.items()}
    if destination in NOT_YET:
        yield NOT_YET[destination]
    if queue and not is_name(queue):
        yield QUEUE_NAME_RULE
    yield from (text for (name, value), text in INVALID.items() if lowered.get(name) == value)


def recorded(name: str) -> list[Any]:
    lines = (GOLDEN / f"{name}.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if row["request"]]
    rows = [row for row in rows if ROUTES.fullmatch(row["request"]["path"])]
    return [
        pytest.param(Recorded(row["request"]), id=f"{name} {number} {row['call'][:60]}")
        for number, row in enumerate(rows)
        if row["request"]["method"] == "POST"
    ]


ALL = recorded("js") + recorded("py")


def test_there_are_recordings() -> None:
    assert len(ALL) > 200


@pytest.mark.parametrize("request_", ALL)
def test_it_is_accepted_or_refused_as_it_should(request_: Recorded) -> None:
    expected = request_.refusals()
    if expected:
        with pytest.raises(RelaypostError) as refused:
            request_.read()
        assert str(refused.value) in expected
    else:
        assert all(publication.messages for publication in request_.read())


FIRST_URLS = {name.encode(): MAIL.url.encode() for name in GROUPS}


@pytest.mark.conformance("P-8")
@pytest.mark.parametrize("request_", [one for one in ALL if one.values[0].route == "publish/"])
def test_what_is_delivered_is_what_the_user_gave(request_: Recorded) -> None:
    if request_.refusals():
        return
    ((message, *_),) = (publication.messages for publication in request_.read())
    destination = request_.path + b"?" + request_.query if request_.query else request_.path
    assert message.envelope.url.encode() == FIRST_URLS.get(destination, destination)
    assert message.envelope.body == request_.body
    delivered = {name.lower(): value for name, value in message.envelope.headers}
    assert delivered == forwarded(request_.headers)


def forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    lowered = {name.lower(): value for name, value in headers.items()}
    prefix = "upstash-forward-"
    given = {name.removeprefix(prefix): v for name, v in lowered.items() if name.startswith(prefix)}
    if lowered.get("upstash-header-forward") == "true":
        hidden = ("upstash-", "authorization", "content-length")
        given = {n: v for n, v in lowered.items() if not n.startswith(hidden)} | given
    if "content-type" in lowered:
        given["content-type"] = lowered["content-type"]
    return {
        name: value.encode("latin-1").decode("utf-8", "surrogateescape")
        for name, value in given.items()
    }
