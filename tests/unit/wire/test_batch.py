import json
from typing import Any

import pytest

from relaypost.domain.errors import Invalid, QuotaExceeded, RelaypostError
from relaypost.domain.flow_control import FlowControl
from relaypost.domain.limits import Limits
from relaypost.domain.messages import Envelope, Publication
from relaypost.wire.batch import decode_batch, destinations
from relaypost.wire.errors import error_body, status_of
from relaypost.wire.fan_out import group_names
from relaypost.wire.queues import QUEUE_NAME_RULE
from tests.support.publishing import URL, context, publish, read_batch
from tests.support.url_groups import CHAT, MAIL, known

NO_SCHEME = "invalid destination url: endpoint has invalid scheme, add http:// or https://"


def batch(*items: Any, **overrides: Any) -> tuple[Publication, ...]:
    return read_batch(json.dumps(items).encode(), context(**overrides))


def raw_batch(text: str | bytes, **overrides: Any) -> tuple[Publication, ...]:
    body = text.encode() if isinstance(text, str) else text
    return read_batch(body, context(**overrides))


def only(publications: tuple[Publication, ...]) -> Envelope:
    ((message,),) = (publication.messages for publication in publications)
    return message.envelope


def item(**fields: Any) -> dict[str, Any]:
    return {"destination": URL, **fields}


def refusal(*items: Any, **overrides: Any) -> tuple[int, Any]:
    with pytest.raises(RelaypostError) as refused:
        batch(*items, **overrides)
    return status_of(refused.value), json.loads(error_body(refused.value))


def test_an_empty_batch() -> None:
    assert batch() == ()


def test_an_item_is_like_the_single_request() -> None:
    headers = {
        "content-type": "application/json",
        "Upstash-Method": "PUT",
        "upstash-delay": "5s",
        "Upstash-Forward-X": "1",
        "Upstash-Callback": URL,
        "Upstash-Callback-Retries": "1",
        "Upstash-Deduplication-Id": "d",
    }
    assert batch(item(headers=headers, body="b")) == (publish(URL, headers, body=b"b"),)


LLM = "http://llm:1/v1/chat/completions"
FOR_LLM = {"destination": "api/llm", "body": {"model": "m"}}


@pytest.mark.conformance("K-16")
@pytest.mark.parametrize(
    ("fields", "callback"),
    [
        ({"headers": {"upstash-callback": URL}}, URL),
        ({"callback": URL}, URL),
        ({"callback": "https://h/other", "headers": {"UPSTASH-Callback": URL}}, URL),
        ({"callback": URL, "headers": {"Upstash-Callback": ["", " "], "n": 1}}, URL),
    ],
)
def test_items_for_the_llm(fields: dict[str, Any], callback: str) -> None:
    """One example of the documentation has the callback beside the destination."""
    given = only(batch({**FOR_LLM, **fields}, llm_url=LLM))
    assert (given.url, given.api, given.body) == (LLM, "llm", b'{"model":"m"}')
    assert given.callback is not None
    assert given.callback.url == callback


@pytest.mark.conformance("K-15", "K-16")
@pytest.mark.parametrize("fields", [{}, {"callback": None}, {"callback": ""}, {"callback": [URL]}])
def test_items_for_the_llm_without_a_callback(fields: dict[str, Any]) -> None:
    error = {"error": "Upstash-Callback is required for api/llm", "index": 0}
    assert refusal({**FOR_LLM, **fields}, llm_url=LLM) == (400, error)
    assert refusal({**FOR_LLM, "callback": "a\nb"}, llm_url=LLM)[0] == 400


@pytest.mark.parametrize("callback", ["https://h/", 5])
def test_elsewhere_a_callback_beside_the_destination_is_nothing(callback: object) -> None:
    assert only(batch(item(callback=callback), llm_url=LLM)).callback is None


@pytest.mark.conformance("P-31")
def test_items_as_python_sends_them() -> None:
    given = only(batch(item(headers={}, body=None, queue=None)))
    assert (given.body, given.headers) == (b"", ())


@pytest.mark.conformance("P-31")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('"grüße"', "grüße".encode()),
        ('""', b""),
        ("null", b""),
        ('{"a" : 1.50, "b": [ "x y" ]}', b'{"a":1.50,"b":["x y"]}'),
        ("[1, 2]", b"[1,2]"),
        ("3e2", b"3e2"),
        ("true", b"true"),
        ('"\\ud83d\\ude00"', "😀".encode()),
        ('"a\\ud800b\\udc00"', "a\ufffdb\ufffd".encode()),
        ('"\\\\ud800"', b"\\ud800"),
        ('"\\ud800\\ud83d\\ude00"', "\ufffd😀".encode()),
        ('{"a": "\\ud800"}', b'{"a":"\\ufffd"}'),
    ],
)
def test_bodies(body: str, expected: bytes) -> None:
    given = only(raw_batch(f'[{{"destination": "{URL}", "body": {body}}}]'))
    assert given.body == expected


