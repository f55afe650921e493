"""URL groups, which paths call topics (sections 4.6, 4.7)."""

from relaypost.api.contexts import publish_context
from relaypost.api.http import Request, Response
from relaypost.service import url_groups
from relaypost.service.context import Service
from relaypost.wire.url_groups import (
    check_name,
    read_added,
    read_default_headers,
    read_removed,
    url_group_body,
    url_groups_body,
)


async def list_groups(service: Service, request: Request) -> Response:
    """`GET /v2/topics`."""
    groups = await url_groups.list_groups(service, request.caller.project_id)
    return Response(200, url_groups_body(groups))


async def get_group(service: Service, request: Request, name: str) -> Response:
    """`GET /v2/topics/{name}`."""
    project = request.caller.project_id
    group = await url_groups.get_group(service, project, check_name(name))
    return Response(200, url_group_body(group))


async def delete_group(service: Service, request: Request, name: str) -> Response:
    """`DELETE /v2/topics/{name}`."""
    await url_groups.delete_group(service, request.caller.project_id, check_name(name))
    return Response(200)


async def change_group(service: Service, request: Request, name: str) -> Response:
    """`PATCH /v2/topics/{name}`: its default headers."""
    check_name(name)
    headers = read_default_headers(request.body, publish_context(service, request))
    project = request.caller.project_id
    group = await url_groups.set_headers(service, project, name, headers)
    return Response(200, url_group_body(group))


async def add_endpoints(service: Service, request: Request, name: str) -> Response:
    """`POST /v2/topics/{name}/endpoints`."""
    check_name(name)
    endpoints = read_added(request.body, service.policy)
    await url_groups.add_endpoints(service, request.caller.project_id, name, endpoints)
    return Response(200)


async def remove_endpoints(service: Service, request: Request, name: str) -> Response:
    """`DELETE /v2/topics/{name}/endpoints`, with a body."""
    check_name(name)
    endpoints = read_removed(request.body)
    await url_groups.remove_endpoints(service, request.caller.project_id, name, endpoints)
    return Response(200)
