"""Refusals as the Python SDK shows them: it quotes status and body in full."""

from typing import Any

import pytest
from qstash.errors import QStashError

from tests.support.clients import Connect
from tests.support.servers import Account, RelaypostProcess

URL = "http://127.0.0.1:9/hook"
NO_SCHEME = "invalid destination url: endpoint has invalid scheme, add http:// or https://"
INVALID_TOKEN = '{"error":"unable to authenticate: invalid token"}'

REFUSED = [
    ({"url_group": "nobody"}, 404, "topic nobody not found"),
    ({"url": "example.com/hook"}, 400, NO_SCHEME),
    ({"url": URL, "deduplication_id": "a:b"}, 400, "DeduplicationId cannot contain ':'"),
    ({"url": URL, "delay": "400d"}, 412, "quota maxDelay exceeded, current limit: 31536000"),
    ({"url": URL, "retries": 101}, 412, "quota maxRetries exceeded, current limit: 100"),
    ({"url": URL, "timeout": "3h"}, 412, "quota maxTimeout exceeded, current limit: 7200"),
]
INVALID = [
    ({"url": URL, "delay": "5 s"}, 'invalid Upstash-Delay: "5 s" is not a valid duration'),
    ({"url": URL, "retries": -1}, "invalid Upstash-Retries: "),
    ({"url": URL, "retry_delay": "pow(2)"}, "invalid Upstash-Retry-Delay: "),
    ({"url": URL, "callback": "group"}, "invalid callback url: "),
    (
        {"url": URL, "callback_headers": {"Upstash-Callback-Retries": "x"}},
        "invalid Upstash-Callback",
    ),
    ({"url": URL, "redact": {"header": ["a b"]}}, "invalid Upstash-Redact-Fields: "),
]


async def refusal(connect: Connect, account: Account, **options: Any) -> str:
    sdk = connect(account)
    with pytest.raises(QStashError) as caught:
        await sdk.message.publish(**options)
    return str(caught.value)


@pytest.mark.conformance("P-5", "P-14", "P-18", "P-19")
@pytest.mark.parametrize(("options", "status", "error"), REFUSED)
async def test_the_texts_of_refusals(
    connect: Connect, account: Account, options: dict[str, Any], status: int, error: str
) -> None:
    assert await refusal(connect, account, **options) == (
        f'Request failed with status: {status}, body: {{"error":"{error}"}}'
    )


@pytest.mark.conformance("P-19", "P-20", "P-26")
@pytest.mark.parametrize(("options", "error"), INVALID)
async def test_values_that_make_no_sense(
    connect: Connect, account: Account, options: dict[str, Any], error: str
) -> None:
    quoted = error.replace('"', '\\"')
    text = await refusal(connect, account, **options)
    assert text.startswith(f'Request failed with status: 400, body: {{"error":"{quoted}')


@pytest.mark.conformance("P-1")
@pytest.mark.parametrize("token", ["unknown", "eyJVc2VySUQiOiJ4IiwiUGFzc3dvcmQiOiJ5In0="])
async def test_a_token_that_nobody_has(
    connect: Connect, development: RelaypostProcess, token: str
) -> None:
    account = Account(development.url, token, "", "")
    text = await refusal(connect, account, url=URL)
    assert text == f"Request failed with status: 401, body: {INVALID_TOKEN}"
