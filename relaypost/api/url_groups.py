"""URL groups, which paths call topics (sections 4.6, 4.7)."""

from relaypost.api.contexts import publish_context
from relaypost.api.http import Request, Response
from relaypost.api.operations import Answer, Body, Described, Link
from relaypost.domain.errors import Invalid, NotFound, QuotaExceeded
from relaypost.service import url_groups
from relaypost.service.context import Service
from relaypost.wire.url_groups import (
    AddedEndpoints,
    DefaultHeaders,
    RemovedEndpoints,
    UrlGroupRecord,
    check_name,
    read_added,
    read_default_headers,
    read_removed,
    url_group_body,
    url_groups_body,
)

EXAMPLE = {"endpoints": [{"name": "first", "url": "https://api.example.com/orders"}]}
NAMED = ("urlGroupName", "$request.path.urlGroupName")


@Described(
    "GET /v2/topics",
    "List URL groups",
    answers={200: Answer(list[UrlGroupRecord])},
    id="listUrlGroups",
)
async def list_groups(service: Service, request: Request) -> Response:
    groups = await url_groups.list_groups(service, request.caller.project_id)
    return Response(200, url_groups_body(groups))


@Described(
    "GET /v2/topics/{urlGroupName}",
    "Get a URL group",
    answers={200: Answer(UrlGroupRecord)},
    errors=(Invalid, NotFound),
    id="getUrlGroup",
)
async def get_group(service: Service, request: Request, name: str) -> Response:
    project = request.caller.project_id
    group = await url_groups.get_group(service, project, check_name(name))
    return Response(200, url_group_body(group))


@Described(
    "DELETE /v2/topics/{urlGroupName}",
    "Delete a URL group",
    answers={200: Answer(says="There is no such group, whether or not there was one.")},
    errors=(Invalid,),
    id="deleteUrlGroup",
)
async def delete_group(service: Service, request: Request, name: str) -> Response:
    await url_groups.delete_group(service, request.caller.project_id, check_name(name))
    return Response(200)


@Described(
    "PATCH /v2/topics/{urlGroupName}",
    "Set the default headers of a URL group",
    "They replace those that it has; without `headers`, nothing changes.",
    answers={200: Answer(UrlGroupRecord)},
    errors=(Invalid, NotFound, QuotaExceeded),
    body=Body(DefaultHeaders, example={"headers": {"Upstash-Retries": "5"}}),
    id="changeUrlGroup",
)
async def change_group(service: Service, request: Request, name: str) -> Response:
    check_name(name)
    headers = read_default_headers(request.body, publish_context(service, request))
    project = request.caller.project_id
    group = await url_groups.set_headers(service, project, name, headers)
    return Response(200, url_group_body(group))


@Described(
    "POST /v2/topics/{urlGroupName}/endpoints",
    "Add endpoints to a URL group",
    "A group that does not exist is made.",
    answers={200: Answer(links=(Link("getUrlGroup", *NAMED), Link("deleteUrlGroup", *NAMED)))},
    errors=(Invalid, QuotaExceeded),
    body=Body(AddedEndpoints, example=EXAMPLE),
)
async def add_endpoints(service: Service, request: Request, name: str) -> Response:
    check_name(name)
    endpoints = read_added(request.body, service.policy)
    await url_groups.add_endpoints(service, request.caller.project_id, name, endpoints)
    return Response(200)


@Described(
    "DELETE /v2/topics/{urlGroupName}/endpoints",
    "Remove endpoints from a URL group",
    "With the last one goes the group.",
    errors=(Invalid,),
    body=Body(RemovedEndpoints, example={"endpoints": [{"name": "first"}]}),
)
async def remove_endpoints(service: Service, request: Request, name: str) -> Response:
    check_name(name)
    endpoints = read_removed(request.body)
    await url_groups.remove_endpoints(service, request.caller.project_id, name, endpoints)
    return Response(200)
