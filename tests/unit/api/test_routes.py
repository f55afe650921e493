"""Which route a raw path leads to, and what is cut out of it."""

import pytest

from relaypost.api import flow_control_keys, queues
from relaypost.api.routes import Handler, match


def found(method: str, path: str) -> tuple[Handler | None, tuple[object, ...]]:
    matched = match(path.encode())
    assert matched is not None
    return matched.route.handler(method), matched.parameters


def allowed(path: str) -> str:
    matched = match(path.encode())
    assert matched is not None
    return matched.route.allowed


@pytest.mark.conformance("P-37")
@pytest.mark.parametrize("path", ["/v2/queues", "/v2/queues/"])
def test_the_collection_of_queues(path: str) -> None:
    assert found("GET", path) == (queues.list_queues, ())
    assert found("POST", path) == (queues.put_queue, ())
    assert found("DELETE", path) == (None, ())
    assert allowed(path) == "GET, POST"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v2/queues/invoices", "invoices"),
        ("/v2/queues/a%20b/c", "a b/c"),
        ("/v2/queues/invoices/", "invoices/"),
        ("/v2/queues/pause", "pause"),
        ("/v2/queues//", "/"),
        ("/v2/queues/%FF", "\ufffd"),
    ],
)
def test_one_queue(path: str, name: str) -> None:
    assert found("GET", path) == (queues.get_queue, (name,))
    assert found("HEAD", path) == (queues.get_queue, (name,))
    assert found("DELETE", path) == (queues.delete_queue, (name,))
    assert allowed(path) == "DELETE, GET"


@pytest.mark.parametrize(
    ("path", "handler", "name"),
    [
        ("/v2/queues/invoices/pause", queues.pause_queue, "invoices"),
        ("/v2/queues/invoices/resume", queues.resume_queue, "invoices"),
        ("/v2/queues/a%20b/c/pause", queues.pause_queue, "a b/c"),
        ("/v2/queues//resume", queues.resume_queue, ""),
    ],
)
def test_what_is_done_to_a_queue(path: str, handler: Handler, name: str) -> None:
    assert found("POST", path) == (handler, (name,))
    assert allowed(path) == "POST"


@pytest.mark.parametrize("path", ["/v2/flowControl", "/v2/flowControl/"])
def test_the_collection_of_keys(path: str) -> None:
    assert found("GET", path) == (flow_control_keys.list_keys, ())
    assert allowed(path) == "GET"


@pytest.mark.conformance("F-11", "K-27")
@pytest.mark.parametrize("rest", ["erp", "a/b%20c", "/", "a//pauses", "pause/x", "$"])
def test_one_key(rest: str) -> None:
    expected = (flow_control_keys.get_key, (rest.encode(),))
    assert found("GET", f"/v2/flowControl/{rest}") == expected
    assert allowed(f"/v2/flowControl/{rest}") == "GET"


@pytest.mark.conformance("F-11", "K-27")
@pytest.mark.parametrize("rest", ["erp/", "a/b%20c/", "/", "", "pin/"])
@pytest.mark.parametrize(("action", "handler"), flow_control_keys.ACTIONS.items())
def test_what_is_done_to_a_key(rest: str, action: bytes, handler: Handler) -> None:
    path = rest + action.decode()
    assert found("POST", f"/v2/flowControl/{path}") == (handler, (path.encode(),))
    assert found("GET", f"/v2/flowControl/{path}") == (flow_control_keys.get_key, (path.encode(),))
    assert allowed(f"/v2/flowControl/{path}") == "GET, POST"


def test_global_parallelism() -> None:
    expected = (flow_control_keys.get_global_parallelism, ())
    assert found("GET", "/v2/globalParallelism") == expected
    assert allowed("/v2/globalParallelism") == "GET"


@pytest.mark.parametrize(
    "path", ["/v2/queue", "/v2/flowControls", "/v2/globalParallelism/x", "/v2/"]
)
def test_no_route(path: str) -> None:
    assert match(path.encode()) is None