@pytest.mark.conformance("P-31")
@pytest.mark.parametrize(
    ("value", "values"),
    [
        ('"v"', ["v"]),
        ("7", ["7"]),
        ("1.50", ["1.50"]),
        ("true", ["true"]),
        ("null", []),
        ('["a", 2, null, false]', ["a", "2", "false"]),
        ("[]", []),
        ('" v\\t"', ["v"]),
        ('""', []),
        ('"\\ud800"', ["\ufffd"]),
        ('"é"', ["é"]),
    ],
)
def test_header_values(value: str, values: list[str]) -> None:
    text = f'[{{"destination": "{URL}", "headers": {{"Upstash-Forward-X": {value}}}}}]'
    assert only(raw_batch(text)).headers == tuple(("X", value) for value in values)


def test_names_that_differ_in_case_are_two_values() -> None:
    headers = {
        "Upstash-Retries": "1",
        "upstash-retries": "2",
        "Upstash-Forward-X": "3",
        "Upstash-Forward-x": "4",
    }
    given = only(batch(item(headers=headers)))
    assert (given.max_retries, given.headers) == (1, (("X", "3"), ("X", "4")))


def test_list_values_of_the_go_client() -> None:
    publications = batch(item(headers={"Upstash-Delay": ["5s"]}, queue=""))
    assert publications[0].messages[0].delay_ms == 5_000


@pytest.mark.parametrize("headers", [[], "x", 1, {"A": {}}, {"A": [[1]]}, {"A": [{}]}])
def test_invalid_headers(headers: Any) -> None:
    assert refusal(item(headers=headers)) == (400, {"error": "invalid headers", "index": 0})


@pytest.mark.parametrize(
    ("headers", "name"),
    [({"X": "a\nb"}, "X"), ({"x-y": "\0"}, "X-Y"), ({"x y": "1"}, "X y"), ({"": "1"}, "")],
)
def test_headers_that_http_cannot_carry(headers: dict[str, str], name: str) -> None:
    assert refusal(item(headers=headers))[1]["error"] == f"invalid header {name}"


def test_plain_headers_of_an_item_are_forwarded_on_request() -> None:
    headers = {"Upstash-Header-Forward": True, "Authorization": "Bearer mine", "X": "1"}
    given = only(batch(item(headers=headers)))
    assert given.headers == (("Authorization", "Bearer mine"), ("X", "1"))


def test_a_destination_is_data() -> None:
    url = f"{URL}?a=1&upstash-retries=7&qstash_token=t"
    given = only(batch({"destination": url}))
    assert (given.url, given.max_retries) == (url, 3)


def test_a_destination_is_repaired_like_any() -> None:
    assert only(batch({"destination": "https%3A%2F%2Fh%2Fx"})).url == "https://h/x"


@pytest.mark.parametrize(
    "fields", [{}, {"destination": None}, {"destination": 7}, {"destination": ""}]
)
def test_a_destination_is_required(fields: dict[str, Any]) -> None:
    assert refusal(fields) == (400, {"error": NO_SCHEME, "index": 0})


@pytest.mark.parametrize("queue", [7, [], {}, True])
def test_invalid_queues(queue: Any) -> None:
    assert refusal(item(queue=queue))[1]["error"] == "invalid queue"


@pytest.mark.conformance("P-31")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"queue": "q"}, "q"),
        ({"queue": "q", "headers": {"Upstash-Queue-Name": "r"}}, "q"),
        ({"queue": "", "headers": {"upstash-queue-name": "r"}}, "r"),
        ({"queue": None}, None),
    ],
)
def test_queues(fields: dict[str, Any], expected: str | None) -> None:
    assert only(batch(item(**fields))).queue_name == expected


def test_names_of_queues_that_make_no_sense() -> None:
    answer = refusal(item(queue="q"), item(queue="a/b"))
    assert answer == (400, {"error": QUEUE_NAME_RULE, "index": 1})


def test_flow_control_of_an_item() -> None:
    headers = {"Upstash-Flow-Control-Key": "k", "Upstash-Flow-Control-Value": "rate=1"}
    assert only(batch(item(headers=headers))).flow_control == FlowControl(key="k", rate=1)


@pytest.mark.parametrize("wrong", [1, "x", None, []])
def test_an_item_is_an_object(wrong: Any) -> None:
    text = "batch item must be a JSON object"
    assert refusal(item(), wrong) == (400, {"error": text, "index": 1})


