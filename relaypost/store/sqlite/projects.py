"""Projects, their tokens and signing keys."""

from collections.abc import Sequence as Items

import apsw

from relaypost.domain.projects import Project, SigningKeys, Token, TokenKind
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.store.sqlite.connection import select
from relaypost.store.sqlite.database import Transaction

LIST = "SELECT id, name, current_key, next_key, keys_rotated_at FROM projects ORDER BY id"

TOKENS = "SELECT digest, project_id, kind FROM tokens ORDER BY project_id, kind"

ADD = """
INSERT INTO projects (id, name, current_key, next_key, keys_rotated_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING RETURNING id
"""

ADD_TOKEN = "INSERT OR REPLACE INTO tokens (digest, project_id, kind) VALUES (?, ?, ?)"

FORGET_TOKENS = "DELETE FROM tokens WHERE project_id = ?"

SET_KEYS = """
UPDATE projects SET current_key = ?, next_key = ?, keys_rotated_at = ?
WHERE id = ? AND current_key = ? AND next_key = ? RETURNING id
"""


def list_projects(connection: apsw.Connection) -> list[Project]:
    return [
        Project(
            id=id,
            name=name,
            keys=SigningKeys(current=current, next=following),
            keys_rotated_at=rotated_at,
        )
        for id, name, current, following, rotated_at in select(connection, LIST)
    ]


def list_tokens(connection: apsw.Connection) -> list[Token]:
    return [
        Token(digest=digest, project_id=project, kind=TokenKind(kind))
        for digest, project, kind in select(connection, TOKENS)
    ]


def add(transaction: Transaction, project: Project, tokens: Items[Token]) -> bool:
    keys = project.keys
    values = (project.id, project.name, keys.current, keys.next, project.keys_rotated_at)
    if not transaction.rows(ADD, values):
        return False
    _add_tokens(transaction, tokens)
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


def set_tokens(transaction: Transaction, project: ProjectId, tokens: Items[Token]) -> None:
    transaction.execute(FORGET_TOKENS, (project,))
    _add_tokens(transaction, tokens)


def _add_tokens(transaction: Transaction, tokens: Items[Token]) -> None:
    for token in tokens:
        transaction.execute(ADD_TOKEN, (token.digest, token.project_id, int(token.kind)))
