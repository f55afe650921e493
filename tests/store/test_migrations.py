"""The schema: what its steps make is written down, and each step is taken once."""

from pathlib import Path

import apsw
import pytest

from relaypost.domain.errors import StoreUnavailable
from relaypost.store.sqlite import connection as opening
from relaypost.store.sqlite.connection import migrate, open_writer, select

SNAPSHOT = Path(__file__).with_name("schema.sql")


def schema(connection: apsw.Connection) -> str:
    rows = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
        "ORDER BY type DESC, name"
    ).fetchall()
    return "".join(f"{sql};\n\n" for (sql,) in rows)


def version(connection: apsw.Connection) -> int:
    found: int = select(connection, "PRAGMA user_version")[0][0]
    return found


def test_the_schema_is_as_written_down() -> None:
    """After a new step, write `schema.sql` anew from what this shows; never edit an old step."""
    connection = open_writer(None)
    assert schema(connection) == SNAPSHOT.read_text("utf-8")


def test_a_second_run_changes_nothing() -> None:
    connection = open_writer(None)
    before = (schema(connection), version(connection))
    migrate(connection)
    assert (schema(connection), version(connection)) == before


def test_steps_are_taken_from_where_the_file_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = ["CREATE TABLE a (x); INSERT INTO a VALUES (1)", "INSERT INTO a VALUES (2)"]
    connection = apsw.Connection(":memory:")
    for known in (steps[:1], steps, steps):
        monkeypatch.setattr(opening, "_steps", lambda known=known: known)
        migrate(connection)
    assert connection.execute("SELECT x FROM a").fetchall() == [(1,), (2,)]
    assert version(connection) == 2


def test_a_step_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO missing VALUES (1)"]
    monkeypatch.setattr(opening, "_steps", lambda: steps)
    connection = apsw.Connection(":memory:")
    with pytest.raises(apsw.SQLError):
        migrate(connection)
    assert version(connection) == 1
    assert "CREATE TABLE b" not in schema(connection)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "relaypost.db")
    connection = open_writer(path)
    connection.execute("PRAGMA user_version = 999").fetchall()
    connection.close()
    with pytest.raises(StoreUnavailable, match="schema 999, this relaypost knows"):
        open_writer(path)
