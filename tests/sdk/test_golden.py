"""Every request that the official SDKs were recorded sending, replayed byte for byte.

Recorded statuses come from a stub, so what is expected here follows from the request alone.
"""

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from http import HTTPStatus
from typing import Any

import pytest

from tests.support.golden import Answered, Connection, Recorded, recorded
from tests.support.rest import RestApi, rest_api
from tests.support.servers import Account, RelaypostProcess, running
from tests.support.sinks import Answer, Sink, listening_sink

PREFIX = "/prefix"
"""Base path of some recorded calls."""

NOT_BUILT = ("/v2/workflows",)
"""Routes that answer 404 as long as their feature is missing."""

CHAT = "/llm/"
LLM = "api/llm"
ELSEWHERE = ("/v2/elsewhere", "/cfg/", "/other/")
"""Redirections, and other servers, of the recording."""

GROUPS = ("grp", "foo")
"""URL groups that the recording publishes to."""

NOWHERE = ("msg_x", "9-9")
"""Ids that the recording means to be unknown."""

REFUSED = {
    "js": {
        ("publish({url, delay: -1})", 400),
        ("publish({url, delay: NaN})", 400),
        ("publish({url, flowControl: {key, parallelism: 0}})", 400),
        ("queue({queueName: 'a b/c'}).get()", 400),
    },
    "py": {
        ("message.publish(url, flow_control key only)", 400),
        ("message.cancel('')", 404),
        ("queue.get('a b/c')", 400),
        ("flow_control.pin('fk', {})", 400),
    },
}
"""Calls whose values make no sense, or that name nothing; the stub did not look."""

MESSAGE = {"messageId", "url", "method", "maxRetries", "notBefore", "createdAt"}
DEAD_LETTER = MESSAGE | {"responseStatus"}
QUEUE = {"name", "parallelism", "createdAt", "updatedAt", "lag", "paused"}
GROUP = {"name", "createdAt", "updatedAt", "endpoints"}
SCHEDULE = {"scheduleId", "destination", "cron", "createdAt", "method", "retries"}
ELEMENTS = {
    ("GET", "messages/*"): MESSAGE,
    ("GET", "dlq/*"): DEAD_LETTER,
    ("GET", "queues/*"): QUEUE,
    ("GET", "topics/*"): GROUP,
    ("GET", "flowControl/*"): {"flowControlKey", "waitListSize", "rateCount", "isPaused"},
    ("GET", "globalParallelism"): {"parallelismMax", "parallelismCount"},
    ("GET", "keys"): {"current", "next"},
    ("POST", "keys/rotate"): {"current", "next"},
    ("DELETE", "messages"): {"cancelled"},
    ("DELETE", "messages/*"): {"cancelled"},
    ("DELETE", "dlq"): {"deleted"},
    ("GET", "schedules/*"): SCHEDULE,
    ("POST", "schedules/*"): {"scheduleId"},
}
GROUP_NEEDED = {("GET", "/v2/topics/grp"), ("POST", "/v2/schedules/grp")}
LISTS = {
    ("GET", "dlq"): ("messages", DEAD_LETTER | {"dlqId"}),
    ("GET", "events"): ("events", {"time", "messageId", "state", "url"}),
    ("POST", "dlq/retry"): ("responses", {"messageId"}),
}
BARE_LISTS = {("GET", "queues"): QUEUE, ("GET", "topics"): GROUP, ("GET", "schedules"): SCHEDULE}
UNREAD = {
    ("DELETE", "dlq/*"),
    ("POST", "queues"),
    ("POST", "queues/*"),
    ("DELETE", "queues/*"),
    ("POST", "topics/*"),
    ("DELETE", "topics/*"),
    ("POST", "flowControl/*"),
    ("DELETE", "schedules/*"),
    ("PATCH", "schedules/*"),
}


@pytest.fixture
def account(server: RelaypostProcess) -> Account:
    return server.accounts["testUser1"]


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with listening_sink() as sink:
        as_json = (("Content-Type", "application/json"),)
        sink.script("/v1/chat/completions", Answer(200, b"{}", as_json))
        yield sink


@pytest.fixture
def server(sink: Sink) -> Iterator[RelaypostProcess]:
    settings = {"max_open_attempts": "1", "llm_base_url": sink.url}
    with running("dev", base_path=PREFIX, **settings) as server:
        yield server


