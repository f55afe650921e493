"""Deliveries to the receivers of the SDKs where they are at home: behind real frameworks."""

import httpx
import pytest

from tests.sdk.frameworks.conftest import Receiver
from tests.support.receiving import CASES, Case, check_echo, deliver, parsed_if_plain_json
from tests.support.rest import RestApi
from tests.support.sinks import Sink


@pytest.mark.conformance("K-23", "K-24")
@pytest.mark.parametrize("case", CASES)
async def test_deliveries_pass(
    receiver: Receiver, url: str, rest: RestApi, sink: Sink, case: Case
) -> None:
    report = await deliver(case, url, rest=rest, sink=sink)
    check_echo(report, case, body=parsed_if_plain_json(case) if receiver.parses else case.body)


async def test_everybody_else_is_refused(receiver: Receiver, url: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        unsigned = await http.post(url, json={"n": 1})
        assert unsigned.status_code == receiver.unsigned
        forged = await http.post(url, json={"n": 1}, headers={"Upstash-Signature": "a.b.c"})
        assert forged.status_code == receiver.forged
