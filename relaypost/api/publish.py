"""Publish, enqueue and batch."""

from relaypost.api.http import Request, Response
from relaypost.service import publications
from relaypost.service.context import Service
from relaypost.wire.answers import batch_answer, publish_answer
from relaypost.wire.batch import read_batch
from relaypost.wire.publish import PublishContext, read_publication
from relaypost.wire.targets import cut_queue


async def publish_one(
    service: Service, request: Request, rest: bytes, queue: str | None = None
) -> Response:
    """`POST /v2/publish/{destination}`; `rest` is the raw target behind the route."""
    publication = read_publication(
        rest,
        request.query,
        headers=request.headers,
        body=request.body,
        context=_context(service, request),
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
    asked = read_batch(request.body, _context(service, request))
    published = await publications.publish(service, asked) if asked else []
    return Response(*batch_answer(zip(asked, published, strict=True)))


def _context(service: Service, request: Request) -> PublishContext:
    return PublishContext(
        project_id=request.caller.project_id,
        limits=service.limits,
        policy=service.policy,
        now=service.clock.now(),
        caller_ip=request.caller_ip,
        llm_url=None if service.llm is None else service.llm.url,
        token_in_query=request.caller.token_in_query,
    )
