"""Reading the log (section 6.5): its entries, or the histories of messages."""

from relaypost.domain.logs import LogEntry
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.service.context import Service
from relaypost.store.base import Listing
from relaypost.wire.queries import LogQuery


async def list_entries(service: Service, project: ProjectId, query: LogQuery) -> Listing[LogEntry]:
    since = _horizon(service)
    return await service.store.logs.entries(project, query.which, query.page, since=since)


async def list_histories(
    service: Service, project: ProjectId, query: LogQuery
) -> Listing[list[LogEntry]]:
    since = _horizon(service)
    return await service.store.logs.histories(project, query.which, query.page, since=since)


def _horizon(service: Service) -> UnixMs:
    """Entries before this have expired, whether or not they are gone already."""
    return UnixMs(service.clock.now() - service.retention.logs_ms)
