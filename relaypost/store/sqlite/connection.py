"""Opening SQLite: pragmas, the lock against a second server, migrations."""

import fcntl
import os
from collections.abc import Sequence as Items
from importlib import resources
from typing import Any

import apsw

from relaypost.domain.errors import StoreUnavailable
from relaypost.domain.types import Sequence
from relaypost.domain.urls import host_of, name_of, path_of

CACHE_KIB = 65536
BUSY_MS = 5000
"""How long another program, a backup say, may hold the database before it counts as unusable."""

FORGET_LEASES = "DELETE FROM leases"
"""Only one process uses a file: at its start every lease is one of a process that has ended."""


def open_writer(path: str | None) -> apsw.Connection:
    """The one connection that writes; `None` is a database in memory.

    Raises:
        StoreUnavailable: the file can't be opened, is no database, or was made by a newer version.
    """
    try:
        connection = apsw.Connection(path or ":memory:")
    except apsw.Error as error:
        raise StoreUnavailable(f"can't open the database {path}: {error}") from error
    try:
        _prepare(connection, in_memory=path is None)
    except apsw.Error as error:
        connection.close()
        raise StoreUnavailable(f"can't open the database {path}: {error}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: apsw.Connection, *, in_memory: bool) -> None:
    connection.set_busy_timeout(BUSY_MS)
    mode = _one(connection, "PRAGMA journal_mode = WAL")
    if mode != "wal" and not in_memory:
        raise StoreUnavailable(f"the file system of the database can't do WAL, only {mode}")
    for pragma in (
        "synchronous = FULL",
        f"cache_size = -{CACHE_KIB}",
        "temp_store = MEMORY",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    migrate(connection)
    connection.execute(FORGET_LEASES).fetchall()
    _add_functions(connection)


def open_reader(path: str) -> apsw.Connection:
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(BUSY_MS)
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB // 4}").fetchall()
    _add_functions(connection)
    return connection


def explain(error: Exception) -> str:
    return f"the database can't be used now: {error}"


def select(
    connection: apsw.Connection, query: str, values: Items[Any] | dict[str, Any] = ()
) -> list[Any]:
    """All rows of a query. Their types are what the schema says, which only the caller knows."""
    return connection.execute(query, values).fetchall()


def lock_file(path: str) -> int:
    """Hold the database for this process; answers the file descriptor that holds it.

    The lock is a file beside the database: closing a descriptor of the database itself would
    release SQLite's own locks.
    """
    path = os.path.realpath(path)
    try:
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"can't open the database {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StoreUnavailable(f"another relaypost is using the database {path}") from None
    return descriptor


def migrate(connection: apsw.Connection) -> None:
    """Bring the schema up to this version, each step in a transaction of its own."""
    steps = _steps()
    done = int(_one(connection, "PRAGMA user_version"))
    if done > len(steps):
        raise StoreUnavailable(
            f"the database has schema {done}, this relaypost knows {len(steps)}: use a newer one"
        )
    for number in range(done, len(steps)):
        with connection:
            connection.execute(steps[number]).fetchall()
            connection.execute(f"PRAGMA user_version = {number + 1}").fetchall()


def newest_sequence(connection: apsw.Connection) -> Sequence:
    """The largest sequence number that is stored; later ones follow it."""
    found = [_one(connection, "SELECT max(id) + 1 FROM envelopes")]  # with its derived ACTIVE
    for (project,) in connection.execute("SELECT id FROM projects").fetchall():
        found += connection.execute(NEWEST, {"project": project}).fetchall()[0]
    return Sequence(max((number or 0) for number in found))


NEWEST = """
SELECT (SELECT max(ended) FROM messages WHERE project_id = :project AND ended IS NOT NULL),
       (SELECT max(sequence) FROM log_entries WHERE project_id = :project),
       (SELECT max(id) FROM dead_letters WHERE project_id = :project)
"""


def _steps() -> list[str]:
    files = resources.files("relaypost.store.sqlite.migrations").iterdir()
    return [
        file.read_text("utf-8")
        for file in sorted(files, key=lambda file: file.name)
        if file.name.endswith(".sql")
    ]


def _one(connection: apsw.Connection, query: str) -> Any:
    return connection.execute(query).fetchall()[0][0]


def _add_functions(connection: apsw.Connection) -> None:
    functions: dict[str, Any] = {
        "folded": str.casefold,
        "url_host": host_of,
        "url_name": name_of,
        "url_path": path_of,
    }
    for name, function in functions.items():
        connection.create_scalar_function(name, function, 1, deterministic=True)
