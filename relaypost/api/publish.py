"""Publish, enqueue and batch."""

from collections.abc import Iterable, Mapping
from typing import Final

from relaypost.api.contexts import publish_context
from relaypost.api.http import Request, Response
from relaypost.api.operations import Answer, Answers, Body, Described, Link
from relaypost.domain.errors import BodyTooLarge, Invalid, NotFound, QuotaExceeded
from relaypost.domain.url_groups import UrlGroup
from relaypost.service import publications
from relaypost.service.context import Service
from relaypost.service.url_groups import NO_GROUPS, find_groups
from relaypost.wire.answers import Accepted, batch_answer, publish_answer
from relaypost.wire.batch import Item, decode_batch, destinations, read_items
from relaypost.wire.fan_out import group_names
from relaypost.wire.options import MESSAGE_ONLY, SHARED_OPTIONS
from relaypost.wire.publish import read_publication
from relaypost.wire.targets import cut_queue

URLS: Final = (b"https://", b"http://")
"""How destinations begin that surely are no group."""

OPTIONS = (SHARED_OPTIONS | MESSAGE_ONLY) - {"Cron", "Schedule-Id"}
IN_QUEUE = OPTIONS - {"Queue-Name"}
AS_ONE_OR_MANY = (Accepted, list[Accepted])
MESSAGE = Body(
    says="Delivered byte by byte, with the same `Content-Type`.",
    is_required=False,
    example={"order": 1},
)
ACCEPTED: Answers = {
    200: Answer(
        AS_ONE_OR_MANY,
        "Accepted, and on stable storage. A list when the destination is a URL group.",
        links=(
            Link("getMessage", "messageId", "$response.body#/messageId"),
            Link("cancelMessage", "messageId", "$response.body#/messageId"),
        ),
    ),
    202: Answer(AS_ONE_OR_MANY, "Accepted before, under the same deduplication id."),
}
REFUSED = (Invalid, NotFound, QuotaExceeded)


@Described(
    "POST /v2/publish/{destination}",
    "Publish a message",
    "Each option may also be a parameter of the query, with its name in lower case.",
    answers=ACCEPTED,
    errors=REFUSED,
    options=OPTIONS,
    body=MESSAGE,
    id="publish",
)
async def publish_one(
    service: Service, request: Request, rest: bytes, queue: str | None = None
) -> Response:
    """`rest` is the raw target behind the route."""
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


@Described(
    "POST /v2/enqueue/{queueName}/{destination}",
    "Enqueue a message",
    "Messages of a queue are delivered in order. A queue that does not exist is made.",
    answers=ACCEPTED,
    errors=REFUSED,
    options=IN_QUEUE,
    body=MESSAGE,
    id="enqueue",
)
async def enqueue_one(service: Service, request: Request, rest: bytes) -> Response:
    queue, destination = cut_queue(rest)
    return await publish_one(service, request, destination, queue)


@Described(
    "POST /v2/batch",
    "Publish many messages",
    "All of them or, if one is refused, none.",
    answers={200: Answer(list[Accepted | list[Accepted]], "One element for each item, in order.")},
    errors=(*REFUSED, BodyTooLarge),
    body=Body(
        list[Item],
        example=[
            {
                "destination": "https://api.example.com/orders",
                "headers": {"Upstash-Delay": "10s", "Content-Type": "application/json"},
                "body": '{"order":1}',
            }
        ],
    ),
)
async def publish_batch(service: Service, request: Request) -> Response:
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