@pytest.mark.parametrize("body", ["{}", "1", "null", '"x"', '{"destination":"https://h"}'])
def test_a_batch_is_an_array(body: str) -> None:
    with pytest.raises(Invalid, match="batch body must be a JSON array"):
        raw_batch(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Input data was truncated"),
        (b"[{}", "Input data was truncated"),
        (b"[x]", "invalid character (byte 1)"),
        (b"[1] x", "trailing characters (byte 5)"),
        (b'[{"destination": 1, "body": NaN}]', "invalid character (byte 28)"),
        (b'[{"destination": "\xff"}]', "not valid UTF-8"),
        (b'[{"destination": 1, "body": {"a": "\xff"}}]', "not valid UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=["empty", "cut", "word", "trailing", "nan", "utf-8", "utf-8 inside", "deep"],
)
def test_malformed_json(body: bytes, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        raw_batch(body)
    assert str(refused.value) == f"invalid JSON body: {reason}"


@pytest.mark.conformance("P-30")
def test_one_invalid_item_refuses_the_whole_batch() -> None:
    bad = item(headers={"Upstash-Deduplication-Id": "a:b"})
    expected = {"error": "DeduplicationId cannot contain ':'", "index": 2}
    assert refusal(item(), item(), bad) == (400, expected)


@pytest.mark.parametrize(
    ("bad", "status", "text"),
    [
        ({"destination": "grp"}, 404, "topic grp not found"),
        (
            item(headers={"Upstash-Retries": 101}),
            412,
            "quota maxRetries exceeded, current limit: 100",
        ),
    ],
)
def test_errors_of_every_kind_have_an_index(bad: dict[str, Any], status: int, text: str) -> None:
    assert refusal(item(), bad) == (status, {"error": text, "index": 1})


STEP = {"upstash-workflow-runid": "wfr_1", "upstash-workflow-init": "false"}


@pytest.mark.parametrize(
    ("items", "status"),
    [
        ([{"destination": "h/x"}, item(headers=STEP)], 412),
        ([{"destination": "grp"}, {"destination": 1}, item(headers=STEP)], 412),
        ([item(headers=STEP)], 412),
        ([{"destination": "h/x"}, item(headers=STEP | {"upstash-workflow-init": "true"})], 400),
        ([{"destination": "h/x"}, 7], 400),
    ],
    ids=["after", "loose", "itself", "init", "none"],
)
def test_with_a_step_of_a_workflow_there_is_no_400(items: list[Any], status: int) -> None:
    assert refusal(*items)[0] == status


def test_quotas_of_a_batch() -> None:
    limits = Limits(max_batch_messages=2, max_batch_bytes=400, max_message_bytes=3)
    assert len(batch(item(), item(body="123"), limits=limits)) == 2
    text = "quota maxBatchMessages exceeded, current limit: 2"
    assert refusal(item(), item(), item(), limits=limits) == (412, {"error": text})
    text = "quota maxMessageSize exceeded, current limit: 3"
    assert refusal(item(), item(body="éé"), limits=limits) == (412, {"error": text, "index": 1})
    text = "request body too large, current limit: 400"
    assert refusal(item(body="x" * 400), limits=limits) == (413, {"error": text})


def test_endpoints_of_groups_count_in_a_batch() -> None:
    limits = Limits(max_batch_messages=3)
    assert len(batch({"destination": "grp"}, item(), limits=limits, groups=known())) == 2
    text = "quota maxBatchMessages exceeded, current limit: 3"
    group = {"destination": "grp"}
    assert refusal(group, group, limits=limits, groups=known()) == (412, {"error": text})


@pytest.mark.conformance("P-29")
@pytest.mark.parametrize("loose", [{}, {"body": 1}])
def test_an_item_for_a_group(loose: dict[str, Any]) -> None:
    """Its destination is data: no option is cut out of its query."""
    group = {"destination": "grp?a=1&upstash-retries=1", **loose}
    (plain, fanned) = batch(item(), group, groups=known())
    assert [one.envelope.url for one in plain.messages] == [URL]
    assert [one.envelope.url for one in fanned.messages] == [
        f"{endpoint.url}?a=1&upstash-retries=1" for endpoint in (MAIL, CHAT)
    ]
    assert {one.envelope.topic_name for one in fanned.messages} == {"grp"}


@pytest.mark.parametrize("query", ["a=\n", "a=\x00", "\x7f"])
def test_a_query_cannot_break_out_of_the_url_of_an_endpoint(query: str) -> None:
    text = "invalid destination url: endpoint has control characters"
    refused = refusal({"destination": f"grp?{query}"}, groups=known())
    assert refused == (400, {"error": text, "index": 0})


@pytest.mark.parametrize(
    "items",
    [
        [{"destination": "a"}, {"destination": "b?x=1"}, item(), {"destination": "a"}],
        [{"destination": "a", "body": 1}, {"destination": 7}, {"destination": "b"}, 7, {}, None],
    ],
    ids=["strict", "loose"],
)
def test_the_groups_that_a_batch_may_mean(items: list[Any]) -> None:
    decoded = decode_batch(json.dumps(items).encode(), Limits())
    assert group_names(destinations(decoded)) == {"a", "b"}


def test_without_limits() -> None:
    limits = Limits(max_batch_messages=0, max_batch_bytes=0, max_message_bytes=0)
    assert len(batch(*[item(body="x" * 100)] * 50, limits=limits)) == 50


def test_other_fields_are_ignored() -> None:
    assert only(batch(item(other={"a": [1]}, callback="x"))).callback is None


def test_quota_errors_count_like_others() -> None:
    with pytest.raises(QuotaExceeded) as refused:
        batch(item(headers={"Upstash-Delay": "400d"}))
    assert refused.value.index == 0
