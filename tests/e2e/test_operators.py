"""Commands for operators, on a server that runs and on one that is stopped."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.support.commands import Ended, relaypost
from tests.support.http1 import ask, connected, request
from tests.support.servers import RelaypostProcess, running
from tests.support.sinks import Answer, Sink

LINE = re.compile(r'^(\w+)="(.*)"$', re.MULTILINE)
SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


def database(folder: Path) -> str:
    return f"sqlite:///{folder}/relaypost.db"


class Commands:
    """Runs commands on the database of a test."""

    def __init__(self, folder: Path) -> None:
        self._variables = {"RELAYPOST_DATABASE_URL": database(folder)}

    def run(self, *arguments: str) -> Ended:
        return relaypost(*arguments, **self._variables)

    def say(self, *arguments: str) -> str:
        ended = self.run(*arguments)
        assert (ended.status, ended.err) == (0, ""), ended
        return ended.out

    def read(self, *arguments: str) -> Any:
        return json.loads(self.say(*arguments, "--json"))

    def refused(self, *arguments: str) -> str:
        ended = self.run(*arguments)
        assert (ended.status, ended.out) == (2, ""), ended
        assert ended.err.startswith("relaypost: ")
        assert ended.err.count("\n") == 1
        return ended.err.removeprefix("relaypost: ").strip()


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


async def status_of(server: RelaypostProcess, token: str) -> int:
    return (await ask(server.port, "POST", "/v2/batch", token=token, body=b"[]")).status


def lines(words: str) -> dict[str, str]:
    return dict(LINE.findall(words))


async def test_a_project_made_while_the_server_runs(
    tmp_path: Path, commands: Commands, sink: Sink
) -> None:
    settings = {"database_url": database(tmp_path), "allow_networks": "127.0.0.0/8"}
    with running("serve", **settings) as server:
        made = {}
        for name in ("shop", "other"):
            made[name] = lines(commands.say("projects", "add", name))
            assert set(made[name]) == {
                "QSTASH_TOKEN",
                "QSTASH_CURRENT_SIGNING_KEY",
                "QSTASH_NEXT_SIGNING_KEY",
            }
            token = made[name]["QSTASH_TOKEN"]
            target = f"/v2/publish/{sink.url_of(f'/{name}')}"
            assert (await ask(server.port, "POST", target, token=token, body=b"")).status == 200
        for name in ("shop", "other"):
            signature = (await sink.wait_one(f"/{name}")).header("Upstash-Signature")
            assert signature is not None
            key = made[name]["QSTASH_CURRENT_SIGNING_KEY"]
            assert jwt.decode(signature, key, algorithms=["HS256"])["iss"] == "Upstash"
        assert [one["name"] for one in commands.read("projects", "list")] == [
            "default",
            "shop",
            "other",
        ]
        assert server.stop() == 0
        assert "Traceback" not in server.output
        assert made["shop"]["QSTASH_TOKEN"] not in server.output
    assert not (tmp_path / "relaypost.db.socket").exists()


async def test_what_was_done_on_a_stopped_server_counts_at_its_start(
    tmp_path: Path, commands: Commands
) -> None:
    with running("serve", database_url=database(tmp_path)) as server:
        server.stop()
    shop = commands.read("projects", "add", "shop")
    gone = commands.read("projects", "add", "gone")
    added = commands.read("tokens", "add", "shop", "--kind", "publish-only")
    rotated = commands.read("keys", "rotate", "shop")
    assert rotated["current"] == shop["keys"]["next"]
    assert commands.read("keys", "show", "shop") == rotated
    commands.say("limits", "set", "shop", "max-requests-per-second", "1")
    commands.say("projects", "remove", "gone", "--yes")

    with running("serve", database_url=database(tmp_path)) as server:
        assert await status_of(server, shop["token"]) == 200
        assert await status_of(server, shop["read_only_token"]) == 403
        assert await status_of(server, added["token"]) == 200
        assert await status_of(server, gone["token"]) == 401
        async with connected(server.port) as wire:
            await wire.send(request("GET", "/v2/keys", token=shop["token"]))
            reply = await wire.reply()
            assert (reply.status, reply.headers["burst-ratelimit-limit"]) == (200, "1")


@pytest.mark.conformance("K-9")
async def test_a_roll_on_an_open_connection(tmp_path: Path, commands: Commands) -> None:
    with running("serve", database_url=database(tmp_path)) as server:
        old = commands.read("projects", "add", "shop")["token"]
        async with connected(server.port) as wire:

            async def status(token: str) -> int:
                await wire.send(request("GET", "/v2/events", token=token))
                return (await wire.reply()).status

            assert await status(old) == 200
            words = commands.say("tokens", "next", "shop")
            new, (sha256,) = lines(words)["QSTASH_TOKEN"], SHA256.findall(words)
            assert [await status(token) for token in (old, new)] == [200, 200]
            assert "not the SHA-256" in commands.refused("tokens", "roll", "shop", "0" * 64)
            assert [await status(token) for token in (old, new)] == [200, 200]
            commands.say("tokens", "roll", "shop", sha256)
            assert [await status(token) for token in (old, new)] == [401, 200]
            assert "no next pair" in commands.refused("tokens", "roll", "shop", sha256)
            newest = commands.read("tokens", "reset", "shop", "--yes")["token"]
            assert [await status(token) for token in (new, newest)] == [401, 200]


async def test_tokens_are_listed_and_revoked(tmp_path: Path, commands: Commands) -> None:
    given = tmp_path / "given"
    given.write_text("a-token-of-old\n")
    with running("serve", database_url=database(tmp_path), token="first") as server:
        commands.say("tokens", "add", "default", "--token-file", str(given))
        bound = commands.read(
            *("tokens", "add", "default", "--kind", "publish-only"),
            *("--to-host", "Shop.example", "--to-group", "orders"),
        )["token"]
        assert await status_of(server, "a-token-of-old") == 200
        listed = commands.say("tokens", "list", "default")
        assert "shop.example group:orders" in listed
        shown = commands.read("tokens", "list", "default")
        assert [(one["kind"], one["is_given"]) for one in shown] == [
            ("full", True),
            ("read-only", False),
            ("full", False),
            ("publish-only", False),
        ]
        for secret in ("first", "a-token-of-old", bound):
            assert secret not in listed + json.dumps(shown)
        assert "given by a setting" in commands.refused(
            "tokens", "revoke", "default", shown[0]["fingerprint"]
        )
        commands.say("tokens", "revoke", "default", shown[2]["fingerprint"])
        assert await status_of(server, "a-token-of-old") == 401
        assert await status_of(server, "first") == 200


async def test_nothing_of_a_removed_project_is_delivered_any_more(
    tmp_path: Path, commands: Commands, sink: Sink
) -> None:
    never = asyncio.Event()
    settings = {"database_url": database(tmp_path), "allow_networks": "127.0.0.0/8"}
    with running("serve", token="first", **settings) as server:
        token = commands.read("projects", "add", "shop")["token"]
        held = sink.script("/held", Answer(after=never))
        failing = sink.script("/fails", Answer(500))

        async def publish(url: str, *headers: tuple[str, str], token: str = token) -> None:
            target = f"/v2/publish/{url}"
            reply = await ask(server.port, "POST", target, *headers, token=token, body=b"")
            assert reply.status == 200

        await publish(held, ("Upstash-Callback", sink.url_of("/back")))
        await publish(failing, ("Upstash-Retry-Delay", "300"))
        for _ in range(20):
            await publish(sink.url_of("/later"), ("Upstash-Delay", "1s"))
        await sink.wait_one("/held")
        # In a thread: meanwhile the destination goes on, and sees what still comes.
        said = await asyncio.to_thread(commands.say, "projects", "remove", "shop", "--yes")
        assert said == "The project shop is removed.\n"
        seen = len(sink.received)
        never.set()
        await publish(sink.url_of("/mine"), ("Upstash-Delay", "2s"), token="first")
        await sink.wait_one("/mine")
        assert [received.path for received in sink.received[seen:]] == ["/mine"]
        again = commands.read("projects", "add", "shop")["token"]
        events = await ask(server.port, "GET", "/v2/events", token=again)
        assert events.json["events"] == []
        assert server.stop() == 0


def test_commands_that_cannot_be_carried_out(tmp_path: Path, commands: Commands) -> None:
    assert commands.refused("projects", "list") == (
        f"there is no database {tmp_path}/relaypost.db: the first start of a server makes it"
    )
    assert relaypost("projects", "list", "--database-url", "sqlite://").err == (
        "relaypost: a database in memory is known to its own process only: "
        "name the file of a server\n"
    )
    with running("serve", database_url=database(tmp_path)):
        assert commands.refused("keys", "show", "nobody") == "there is no project 'nobody'"
        assert commands.refused("projects", "remove", "default") == (
            "this can't be undone: --yes says that it is meant"
        )
        (tmp_path / "relaypost.db.socket").unlink()
        assert commands.refused("projects", "list") == (
            f"another relaypost is using the database {tmp_path}/relaypost.db"
        )


def test_a_socket_that_a_killed_server_left(tmp_path: Path, commands: Commands) -> None:
    with running("serve", database_url=database(tmp_path)) as server:
        server.kill()
    assert (tmp_path / "relaypost.db.socket").exists()
    assert "default" in commands.say("projects", "list")
    with running("serve", database_url=database(tmp_path)):
        assert "default" in commands.say("projects", "list")


def test_help_names_each_command(commands: Commands) -> None:
    for group in ("projects", "tokens", "keys", "limits"):
        words = commands.say(group, "--help")
        assert re.search(r"^  \w+ +\w+", words.partition("Commands:\n")[2], re.MULTILINE)
