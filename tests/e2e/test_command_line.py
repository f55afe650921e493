"""The command line: help, and each start that can't be, told in one sentence."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from relaypost import __version__
from relaypost.api.openapi.document import document
from relaypost.config import TABLE
from relaypost.wire.tokens import DEVELOPMENT_USERS
from tests.support.commands import ROOT, Ended, relaypost
from tests.support.servers import running

PUBLIC = DEVELOPMENT_USERS[2]


def refused(ended: Ended) -> str:
    """The one sentence of a start that was refused."""
    assert ended.status == 2
    assert ended.out == ""
    sentence, rest = ended.err.split("\n", 1)
    assert rest == "", ended.err
    assert sentence.startswith("relaypost: ")
    return sentence.removeprefix("relaypost: ")


def sqlite(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.mark.parametrize("command", ["serve", "dev"])
def test_help_shows_each_flag_with_its_variable(command: str) -> None:
    ended = relaypost(command, "--help")
    words = " ".join(ended.out.split())

    assert ended.status == 0
    for setting in TABLE:
        assert (f"{setting.flag} TEXT" in words) is not setting.secret
        assert (f"[env: {setting.environment}]" in words) is not setting.secret


def test_version() -> None:
    assert relaypost("--version").out.strip() == f"relaypost, version {__version__}"


def test_the_document_of_the_api() -> None:
    ended = relaypost("openapi")

    assert ended.status == 0
    assert json.loads(ended.out) == document()


def test_commands_that_serve_nothing_load_no_event_loop() -> None:
    probe = (
        "import sys; sys.argv = ['relaypost', '--version']\n"
        "from relaypost.cli.main import main\n"
        "main(standalone_mode=False)\n"
        "print('uvloop' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"RELAYPOST_PROT": "1"},
            "RELAYPOST_PROT is not a setting of relaypost (did you mean RELAYPOST_PORT?)",
        ),
        (
            {"RELAYPOST_XYZZY": ""},
            "RELAYPOST_XYZZY is not a setting of relaypost (see relaypost serve --help)",
        ),
        (
            {"RELAYPOST_PORT": "http"},
            "RELAYPOST_PORT 'http': must be a whole number from 0 to 65535",
        ),
        (
            {"RELAYPOST_DLQ_RETENTION": "a week"},
            "RELAYPOST_DLQ_RETENTION 'a week': must be a duration such as 30s, 10m or 7d",
        ),
        (
            {"RELAYPOST_DATABASE_URL": "postgresql://h/db"},
            "RELAYPOST_DATABASE_URL 'postgresql://h/db': PostgreSQL is not available yet: "
            "use sqlite:///file.db",
        ),
        ({"RELAYPOST_TOKEN": "a b"}, "RELAYPOST_TOKEN: must be 1 to 512 visible ASCII characters"),
        (
            {"RELAYPOST_CURRENT_SIGNING_KEY": "sig_1"},
            "RELAYPOST_CURRENT_SIGNING_KEY and RELAYPOST_NEXT_SIGNING_KEY go together: set both",
        ),
        (
            {"RELAYPOST_TOKEN": "same", "RELAYPOST_READ_ONLY_TOKEN": "same"},
            "RELAYPOST_TOKEN and RELAYPOST_READ_ONLY_TOKEN are the same: choose two",
        ),
        (
            {"RELAYPOST_TOKEN_FILE": "/nowhere/token"},
            "RELAYPOST_TOKEN_FILE '/nowhere/token' can't be read: No such file or directory",
        ),
        (
            {"SSL_CERT_FILE": "/nowhere/ca.pem"},
            "SSL_CERT_FILE '/nowhere/ca.pem' can't be used: No such file or directory",
        ),
        (
            {"RELAYPOST_HOST": "192.0.2.1"},
            "can't listen on 192.0.2.1 port 0: Cannot assign requested address",
        ),
        ({"RELAYPOST_HOST": "é" * 64}, f"can't listen on {'é' * 64} port 0: not an address"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_setting_that_cannot_be_used(
    tmp_path: Path, variables: dict[str, str], sentence: str
) -> None:
    given = {"RELAYPOST_DATABASE_URL": sqlite(tmp_path / "new.db"), "RELAYPOST_PORT": "0"}

    assert refused(relaypost("serve", **given | variables)) == sentence
    assert not (tmp_path / "new.db").exists() or "SSL" in sentence


def test_a_flag_is_named_as_such() -> None:
    sentence = refused(relaypost("serve", "--max-retries", "-1"))

    assert sentence == "--max-retries '-1': must be a whole number from 0"


@pytest.mark.conformance("K-22")
@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"RELAYPOST_TOKEN": PUBLIC.token}, "RELAYPOST_TOKEN"),
        ({"RELAYPOST_READ_ONLY_TOKEN": PUBLIC.token}, "RELAYPOST_READ_ONLY_TOKEN"),
        (
            {
                "RELAYPOST_CURRENT_SIGNING_KEY": "sig_mine",
                "RELAYPOST_NEXT_SIGNING_KEY": PUBLIC.keys.next,
            },
            "RELAYPOST_NEXT_SIGNING_KEY",
        ),
    ],
    ids=["token", "read-only token", "key"],
)
def test_public_credentials_are_refused_in_production(
    tmp_path: Path, variables: dict[str, str], name: str
) -> None:
    given = {"RELAYPOST_DATABASE_URL": sqlite(tmp_path / "new.db"), "RELAYPOST_PORT": "0"}

    sentence = refused(relaypost("serve", **given | variables))

    assert sentence == f"{name} is a public value of development mode: choose another"


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        sentence = refused(relaypost("dev", "--port", port))

    assert sentence == f"can't listen on 127.0.0.1 port {port}: Address already in use"


def test_a_start_that_fails_makes_no_project(tmp_path: Path) -> None:
    """Its credentials would never have been shown."""
    given = {"RELAYPOST_DATABASE_URL": sqlite(tmp_path / "new.db"), "RELAYPOST_PORT": "0"}
    refused(relaypost("serve", SSL_CERT_FILE="/nowhere/ca.pem", **given))

    with running("serve", database_url=sqlite(tmp_path / "new.db")) as server:
        server.wait_output(re.compile("QSTASH_TOKEN="))


def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "words.db").write_text(
        "These are words, and more than a header's worth of them. " * 99
    )

    def start(path: Path) -> str:
        return refused(relaypost("serve", "--port", "0", "--database-url", sqlite(path)))

    missing = tmp_path / "missing" / "x.db"
    assert start(missing) == f"can't open the database {missing}: No such file or directory"
    assert start(tmp_path / "folder").startswith(f"can't open the database {tmp_path}/folder: ")
    assert "file is not a database" in start(tmp_path / "words.db")


def test_a_database_that_cannot_be_written() -> None:
    """Not even root may make a file there."""
    sentence = refused(relaypost("serve", "--database-url", "sqlite:////sys/relaypost.db"))

    assert sentence.startswith("can't open the database /sys/relaypost.db: ")


def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA user_version = 999").fetchall()
    connection.close()

    sentence = refused(relaypost("serve", "--port", "0", "--database-url", sqlite(path)))

    assert re.fullmatch(r"the database has schema 999, this relaypost knows \d+: .*", sentence)


def test_a_second_server_on_one_database(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    with running("serve", database_url=sqlite(path)):
        sentence = refused(relaypost("serve", "--port", "0", "--database-url", sqlite(path)))

    assert sentence == f"another relaypost is using the database {path}"
