"""What options of messages are read against, for each request that brings some."""

from collections.abc import Mapping

from relaypost.api.http import Request
from relaypost.domain.url_groups import UrlGroup
from relaypost.service.context import Service
from relaypost.service.url_groups import NO_GROUPS
from relaypost.wire.publish import PublishContext


def publish_context(
    service: Service, request: Request, *, groups: Mapping[str, UrlGroup] = NO_GROUPS
) -> PublishContext:
    return PublishContext(
        project_id=request.caller.project_id,
        limits=service.limits_of(request.caller.project_id),
        policy=service.policy,
        now=service.clock.now(),
        caller_ip=request.caller_ip,
        llm_url=None if service.llm is None else service.llm.url,
        token_in_query=request.caller.token_in_query,
        bindings=request.caller.bindings,
        groups=groups,
    )
