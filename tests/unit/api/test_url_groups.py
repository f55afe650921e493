"""Which paths are those of URL groups, and what is cut out of them."""

import pytest

from relaypost.api.routes import match


def parameters(path: bytes) -> tuple[object, ...] | None:
    found = match(path)
    return None if found is None else found.parameters


def allowed(path: bytes) -> str:
    found = match(path)
    assert found is not None
    return found.route.allowed


@pytest.mark.parametrize("path", [b"/v2/topics", b"/v2/topics/"])
def test_the_list_of_groups(path: bytes) -> None:
    assert (parameters(path), allowed(path)) == ((), "GET")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/v2/topics/grp", "grp"),
        (b"/v2/topics/grp/", "grp/"),
        (b"/v2/topics/a%20b", "a b"),
        (b"/v2/topics/a%2Fb", "a/b"),
        (b"/v2/topics/a/b", "a/b"),
        (b"/v2/topics/endpoints", "endpoints"),
        (b"/v2/topics/%FF", "\ufffd"),
    ],
)
def test_a_group(path: bytes, name: str) -> None:
    assert (parameters(path), allowed(path)) == ((name,), "DELETE, GET, PATCH")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/v2/topics/grp/endpoints", "grp"),
        (b"/v2/topics/grp/endpoints/", "grp"),
        (b"/v2/topics/endpoints/endpoints", "endpoints"),
        (b"/v2/topics/a%20b/endpoints", "a b"),
        (b"/v2/topics/a/b/endpoints", "a/b"),
        (b"/v2/topics//endpoints", ""),
    ],
)
def test_the_endpoints_of_a_group(path: bytes, name: str) -> None:
    assert (parameters(path), allowed(path)) == ((name,), "DELETE, POST")


@pytest.mark.parametrize("path", [b"/v2/topic", b"/v2/topicsx", b"/v1/topics", b"/v2/messages/"])
def test_no_route(path: bytes) -> None:
    assert match(path) is None
