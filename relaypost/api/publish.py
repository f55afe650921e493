"""Publish, enqueue and batch."""

from collections.abc import Iterable, Mapping
from typing import Final

from relaypost.api.contexts import publish_context
from relaypost.api.http import Request, Response
from relaypost.domain.url_groups import UrlGroup
from relaypost.service import publications
from relaypost.service.context import Service
from relaypost.service.url_groups import NO_GROUPS, find_groups
from relaypost.wire.answers import batch_answer, publish_answer
from relaypost.wire.batch import decode_batch, destinations, read_items
from relaypost.wire.fan_out import group_names
from relaypost.wire.publish import read_publication
from relaypost.wire.targets import cut_queue

URLS: Final = (b"https://", b"http://")
"""How destinations begin that surely are no group."""


async def publish_one(
    service: Service, request: Request, rest: bytes, queue: str | None = None
) -> Response:
    """`POST /v2/publish/{destination}`; `rest` is the raw target behind the route."""
    groups = await find_groups_for(service, request, rest)
    publication = read_publication(
        rest,
        request.query,
        headers=request.headers,
        body=request.body,
        context=publish_context(service, request, groups=groups),
        queue=queue,
    )
    published = await publications.publish_one(service, publication)
    return Response(*publish_answer(publication, published))


async def enqueue_one(service: Service, request: Request, rest: bytes) -> Response:
    """`POST /v2/enqueue/{queueName}/{destination}`."""
    queue, destination = cut_queue(rest)
    return await publish_one(service, request, destination, queue)


async def publish_batch(service: Service, request: Request) -> Response:
    """`POST /v2/batch`."""
    items = decode_batch(request.body, service.limits_of(request.caller.project_id))
    groups = await _find_groups(service, request, destinations(items))
    asked = read_items(items, publish_context(service, request, groups=groups))
    published = await publications.publish(service, asked) if asked else []
    return Response(*batch_answer(zip(asked, published, strict=True)))


async def find_groups_for(
    service: Service, request: Request, rest: bytes
) -> Mapping[str, UrlGroup]:
    """The URL group that the end of a raw target may mean."""
    if rest.startswith(URLS):
        return NO_GROUPS
    return await _find_groups(service, request, [rest.decode("latin-1")])


async def _find_groups(
    service: Service, request: Request, named: Iterable[str]
) -> Mapping[str, UrlGroup]:
    """The URL groups among destinations."""
    names = group_names(named)
    return await find_groups(service.store.url_groups, request.caller.project_id, names)
