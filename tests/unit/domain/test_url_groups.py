from dataclasses import replace

import pytest

from relaypost.domain.limits import Limits
from relaypost.domain.types import UnixMs
from relaypost.domain.url_groups import (
    Endpoint,
    EndpointFilter,
    Endpoints,
    Excess,
    UrlGroup,
    add_endpoints,
    excess,
    remove_endpoints,
    with_endpoints,
    with_headers,
)

Line = tuple[str | None, str]

LATER = UnixMs(2)


def table(*lines: Line) -> Endpoints:
    return tuple(Endpoint(name=name, url=url) for name, url in lines)


def lines(endpoints: Endpoints) -> list[Line]:
    return [(one.name, one.url) for one in endpoints]


def group(*lines: Line) -> UrlGroup:
    return UrlGroup(name="g", endpoints=table(*lines), created_at=UnixMs(1), updated_at=UnixMs(1))


KNOWN: tuple[Line, ...] = (("a", "1"), (None, "2"), ("c", "3"))


@pytest.mark.conformance("Q-16")
@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ([("d", "4")], [*KNOWN, ("d", "4")]),
        ([(None, "4")], [*KNOWN, (None, "4")]),
        ([("a", "4")], [("a", "4"), (None, "2"), ("c", "3")]),
        ([("a", "2")], [("a", "2"), ("c", "3")]),
        ([("a", "3")], [("a", "3"), (None, "2")]),
        ([("c", "1")], [(None, "2"), ("c", "1")]),
        ([("a", "1")], [*KNOWN]),
        ([(None, "1")], [*KNOWN]),
        ([(None, "2")], [*KNOWN]),
        ([("b", "2")], [("a", "1"), ("b", "2"), ("c", "3")]),
        ([("b", "1")], [("b", "1"), (None, "2"), ("c", "3")]),
        ([("d", "4"), ("d", "5")], [*KNOWN, ("d", "5")]),
        ([("d", "4"), ("e", "4")], [*KNOWN, ("e", "4")]),
        ([("b", "1"), ("a", "1")], [*KNOWN]),
        ([("a", "3"), ("c", "1")], [("a", "3"), (None, "2"), ("c", "1")]),
        ([("a", "4"), (None, "1")], [("a", "4"), (None, "2"), ("c", "3"), (None, "1")]),
        ([], [*KNOWN]),
    ],
)
def test_adding_to_known_endpoints(added: list[Line], expected: list[Line]) -> None:
    assert lines(add_endpoints(table(*KNOWN), table(*added))) == expected


@pytest.mark.conformance("Q-16")
def test_adding_the_same_url_twice() -> None:
    assert lines(add_endpoints((), table((None, "1"), (None, "1")))) == [(None, "1")]


@pytest.mark.parametrize(
    ("removed", "expected"),
    [
        (EndpointFilter(name="a"), [KNOWN[1], KNOWN[2]]),
        (EndpointFilter(url="1"), [KNOWN[1], KNOWN[2]]),
        (EndpointFilter(url="2"), [KNOWN[0], KNOWN[2]]),
        (EndpointFilter(url="1", name="a"), [KNOWN[1], KNOWN[2]]),
        (EndpointFilter(url="1", name="c"), [*KNOWN]),
        (EndpointFilter(url="2", name="b"), [*KNOWN]),
        (EndpointFilter(url="9"), [*KNOWN]),
        (EndpointFilter(name="9"), [*KNOWN]),
    ],
)
def test_removing(removed: EndpointFilter, expected: list[Line]) -> None:
    assert lines(remove_endpoints(table(*KNOWN), [removed])) == expected


def test_removing_several() -> None:
    removed = [EndpointFilter(name="a"), EndpointFilter(url="3"), EndpointFilter(url="2", name="x")]
    assert lines(remove_endpoints(table(*KNOWN), removed)) == [KNOWN[1]]
    assert remove_endpoints(table(*KNOWN), [EndpointFilter(url=url) for _, url in KNOWN]) == ()


LIMITS = Limits(max_url_groups=2, max_endpoints=2)


@pytest.mark.parametrize(
    ("known", "count", "groups", "expected"),
    [
        (0, 2, 1, None),
        (0, 1, 2, Excess.GROUPS),
        (0, 3, 1, Excess.ENDPOINTS),
        (1, 2, 2, None),
        (1, 2, 5, None),
        (2, 3, 1, Excess.ENDPOINTS),
        (3, 3, 1, None),
        (4, 3, 1, None),
        (3, 4, 1, Excess.ENDPOINTS),
    ],
)
def test_limits_hold_for_what_is_new(
    known: int, count: int, groups: int, expected: Excess | None
) -> None:
    before, after = ([(None, str(number)) for number in range(size)] for size in (known, count))
    there = group(*before) if known else None
    assert excess(there, table(*after), groups=groups, limits=LIMITS) is expected


def test_zero_is_no_limit() -> None:
    unlimited = Limits(max_url_groups=0, max_endpoints=0)
    many = table(*[(None, str(number)) for number in range(1000)])
    assert excess(None, many, groups=1000, limits=unlimited) is None


def test_a_change_moves_the_time() -> None:
    one = group((None, "1"))
    changed = with_endpoints(one, table((None, "2")), now=LATER)
    assert changed == replace(one, endpoints=table((None, "2")), updated_at=LATER)
    assert with_headers(one, (("X", "1"),), now=LATER).updated_at == LATER


def test_what_changes_nothing_moves_nothing() -> None:
    one = group((None, "1"))
    assert with_endpoints(one, table((None, "1")), now=LATER) is one
    assert with_headers(one, (), now=LATER) is one
