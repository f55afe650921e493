"""The table of section 4.6 in its plainest form, against what is built for long lists."""

from hypothesis import given
from hypothesis import strategies as st

from relaypost.domain.url_groups import (
    Endpoint,
    EndpointFilter,
    Endpoints,
    add_endpoints,
    remove_endpoints,
)

NAMES = st.none() | st.sampled_from("abcd")
URLS = st.sampled_from("123456")
ENDPOINTS = st.lists(st.builds(Endpoint, name=NAMES, url=URLS), max_size=12)
FILTERS = st.lists(
    st.builds(EndpointFilter, name=NAMES, url=st.none() | URLS).filter(
        lambda one: one.name is not None or one.url is not None
    ),
    max_size=4,
)


def add_plainly(known: list[Endpoint], item: Endpoint) -> list[Endpoint]:
    if item.name is not None and item.name in [one.name for one in known]:
        return [
            item if one.name == item.name else one
            for one in known
            if one.name == item.name or one.url != item.url
        ]
    if item.url in [one.url for one in known]:
        named = item if item.name is not None else None
        return [named or one if one.url == item.url else one for one in known]
    return [*known, item]


def is_meant(one: Endpoint, by: EndpointFilter) -> bool:
    return by.url in (None, one.url) and by.name in (None, one.name)


def is_sound(endpoints: Endpoints) -> bool:
    urls = [one.url for one in endpoints]
    names = [one.name for one in endpoints if one.name is not None]
    return len(set(urls)) == len(urls) and len(set(names)) == len(names)


@given(ENDPOINTS)
def test_items_are_added_one_after_the_other(items: list[Endpoint]) -> None:
    plain: list[Endpoint] = []
    for item in items:
        plain = add_plainly(plain, item)
    added = add_endpoints((), items)
    assert list(added) == plain
    assert is_sound(added)


@given(ENDPOINTS, ENDPOINTS)
def test_two_calls_are_as_one(first: list[Endpoint], second: list[Endpoint]) -> None:
    assert add_endpoints(add_endpoints((), first), second) == add_endpoints((), first + second)


@given(ENDPOINTS, st.builds(Endpoint, name=NAMES, url=URLS))
def test_an_item_that_is_added_again_changes_nothing(known: list[Endpoint], item: Endpoint) -> None:
    once = add_endpoints((), [*known, item])
    assert add_endpoints(once, [item]) == once


@given(ENDPOINTS, FILTERS)
def test_what_is_meant_goes_and_the_rest_stays(
    items: list[Endpoint], removed: list[EndpointFilter]
) -> None:
    known = add_endpoints((), items)
    left = remove_endpoints(known, removed)
    assert list(left) == [one for one in known if not any(is_meant(one, by) for by in removed)]
    assert remove_endpoints(left, removed) == left
