"""How a client of the Python SDK finds the server, and who it is there."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from qstash.errors import QStashError

from tests.support.clients import Connect
from tests.support.rest import rest_api
from tests.support.servers import Account, RelaypostProcess, running
from tests.support.sinks import listening_sink

PRINTED = re.compile(r'^QSTASH_(\w+)="(.*)"$', re.MULTILINE)
LATE = "1d"
FROM_ENVIRONMENT = ""
URL = "https://example.com/hook"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/relaypost.db"


@pytest.mark.conformance("K-1", "K-8")
async def test_what_a_new_server_prints_is_all_that_is_needed(
    connect: Connect, database_url: str
) -> None:
    with running("serve", database_url=database_url, allow_networks="127.0.0.0/8") as server:
        server.wait_output(re.compile("Read-only token"))
        printed = dict(PRINTED.findall(server.output))
        assert set(json.loads(base64.b64decode(printed["TOKEN"]))) == {"UserID", "Password"}
        sdk = connect(Account(printed["URL"], printed["TOKEN"], "", ""))
        keys = await sdk.signing_key.get()
        assert (keys.current, keys.next) == (
            printed["CURRENT_SIGNING_KEY"],
            printed["NEXT_SIGNING_KEY"],
        )
        async with listening_sink() as sink:
            await sdk.message.publish(url=sink.url_of("/hook"))
            await sink.wait_one("/hook")


@pytest.mark.conformance("A-13")
async def test_below_a_path(
    connect: Connect, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running("serve", database_url=database_url, token="t", base_path="/a/b") as server:
        assert server.url.endswith("/a/b")
        monkeypatch.setenv("QSTASH_URL", f"{server.url}//")
        for base_url in (f"{server.url}/", FROM_ENVIRONMENT):
            sdk = connect(Account(base_url, "t", "", ""))
            published = await sdk.message.publish(url=URL, delay=LATE)
            assert (await sdk.message.get(published.message_id)).url == URL


@pytest.mark.conformance("K-22")
async def test_tokens_of_development_open_nothing_in_production(
    connect: Connect, database_url: str, development: RelaypostProcess
) -> None:
    with running("serve", database_url=database_url, token="t") as server:
        for account in development.accounts.values():
            sdk = connect(replace(account, url=server.url))
            with pytest.raises(QStashError, match="status: 401"):
                await sdk.message.publish(url=URL, delay=LATE)


@pytest.mark.conformance("P-36")
async def test_a_read_only_token(connect: Connect, database_url: str) -> None:
    tokens = {"token": "all", "read_only_token": "some"}
    with running("serve", database_url=database_url, **tokens) as server:
        full = connect(Account(server.url, "all", "", ""))
        published = await full.message.publish(url=URL, delay=LATE)
        some = Account(server.url, "some", "", "")
        sdk = connect(some)
        assert (await sdk.message.get(published.message_id)).url == URL
        assert len((await sdk.log.list()).logs) == 1
        assert (await sdk.dlq.list()).messages == []
        assert await sdk.queue.list() == await sdk.url_group.list() == []
        assert await sdk.schedule.list() == []
        assert (await sdk.flow_control.get("$")).parallelism_count == 0
        assert (await sdk.flow_control.get_global_parallelism()).parallelism_max == 1000
        refused = [
            sdk.message.publish(url=URL),
            sdk.message.enqueue(queue="q", url=URL),
            sdk.message.batch([{"url": URL}]),
            sdk.message.cancel(published.message_id),
            sdk.message.cancel_many([published.message_id]),
            sdk.message.cancel_all(),
            sdk.dlq.delete("1-0"),
            sdk.dlq.delete_many(["1-0"]),
            sdk.queue.upsert("q"),
            sdk.queue.delete("q"),
            sdk.queue.pause("q"),
            sdk.url_group.upsert_endpoints("g", [{"url": URL}]),
            sdk.url_group.remove_endpoints("g", [{"url": URL}]),
            sdk.url_group.delete("g"),
            sdk.schedule.create(destination=URL, cron="@yearly"),
            sdk.schedule.delete("s"),
            sdk.schedule.pause("s"),
            sdk.schedule.resume("s"),
            sdk.flow_control.pause("k"),
            sdk.flow_control.pin("k", {"rate": 1}),
            sdk.flow_control.reset_rate("k"),
            sdk.signing_key.get(),
            sdk.signing_key.rotate(),
        ]
        for call in refused:
            with pytest.raises(QStashError, match=r"status: 403.*read-only token is not allowed"):
                await call
        async with rest_api(some) as rest:
            assert (await rest.http.post("/v2/dlq/retry")).status_code == 403
            assert await rest.get(f"/v2/messages/{published.message_id}")


@pytest.mark.conformance("K-21")
async def test_users_do_not_meet(connect: Connect) -> None:
    with running("dev") as server:
        server.wait_output(re.compile("# testUser3\n(?:.+\n){4}"))
        printed = PRINTED.findall(server.output)
        assert [value for name, value in printed if name == "TOKEN"] == [
            account.token for account in server.accounts.values()
        ]
        clients = [connect(account) for account in server.accounts.values()]
        ids = [
            (await sdk.message.publish(url=URL, delay=LATE, deduplication_id="same")).message_id
            for sdk in clients
        ]
        assert len(set(ids)) == 4
        for sdk, own in zip(clients, ids, strict=True):
            assert [entry.message_id for entry in (await sdk.log.list()).logs] == [own]
            for other in set(ids) - {own}:
                with pytest.raises(QStashError, match="status: 404"):
                    await sdk.message.get(other)
            assert await sdk.message.cancel_many(ids) == 1
