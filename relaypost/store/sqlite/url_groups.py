"""URL groups, a row for each: endpoints and headers are packed."""

import json
from collections.abc import Collection
from collections.abc import Sequence as Items
from typing import Any

import apsw
import msgspec

from relaypost.domain.limits import Limits
from relaypost.domain.types import Headers, ProjectId, UnixMs
from relaypost.domain.url_groups import (
    Endpoint,
    EndpointFilter,
    Endpoints,
    Excess,
    UrlGroup,
    add_endpoints,
    excess,
    remove_endpoints,
    with_endpoints,
    with_headers,
)
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.database import Database, Transaction
from relaypost.store.sqlite.envelopes import pack_headers, unpack_headers

ALL = """
SELECT name, endpoints, headers, created_at, updated_at FROM url_groups
WHERE project_id = ? ORDER BY name
"""

GET = """
SELECT g.name, g.endpoints, g.headers, g.created_at, g.updated_at
FROM json_each(?) AS asked CROSS JOIN url_groups g ON g.project_id = ? AND g.name = asked.value
"""

COUNT = "SELECT count(*) FROM url_groups WHERE project_id = ?"

PUT = """
INSERT OR REPLACE INTO url_groups (project_id, name, endpoints, headers, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?)
"""

DELETE = "DELETE FROM url_groups WHERE project_id = ? AND name = ? RETURNING 1"

NEWEST = "SELECT max(updated_at) FROM url_groups"

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[tuple[str, str | None], ...]).decode


class SqliteUrlGroups:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, project: ProjectId) -> list[UrlGroup]:
        return await self._database.read(lambda connection: list_groups(connection, project))

    async def get(self, project: ProjectId, names: Collection[str]) -> list[UrlGroup]:
        return await self._database.read(lambda connection: get(connection, project, names))

    async def add_endpoints(
        self,
        project: ProjectId,
        name: str,
        endpoints: Items[Endpoint],
        *,
        limits: Limits,
        now: UnixMs,
    ) -> Excess | None:
        return await self._database.write(
            lambda transaction: add(transaction, project, name, endpoints, limits=limits, now=now)
        )

    async def remove_endpoints(
        self, project: ProjectId, name: str, endpoints: Items[EndpointFilter], *, now: UnixMs
    ) -> bool:
        return await self._database.write(
            lambda transaction: remove(transaction, project, name, endpoints, now=now)
        )

    async def set_headers(
        self, project: ProjectId, name: str, headers: Headers, *, now: UnixMs
    ) -> UrlGroup | None:
        return await self._database.write(
            lambda transaction: set_headers(transaction, project, name, headers, now=now)
        )

    async def delete(self, project: ProjectId, name: str) -> bool:
        return await self._database.write(lambda transaction: delete(transaction, project, name))


def list_groups(connection: apsw.Connection, project: ProjectId) -> list[UrlGroup]:
    return [_from_row(row) for row in select(connection, ALL, (project,))]


def get(connection: apsw.Connection, project: ProjectId, names: Collection[str]) -> list[UrlGroup]:
    rows = select(connection, GET, (json.dumps(list(names)), project))
    return [_from_row(row) for row in rows]


def add(
    transaction: Transaction,
    project: ProjectId,
    name: str,
    endpoints: Items[Endpoint],
    *,
    limits: Limits,
    now: UnixMs,
) -> Excess | None:
    known = _find(transaction, project, name)
    after = add_endpoints(known.endpoints if known else (), endpoints)
    count = transaction.rows(COUNT, (project,))[0][0]
    too_much = excess(known, after, groups=count, limits=limits)
    if too_much is None:
        new = UrlGroup(name=name, endpoints=after, created_at=now, updated_at=now)
        _replace(transaction, project, known, with_endpoints(known or new, after, now=now))
    return too_much


def remove(
    transaction: Transaction,
    project: ProjectId,
    name: str,
    endpoints: Items[EndpointFilter],
    *,
    now: UnixMs,
) -> bool:
    known = _find(transaction, project, name)
    if known is None:
        return False
    after = remove_endpoints(known.endpoints, endpoints)
    if not after:
        return delete(transaction, project, name)
    _replace(transaction, project, known, with_endpoints(known, after, now=now))
    return after != known.endpoints


def set_headers(
    transaction: Transaction, project: ProjectId, name: str, headers: Headers, *, now: UnixMs
) -> UrlGroup | None:
    known = _find(transaction, project, name)
    if known is None:
        return None
    changed = with_headers(known, headers, now=now)
    _replace(transaction, project, known, changed)
    return changed


def delete(transaction: Transaction, project: ProjectId, name: str) -> bool:
    return bool(transaction.rows(DELETE, (project, name)))


def newest_time(connection: apsw.Connection) -> UnixMs:
    newest: UnixMs | None = select(connection, NEWEST)[0][0]
    return newest or UnixMs(0)


def _find(transaction: Transaction, project: ProjectId, name: str) -> UrlGroup | None:
    return next(iter(get(transaction.connection, project, (name,))), None)


def _replace(
    transaction: Transaction, project: ProjectId, known: UrlGroup | None, changed: UrlGroup
) -> None:
    if changed != known:
        transaction.execute(PUT, (project, *_to_row(changed)))


def _to_row(group: UrlGroup) -> tuple[Any, ...]:
    return (
        group.name,
        _pack([(one.url, one.name) for one in group.endpoints]),
        pack_headers(group.headers),
        group.created_at,
        group.updated_at,
    )


def _from_row(row: tuple[Any, ...]) -> UrlGroup:
    name, packed, headers, created_at, updated_at = row
    endpoints: Endpoints = tuple(Endpoint(url=url, name=name) for url, name in _unpack(packed))
    return UrlGroup(
        name=name,
        endpoints=endpoints,
        headers=unpack_headers(headers),
        created_at=created_at,
        updated_at=updated_at,
    )