@pytest.fixture
async def rest(account: Account) -> AsyncIterator[RestApi]:
    async with rest_api(account) as rest:
        yield rest


@pytest.fixture
async def connection(server: RelaypostProcess) -> AsyncIterator[Connection]:
    connection = await Connection.open(server.port)
    yield connection
    await connection.close()


@pytest.mark.conformance("A-1", "A-4", "A-6")
@pytest.mark.parametrize("sdk", ["js", "py"])
async def test_publishes(
    sdk: str, connection: Connection, account: Account, rest: RestApi, sink: Sink, held: Answer
) -> None:
    """The one open attempt that this server may have is taken, so nothing else is contacted."""
    await rest.publish(sink.script("/blocked", held))
    await sink.wait_one("/blocked")
    for name in GROUPS:
        await rest.make_group(name, ["https://example.com/1", "https://example.com/2"])
    problems = []
    for request in recorded(sdk):
        if is_publish(request):
            answer = await connection.exchange(request.encode(account.token))
            problems += problems_of(request, answer)
    assert problems == []
    active = (await rest.get("/v2/events", state="ACTIVE"))["events"]
    assert [entry["url"] for entry in active] == [sink.url_of("/blocked")]


@pytest.mark.conformance("A-1", "A-3", "A-4")
@pytest.mark.parametrize("sdk", ["js", "py"])
async def test_everything_else(
    sdk: str, connection: Connection, account: Account, rest: RestApi, sink: Sink
) -> None:
    """What a request refers to is made just before; its ids replace the recorded ones."""
    problems = []
    for request in recorded(sdk):
        if not is_publish(request):
            request = request.refer_to(await make_referred(request, rest, sink))
            answer = await connection.exchange(request.encode(account.token))
            problems += problems_of(request, answer)
    assert problems == []


@pytest.mark.conformance("A-1")
@pytest.mark.parametrize("sdk", ["js", "py"])
def test_what_is_refused_although_the_stub_took_it(sdk: str) -> None:
    refused = {
        (request.call, expected_status(request))
        for request in recorded(sdk)
        if request.status is not None
        and request.status // 100 == 2
        and expected_status(request) != HTTPStatus.OK
        and not request.path.startswith((*NOT_BUILT, *ELSEWHERE))
    }
    assert refused == REFUSED[sdk]


async def make_referred(request: Recorded, rest: RestApi, sink: Sink) -> dict[str, str]:
    text = request.target + request.body.decode("utf-8", "replace")
    ids = {}
    for id in ("msg_1", "msg_2"):
        if id in text:
            ids[id] = await rest.publish(sink.url_of("/late"), {"Upstash-Delay": "1d"})
    for id in ("1-0", "2-0"):
        if f"={id}" in text or f"/{id}" in text or f'"{id}"' in text:
            ids[id] = (await rest.fail(sink.script("/fail", Answer(500))))["dlqId"]
    if (request.method, request.path.removeprefix(PREFIX)) in GROUP_NEEDED:
        await rest.make_group("grp", ["https://example.com/1"])
    if "/scd_1" in text:
        headers = {"Upstash-Cron": "@yearly", "Upstash-Schedule-Id": "scd_1"}
        await rest.http.post(f"/v2/schedules/{sink.url_of('/late')}", headers=headers)
    if "cursor=1-5" in text:
        ids["cursor=1-5"] = "cursor=1790000000000-5"
    if "/v2/queues/q1" in request.path:
        await rest.http.post("/v2/queues", json={"queueName": "q1"})
    if request.path.startswith("/v2/flowControl/") and request.method == "GET":
        await rest.http.post(f"{request.path}/pin", params={"parallelism": 3})
    return ids


def is_publish(request: Recorded) -> bool:
    path = request.path.removeprefix(PREFIX)
    return path.startswith(("/v2/publish/", "/v2/enqueue/", "/v2/batch"))


def is_plan(request: Recorded) -> bool:
    path = request.path.removeprefix(PREFIX)
    return request.method == "POST" and path.startswith("/v2/schedules/")


