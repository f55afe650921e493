"""The log, under its two names (section 6.5)."""

from relaypost.api.http import Request, Response
from relaypost.api.operations import Answer, Described
from relaypost.domain.errors import Invalid
from relaypost.service import logs
from relaypost.service.context import Service
from relaypost.wire.log_responses import (
    EventPage,
    HistoryPage,
    LogPage,
    events_body,
    histories_body,
    logs_body,
)
from relaypost.wire.queries import EVENTS_COUNT, LOG_NAMES, LOGS_COUNT, LogQuery, read_log_query

GROUPED = "With `groupBy=messageId` the entries of each message are together."


@Described(
    "GET /v2/events",
    "List log entries (SDKs)",
    f"{EVENTS_COUNT} entries unless `count` says otherwise. {GROUPED}",
    answers={200: Answer((EventPage, HistoryPage))},
    errors=(Invalid,),
    filters=LOG_NAMES,
)
async def list_events(service: Service, request: Request) -> Response:
    query = read_log_query(request.query, default_count=EVENTS_COUNT)
    if query.by_message:
        return await _list_histories(service, request, query)
    found = await logs.list_entries(service, request.caller.project_id, query)
    return Response(200, events_body(found.items, found.next, trim=query.trim))


@Described(
    "GET /v2/logs",
    "List log entries",
    f"{LOGS_COUNT} entries unless `count` says otherwise. {GROUPED}",
    answers={200: Answer((LogPage, HistoryPage))},
    errors=(Invalid,),
    filters=LOG_NAMES,
)
async def list_logs(service: Service, request: Request) -> Response:
    query = read_log_query(request.query, default_count=LOGS_COUNT)
    if query.by_message:
        return await _list_histories(service, request, query)
    found = await logs.list_entries(service, request.caller.project_id, query)
    return Response(200, logs_body(found.items, found.next, trim=query.trim))


async def _list_histories(service: Service, request: Request, query: LogQuery) -> Response:
    found = await logs.list_histories(service, request.caller.project_id, query)
    return Response(200, histories_body(found.items, found.next, trim=query.trim))
