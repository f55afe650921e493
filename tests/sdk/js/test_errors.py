"""Refusals as the JavaScript SDK shows them: the whole body is the message."""

from typing import Any

import pytest

from tests.support.javascript import Driver, JavaScriptError, JavaScriptSdk
from tests.support.servers import Account

URL = "http://127.0.0.1:9/hook"
NO_SCHEME = "invalid destination url: endpoint has invalid scheme, add http:// or https://"


async def refusal(sdk: JavaScriptSdk, method: str, *arguments: Any) -> JavaScriptError:
    with pytest.raises(JavaScriptError) as caught:
        await sdk.call(method, *arguments)
    return caught.value


@pytest.mark.conformance("P-5", "P-14", "P-18", "P-19")
@pytest.mark.parametrize(
    ("options", "status", "error"),
    [
        ({"urlGroup": "nobody"}, 404, "topic nobody not found"),
        ({"topic": "nobody"}, 404, "topic nobody not found"),
        ({"url": "example.com/hook"}, 400, NO_SCHEME),
        ({"url": URL, "deduplicationId": "a:b"}, 400, "DeduplicationId cannot contain ':'"),
        ({"url": URL, "delay": "400d"}, 412, "quota maxDelay exceeded, current limit: 31536000"),
        ({"url": URL, "retries": 101}, 412, "quota maxRetries exceeded, current limit: 100"),
    ],
)
async def test_the_texts_of_refusals(
    sdk: JavaScriptSdk, options: dict[str, Any], status: int, error: str
) -> None:
    caught = await refusal(sdk, "publish", options)
    assert (caught.name, caught.status) == ("QstashError", status)
    assert caught.message == f'{{"error":"{error}"}}'


@pytest.mark.conformance("P-16", "P-19", "P-20")
@pytest.mark.parametrize(
    "options",
    [
        {"delay": -1},
        {"delay": {"$number": "NaN"}},
        {"delay": "1w"},
        {"retries": -1},
        {"retryDelay": "foo"},
        {"callback": "nowhere"},
        {"redact": {"header": ["a b"]}},
    ],
)
async def test_values_that_make_no_sense(sdk: JavaScriptSdk, options: dict[str, Any]) -> None:
    caught = await refusal(sdk, "publish", {"url": URL, **options})
    assert caught.status == 400
    assert caught.message.startswith('{"error":"invalid ')


@pytest.mark.conformance("P-30")
async def test_a_batch_names_the_item(sdk: JavaScriptSdk) -> None:
    items = [{"url": URL, "delay": "1d"}, {"urlGroup": "nobody"}]
    caught = await refusal(sdk, "batch", items)
    assert (caught.status, caught.message) == (
        404,
        '{"error":"topic nobody not found","index":1}',
    )


@pytest.mark.conformance("P-1")
@pytest.mark.parametrize("token", ["", "unknown"])
async def test_a_token_that_nobody_has(driver: Driver, account: Account, token: str) -> None:
    sdk = JavaScriptSdk(driver, {"baseUrl": account.url, "token": token})
    caught = await refusal(sdk, "publish", {"url": URL})
    assert (caught.name, caught.status) == ("QstashError", 401)
    assert caught.message == '{"error":"unable to authenticate: invalid token"}'


async def test_what_a_read_of_nothing_says(sdk: JavaScriptSdk) -> None:
    for method in ("messages.get", "messages.cancel"):
        caught = await refusal(sdk, method, "msg_none")
        assert (caught.status, caught.message) == (404, '{"error":"message msg_none not found"}')
    caught = await refusal(sdk, "dlq.retry", "1-1")
    assert (caught.status, caught.message) == (404, '{"error":"dlq message 1-1 not found"}')