def problems_of(request: Recorded, answer: Answered) -> list[str]:
    """What is wrong with an answer: its status, or that the SDK can't read it."""
    expected = expected_status(request)
    seen = HTTPStatus.OK if answer.is_success else answer.status
    if seen != expected:
        return [f"{request.name}: {answer.status} {answer.body!r}, expected {expected}"]
    try:
        check_readable(request, answer)
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        return [f"{request.name}: can't read {answer.body!r}: {error!r}"]
    return []


def expected_status(request: Recorded) -> int:
    """200 stands for every success."""
    path = request.path.removeprefix(PREFIX)
    if request.header("Authorization") == "Bearer":
        return HTTPStatus.UNAUTHORIZED
    if path.startswith((*NOT_BUILT, *ELSEWHERE)) or request.target.endswith(NOWHERE):
        return HTTPStatus.NOT_FOUND
    if (request.method, path) == ("DELETE", "/v2/messages/"):
        return HTTPStatus.NOT_FOUND
    if path.startswith(("/v2/queues/a%20b/c", "/v2/topics/bad%20name")):
        return HTTPStatus.BAD_REQUEST
    if request.target.endswith("/pin"):
        return HTTPStatus.BAD_REQUEST  # nothing to pin
    refusals = (refusal_of_item(*item) for item in items_of(request, path))
    return next((status for status in refusals if status), HTTPStatus.OK)


def items_of(request: Recorded, path: str) -> Iterable[tuple[str, dict[str, str]]]:
    """Destination, and options by lower-case name, of each message."""
    if path == "/v2/batch":
        for item in json.loads(request.body):
            yield item["destination"], _lower(item["headers"].items())
    elif is_publish(request) or is_plan(request):
        is_enqueue = path.startswith("/v2/enqueue/")
        yield path.split("/", 4 if is_enqueue else 3)[-1], _lower(request.headers)


def refusal_of_item(destination: str, options: dict[str, str]) -> int | None:
    is_url = destination.lower().startswith(("http://", "https://"))
    if not is_url and destination not in (*GROUPS, LLM):
        return HTTPStatus.NOT_FOUND
    has_bad_delay = options.get("upstash-delay") in ("-1s", "NaNs")
    has_bad_limits = options.get("upstash-flow-control-value") in ("parallelism=0", "")
    has_bad_cron = options.get("upstash-cron") == "x"
    return HTTPStatus.BAD_REQUEST if has_bad_delay or has_bad_limits or has_bad_cron else None


def check_readable(request: Recorded, answer: Answered) -> None:
    """Read what the SDKs read of an answer (appendix A.6)."""
    path = request.path.removeprefix(PREFIX)
    if not answer.is_success:
        assert isinstance(answer.json()["error"], str)
    elif path == "/v2/batch":
        items = answer.json()
        assert len(items) == len(json.loads(request.body))
        for item, (destination, *_) in zip(items, items_of(request, path), strict=True):
            _check_published(item, destination)
    elif is_publish(request):
        ((destination, *_),) = items_of(request, path)
        _check_published(answer.json(), destination)
    elif path.startswith(CHAT):
        assert answer.json() == {}
    else:
        _check_element(request.method, path, answer)


def _check_published(element: Any, destination: str) -> None:
    """A list for a group, an object for a URL."""
    is_group = destination in GROUPS
    messages = element if is_group else [element]
    assert len(messages) == (2 if is_group else 1)
    for message in messages:
        assert isinstance(message["messageId"], str)
        assert ("url" in message) == (destination != LLM)


def _check_element(method: str, path: str, answer: Answered) -> None:
    route = (method, _route_of(path))
    if route in LISTS:
        name, required = LISTS[route]
        for element in answer.json()[name]:
            _check_fields(element, required)
    elif route in BARE_LISTS:
        for element in answer.json():
            _check_fields(element, BARE_LISTS[route])
    elif route not in UNREAD:
        _check_fields(answer.json(), ELEMENTS[route])


def _route_of(path: str) -> str:
    noun, *rest = path.removeprefix("/v2/").split("/")
    if not rest or rest[0] in ("retry", "rotate"):
        return "/".join([noun, *rest])
    return f"{noun}/*"


def _check_fields(element: dict[str, Any], required: set[str]) -> None:
    assert required <= element.keys(), required - element.keys()
    assert None not in element.values()


def _lower(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in pairs}
