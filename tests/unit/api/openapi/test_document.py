"""The document tells all that is routed, nothing else, and holds together."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from relaypost import api
from relaypost.api.openapi.answers import REFUSALS
from relaypost.api.openapi.document import document, document_bytes
from relaypost.api.openapi.filters import FILTERS
from relaypost.api.openapi.options import OPTIONS, SILENT
from relaypost.api.openapi.parameters import PATH
from relaypost.api.openapi.writer import NAMES, NOUNS, operations_of, route_of
from relaypost.api.operations import Operation
from relaypost.api.routes import PUBLIC
from relaypost.domain.errors import RelaypostError
from relaypost.wire import queries
from relaypost.wire.errors import STATUSES
from relaypost.wire.option_values import METHODS
from relaypost.wire.options import MESSAGE_ONLY, SHARED_OPTIONS

Json = dict[str, Any]

DOCUMENT = document()
MODULES = list(pkgutil.iter_modules(api.__path__, "relaypost.api."))


def operations() -> Iterator[tuple[str, str, Json]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, told in methods.items():
            yield method.upper(), path, told


def operation(id: str) -> Json:
    (found,) = [told for _, _, told in operations() if told["operationId"] == id]
    return found


def parts(value: Any) -> Iterator[Json]:
    """All objects inside."""
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from parts(part)
    elif isinstance(value, list):
        for part in value:
            yield from parts(part)


def resolved(reference: str) -> Json:
    found: Json = DOCUMENT
    for key in reference.removeprefix("#/").split("/"):
        found = found[key]
    return found


def parameters(id: str) -> dict[str, Json]:
    told = [resolved(one["$ref"]) if "$ref" in one else one for one in operation(id)["parameters"]]
    return {one["name"]: one for one in told}


def written() -> list[Operation[...]]:
    """All operations that there are, whether or not the document has heard of their modules."""
    modules = [importlib.import_module(found.name) for found in MODULES]
    return [operation for module in modules for operation in operations_of(module)]


def test_each_operation_is_documented_wherever_it_is() -> None:
    places = [place for operation in written() for place in operation.described.places]
    assert sorted(places) == sorted(f"{method} {path}" for method, path, _ in operations())


@pytest.mark.parametrize(
    "place", [place for operation in written() for place in operation.described.places]
)
def test_each_documented_place_is_routed_to_its_operation(place: str) -> None:
    (operation,) = [one for one in written() if place in one.described.places]
    method, _, path = place.partition(" ")

    assert route_of(path).handler(method) is operation


def test_each_routed_operation_is_documented_somewhere() -> None:
    routes = [route_of(path) for path in DOCUMENT["paths"]]
    routed = [operation for route in routes for operation in route.methods.values()]
    assert all(operation.described.place for operation in routed)


def test_what_is_no_route_can_not_be_documented() -> None:
    with pytest.raises(AssertionError, match="no route"):
        route_of("/v1/publish/{destination}")


def test_no_table_tells_of_what_is_not_there() -> None:
    assert all(operations_of(noun) for noun in NOUNS)
    assert set(PATH) == {name for path in DOCUMENT["paths"] for name in NAMES.findall(path)}


def test_each_filter_is_told() -> None:
    names = {name: value for name, value in vars(queries).items() if name.endswith("_NAMES")}
    assert set(FILTERS) == frozenset().union(*names.values())


def test_each_option_is_told() -> None:
    assert OPTIONS.keys() | SILENT == SHARED_OPTIONS | MESSAGE_ONLY


def test_each_kind_of_error_is_told() -> None:
    assert set(REFUSALS) == {*STATUSES, RelaypostError}


def test_each_reference_leads_somewhere() -> None:
    references = [part["$ref"] for part in parts(DOCUMENT) if "$ref" in part]
    assert references
    assert all(resolved(reference) for reference in references)


def test_each_component_is_referred_to() -> None:
    references = {part["$ref"] for part in parts(DOCUMENT) if "$ref" in part}
    for kind in ("parameters", "responses", "schemas"):
        for name in DOCUMENT["components"][kind]:
            assert f"#/components/{kind}/{name}" in references


def test_each_link_leads_to_an_operation_and_its_parameter() -> None:
    paths = {told["operationId"]: path for _, path, told in operations()}
    links = [link for part in parts(DOCUMENT) for link in part.get("links", {}).values()]
    assert links
    for link in links:
        (parameter,) = link["parameters"]
        assert "{" + parameter + "}" in paths[link["operationId"]]


def test_ids_of_operations_differ() -> None:
    ids = [told["operationId"] for _, _, told in operations()]
    assert len(ids) == len(set(ids))
    assert {"publish", "getMessage", "rotateKeys", "rotateKeys2"} <= set(ids)
    assert operation("rotateKeys2")["description"] == "The same as `POST /v2/keys/rotate`."


def test_who_needs_a_token() -> None:
    for _, path, told in operations():
        needs = path.encode() not in PUBLIC
        assert (told.get("security") != []) is needs
        assert ("401" in told["responses"]) is needs


def test_some_token_or_limit_refuses_any_route_that_is_not_public() -> None:
    for _, path, told in operations():
        is_public = path.encode() in PUBLIC
        assert told["responses"].keys().isdisjoint({"401", "403", "429"}) is is_public


def test_the_options_of_a_message_and_of_its_callbacks() -> None:
    headers = parameters("publish")
    assert headers["Upstash-Method"]["schema"]["enum"] == [*METHODS]
    assert {"Upstash-Callback", "Upstash-Forward-*", "Upstash-Not-Before"} <= set(headers)
    assert {"Upstash-Callback-Retries", "Upstash-Failure-Callback-Forward-*"} <= set(headers)
    assert not {"Upstash-Cron", "Upstash-Feature-Set", "Upstash-Callback-Not-Before"} & set(headers)
    assert "Upstash-Queue-Name" not in parameters("enqueue")


def test_filters_stand_in_the_query_or_in_the_body() -> None:
    told = operation("cancelMessages")
    body = told["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert set(body) == set(parameters("cancelMessages")) == queries.CANCEL_NAMES
    assert parameters("cancelMessages")["label"]["schema"]["type"] == "array"
    assert parameters("cancelMessages")["count"]["schema"]["type"] == "integer"
    assert "requestBody" not in operation("listLogs")


def test_fields_that_are_not_set_are_left_out_and_never_null() -> None:
    record = DOCUMENT["components"]["schemas"]["MessageRecord"]
    assert record["properties"]["body"] == {"type": "string"}
    assert "body" not in record["required"]
    assert "messageId" in record["required"]


def test_a_log_entry_has_the_fields_of_both_its_parts() -> None:
    entry = DOCUMENT["components"]["schemas"]["LogEntry"]
    assert {"time", "state", "messageId", "timeout"} <= set(entry["required"])
    assert {"retryDelayExpr", "callerIP", "responseHeaders"} <= set(entry["properties"])


def test_it_lives_below_the_base_path() -> None:
    assert DOCUMENT["servers"] == [{"url": "/"}]
    assert document("/qstash")["servers"] == [{"url": "/qstash"}]


def test_it_is_written_once() -> None:
    assert document_bytes("") is document_bytes("")
    assert msgspec.json.decode(document_bytes("")) == DOCUMENT
