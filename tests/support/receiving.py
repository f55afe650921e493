"""What is delivered to the receivers of the SDKs, to see what they make of it (section 7.9)."""

import json
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

from tests.support.rest import RestApi
from tests.support.sinks import Sink


@dataclass(frozen=True, slots=True)
class Case:
    method: str
    content_type: str | None
    body: str


CASES = [
    Case("POST", "application/json", '{"n": 1, "s": "wörld"}'),
    Case("POST", "text/plain; charset=utf-8", "grüße"),
    Case("POST", None, ""),
    Case("PUT", "application/json; charset=utf-8", "[1]"),
    Case("GET", None, ""),
]


async def deliver(case: Case, url: str, *, rest: RestApi, sink: Sink) -> dict[str, Any]:
    """The callback about the one attempt to deliver a case."""
    headers = {
        "Upstash-Method": case.method,
        "Upstash-Retries": "0",
        "Upstash-Callback": sink.url_of("/callback"),
    }
    if case.content_type is not None:
        headers["Content-Type"] = case.content_type
    await rest.publish(url, headers, body=case.body.encode())
    report: dict[str, Any] = json.loads((await sink.wait_one("/callback")).body)
    return report


def check_echo(report: dict[str, Any], case: Case, *, body: object) -> None:
    """The receiver let the delivery pass, and answered what its handler was given."""
    answer = b64decode(report["body"])
    assert report["status"] == 200, answer
    assert json.loads(answer) == {
        "method": case.method,
        "contentType": case.content_type,
        "body": body,
    }


def parsed_if_plain_json(case: Case) -> object:
    """The Pages Router helper parses a body whose type is exactly `application/json`."""
    if case.content_type == "application/json":
        return json.loads(case.body)
    return case.body
