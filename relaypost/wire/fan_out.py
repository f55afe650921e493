"""Publishing to a URL group: whose headers stand behind all others, who gets a message (4.7, 4.8).

A query behind the name of a group belongs to its endpoints (section 2.2).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from relaypost.domain.messages import Envelope
from relaypost.domain.url_groups import UrlGroup
from relaypost.domain.urls import append_query, split_url
from relaypost.wire.destinations import is_name, unknown_group
from relaypost.wire.headers import encode_pairs
from relaypost.wire.options import Options, collect, merge


def group_names(destinations: Iterable[str]) -> set[str]:
    """The names of the groups that destinations may mean; URLs mean none."""
    names = (destination.partition("?")[0] for destination in destinations)
    return {name for name in names if is_name(name)}


def find_group(destination: str, groups: Mapping[str, UrlGroup]) -> UrlGroup:
    """The group that is meant; parameters behind its name are those of its endpoints now."""
    name, _, query = destination.partition("?")
    group = groups.get(name)
    if group is None:
        raise unknown_group(name)
    return _with_query(group, query) if query else group


def _with_query(group: UrlGroup, query: str) -> UrlGroup:
    endpoints = tuple(replace(one, url=append_query(one.url, query)) for one in group.endpoints)
    for endpoint in endpoints:
        split_url(endpoint.url)  # it may have become too long, or no URL any more
    return replace(group, endpoints=endpoints)


def with_defaults(options: Options, group: UrlGroup) -> Options:
    """Fill what a request leaves open from the headers that are stored with the group."""
    return merge(options, collect(encode_pairs(group.headers))) if group.headers else options


def fan_out(envelope: Envelope, group: UrlGroup) -> Iterator[Envelope]:
    """The envelopes of the messages, one for each endpoint in order."""
    for endpoint in group.endpoints:
        yield replace(
            envelope, url=endpoint.url, topic_name=group.name, endpoint_name=endpoint.name
        )
