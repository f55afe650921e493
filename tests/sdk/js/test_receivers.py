"""The receivers of the SDK: its class against recorded tokens, its helpers against deliveries.

The helpers of H3 and Nuxt accept no genuine signature of a message with a body (section 7.9).
"""

import json
from typing import Any

import httpx
import pytest

from tests.support.javascript import Driver, JavaScriptError
from tests.support.receiving import CASES, Case, check_echo, deliver, parsed_if_plain_json
from tests.support.rest import RestApi
from tests.support.servers import ROOT, Account
from tests.support.sinks import Sink

GOLDEN = [
    json.loads(line)
    for line in (ROOT / "tests/golden/signatures.jsonl").read_text("utf-8").splitlines()
]
HELPERS = ["app", "edge", "svelte", "solid", "pages"]
MISSING = {"pages": 400}


@pytest.fixture(scope="module")
def receivers(driver: Driver, development: Any) -> "Receivers":
    return Receivers(driver)


class Receivers:
    """The helpers behind a server of the driver, started once for each pair of keys."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._urls: dict[Account, str] = {}

    async def url_for(self, account: Account) -> str:
        if account not in self._urls:
            keys = {"current": account.current_key, "next": account.next_key}
            port = await self._driver.ask("receivers", keys=keys)
            self._urls[account] = f"http://127.0.0.1:{port}"
        return self._urls[account]


@pytest.mark.conformance("K-25")
@pytest.mark.parametrize("row", GOLDEN, ids=[row["case"] for row in GOLDEN])
async def test_recorded_verdicts(driver: Driver, row: dict[str, Any]) -> None:
    receiver = {"currentSigningKey": row["keys"]["current"], "nextSigningKey": row["keys"]["next"]}
    request = {name: row[name] for name in ("signature", "body", "url") if row.get(name)}
    try:
        verdict = {"ok": await driver.ask("verify", receiver=receiver, request=request)}
    except JavaScriptError as error:
        verdict = {"ok": False, "error": error.name, "message": error.message}
    assert verdict == {name: row["js"][name] for name in verdict}


@pytest.mark.conformance("K-23", "K-24")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("helper", HELPERS)
async def test_helpers_accept_deliveries(
    receivers: Receivers, rest: RestApi, sink: Sink, account: Account, helper: str, case: Case
) -> None:
    url = f"{await receivers.url_for(account)}/{helper}"
    report = await deliver(case, url, rest=rest, sink=sink)
    check_echo(report, case, body=parsed_if_plain_json(case) if helper == "pages" else case.body)


@pytest.mark.parametrize("helper", HELPERS)
async def test_helpers_refuse_everybody_else(
    receivers: Receivers, account: Account, helper: str
) -> None:
    url = f"{await receivers.url_for(account)}/{helper}"
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.post(url)).status_code == MISSING.get(helper, 403)
        forged = {"Upstash-Signature": "a.b.c"}
        assert (await http.post(url, headers=forged)).status_code == 500
