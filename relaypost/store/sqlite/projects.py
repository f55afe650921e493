"""Projects, their tokens, signing keys and limits."""

from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Sequence as Items
from typing import Any

import apsw

from relaypost.domain.projects import Project, SigningKeys
from relaypost.domain.tokens import Bindings, Token, TokenKind, TokenSlot
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.database import Transaction

LIST = """
SELECT id, name, current_key, next_key, keys_rotated_at, created_at FROM projects
WHERE is_removed = 0 ORDER BY id
"""

NEXT_ID = "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'projects'"

ADD = """
INSERT INTO projects (id, name, current_key, next_key, keys_rotated_at, created_at)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id
"""

IS_THERE = "SELECT 1 FROM projects WHERE id = ? AND is_removed = 0"

REMOVE = "UPDATE projects SET is_removed = 1 WHERE id = ? AND is_removed = 0 RETURNING id"

SET_KEYS = """
UPDATE projects SET current_key = ?, next_key = ?, keys_rotated_at = ?
WHERE id = ? AND is_removed = 0 AND current_key = ? AND next_key = ? RETURNING id
"""

TOKENS = """
SELECT digest, project_id, kind, slot, hosts, url_groups, is_given, created_at FROM tokens
ORDER BY project_id, slot, kind, created_at, digest
"""

KNOWN = "SELECT digest, slot FROM tokens WHERE project_id = ?"

OWNER = "SELECT project_id FROM tokens WHERE digest = ?"

ADD_TOKEN = """
INSERT INTO tokens (digest, project_id, kind, slot, hosts, url_groups, is_given, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""

FORGET_TOKENS = "DELETE FROM tokens WHERE project_id = ?"

LIMITS = "SELECT project_id, name, value FROM project_limits"

SET_LIMIT = "INSERT OR REPLACE INTO project_limits (project_id, name, value) VALUES (?, ?, ?)"

FORGET_LIMIT = "DELETE FROM project_limits WHERE project_id = ? AND name = ?"


def list_projects(connection: apsw.Connection) -> list[Project]:
    return [
        Project(
            id=id,
            name=name,
            keys=SigningKeys(current=current, next=following),
            keys_rotated_at=rotated_at,
            created_at=created_at,
        )
        for id, name, current, following, rotated_at, created_at in select(connection, LIST)
    ]


def next_id(connection: apsw.Connection) -> ProjectId:
    return ProjectId(select(connection, NEXT_ID)[0][0])


def list_tokens(connection: apsw.Connection) -> list[Token]:
    return [
        Token(
            digest=digest,
            project_id=project,
            kind=TokenKind(kind),
            slot=TokenSlot(slot),
            bindings=Bindings(hosts=tuple(hosts.split()), groups=tuple(groups.split())),
            is_given=bool(is_given),
            created_at=created_at,
        )
        for digest, project, kind, slot, hosts, groups, is_given, created_at in select(
            connection, TOKENS
        )
    ]


def list_limits(connection: apsw.Connection) -> dict[ProjectId, Mapping[str, int]]:
    limits: defaultdict[ProjectId, dict[str, int]] = defaultdict(dict)
    for project, name, value in select(connection, LIMITS):
        limits[project][name] = value
    return dict(limits)


def add(transaction: Transaction, project: Project, tokens: Items[Token]) -> bool:
    if _taken(transaction, project.id, tokens):
        return False
    keys = project.keys
    values = (project.id, project.name, keys.current, keys.next, project.keys_rotated_at)
    if not transaction.rows(ADD, (*values, project.created_at)):
        return False
    _add_tokens(transaction, tokens)
    return True


def remove(transaction: Transaction, project: ProjectId, *, now: UnixMs) -> bool:
    if not transaction.rows(REMOVE, (project,)):
        return False
    transaction.execute(FORGET_TOKENS, (project,))
    transaction.gates.close(project, now)
    return True


def set_keys(
    transaction: Transaction,
    project: ProjectId,
    keys: SigningKeys,
    *,
    was: SigningKeys,
    now: UnixMs | None,
) -> bool:
    values = (keys.current, keys.next, now, project, was.current, was.next)
    return bool(transaction.rows(SET_KEYS, values))


def set_tokens(
    transaction: Transaction, project: ProjectId, tokens: Items[Token], *, was: Items[Token]
) -> bool:
    known = set(transaction.rows(KNOWN, (project,)))
    if known != {(token.digest, int(token.slot)) for token in was}:
        return False
    if _taken(transaction, project, tokens):
        return False
    if not transaction.rows(IS_THERE, (project,)):
        return False
    transaction.execute(FORGET_TOKENS, (project,))
    _add_tokens(transaction, tokens)
    return True


def set_limit(transaction: Transaction, project: ProjectId, name: str, value: int | None) -> bool:
    if not transaction.rows(IS_THERE, (project,)):
        return False
    if value is None:
        transaction.execute(FORGET_LIMIT, (project, name))
    else:
        transaction.execute(SET_LIMIT, (project, name, value))
    return True


def _taken(transaction: Transaction, project: ProjectId, tokens: Items[Token]) -> bool:
    """Whether another project has one of these tokens."""
    owners = [transaction.rows(OWNER, (token.digest,)) for token in tokens]
    return any(rows and rows[0][0] != project for rows in owners)


def _add_tokens(transaction: Transaction, tokens: Items[Token]) -> None:
    for token in tokens:
        transaction.execute(ADD_TOKEN, _row(token))


def _row(token: Token) -> tuple[Any, ...]:
    return (
        token.digest,
        token.project_id,
        int(token.kind),
        int(token.slot),
        " ".join(token.bindings.hosts),
        " ".join(token.bindings.groups),
        int(token.is_given),
        token.created_at,
    )
