"""Credentials of a server for production: made once, shown once, replaced from outside."""

import re
from pathlib import Path

import jwt
import pytest

from relaypost.wire.tokens import DEVELOPMENT_USERS, user_of
from tests.support.http1 import ask
from tests.support.servers import RelaypostProcess, running
from tests.support.sinks import Sink

LINE = re.compile(r'^(\w+)="(.*)"$', re.MULTILINE)
READ_ONLY = re.compile(r"^Read-only token: (\S+)$", re.MULTILINE)
OWN_KEYS = {
    "current_signing_key": "sig_mine_now_0123456789012345678901",
    "next_signing_key": "sig_mine_next_0123456789012345678901",
}


def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/relaypost.db"


async def status_of(server: RelaypostProcess, token: str) -> int:
    return (await ask(server.port, "POST", "/v2/batch", token=token, body=b"[]")).status


@pytest.mark.conformance("K-8")
async def test_they_are_printed_at_the_first_start_only(tmp_path: Path) -> None:
    with running("serve", database_url=database(tmp_path)) as server:
        read_only = server.wait_output(READ_ONLY)[1]
        lines = dict(LINE.findall(server.output))
        assert lines["QSTASH_URL"] == server.url
        assert await status_of(server, lines["QSTASH_TOKEN"]) == 200
        assert await status_of(server, read_only) == 403
        server.stop()

    assert set(lines) == {
        "QSTASH_URL",
        "QSTASH_TOKEN",
        "QSTASH_CURRENT_SIGNING_KEY",
        "QSTASH_NEXT_SIGNING_KEY",
    }
    assert user_of(lines["QSTASH_TOKEN"]) == "default"
    assert all(len(lines[name]) >= 32 for name in lines if name.endswith("_KEY"))

    with running("serve", database_url=database(tmp_path)) as server:
        assert await status_of(server, lines["QSTASH_TOKEN"]) == 200
        server.stop()
        assert server.output.strip() == f"relaypost listens on {server.url}"


async def test_what_was_given_is_not_printed(tmp_path: Path) -> None:
    given = {"token": "my-own-token", "read_only_token": "my-own-reader", **OWN_KEYS}
    with running("serve", database_url=database(tmp_path), **given) as server:
        assert await status_of(server, "my-own-token") == 200
        assert await status_of(server, "my-own-reader") == 403
        server.stop()

    assert server.output.strip() == f"relaypost listens on {server.url}"


async def test_a_token_from_outside_replaces_the_stored_one(tmp_path: Path) -> None:
    with running("serve", database_url=database(tmp_path), token="first") as server:
        read_only = server.wait_output(READ_ONLY)[1]
        server.stop()

    with running("serve", database_url=database(tmp_path), token="second") as server:
        assert await status_of(server, "first") == 401
        assert await status_of(server, "second") == 200
        assert await status_of(server, read_only) == 403


async def test_a_token_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")

    with running(
        "serve", database_url=database(tmp_path), token_file=str(tmp_path / "token")
    ) as server:
        assert await status_of(server, "from-a-file") == 200
        assert "from-a-file" not in server.output


@pytest.mark.conformance("K-22")
async def test_production_refuses_the_tokens_of_development(tmp_path: Path) -> None:
    """Even where a server for development has written them into the same database."""
    with running("dev", database_url=database(tmp_path)) as server:
        assert await status_of(server, DEVELOPMENT_USERS[0].token) == 200
        server.stop()

    with running("serve", database_url=database(tmp_path)) as server:
        for user in DEVELOPMENT_USERS:
            assert await status_of(server, user.token) == 401


async def test_keys_from_outside_sign(tmp_path: Path, sink: Sink) -> None:
    settings = {"allow_networks": "127.0.0.0/8", "token": "t", **OWN_KEYS}
    with running("serve", database_url=database(tmp_path), **settings) as server:
        await ask(server.port, "POST", f"/v2/publish/{sink.url_of('/x')}", token="t", body=b"")
        received = await sink.wait_one("/x")

    signature = received.header("Upstash-Signature")
    assert signature is not None
    claims = jwt.decode(signature, OWN_KEYS["current_signing_key"], algorithms=["HS256"])
    assert claims["sub"] == sink.url_of("/x")
