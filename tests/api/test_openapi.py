"""Answers to requests that are generated from the document are as the document says."""

from collections.abc import Iterator
from typing import Any

from relaypost.api.openapi.document import document
from tests.support.conversations import Topic, converse

Json = dict[str, Any]


def operations() -> Iterator[tuple[str, Json]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def linked() -> dict[str, list[str]]:
    """The operations that go on from the answers of one, by its name."""
    names = {operation["operationId"]: name for name, operation in operations()}
    return {
        name: [names[link["operationId"]] for link in links.values()]
        for name, operation in operations()
        for answer in operation["responses"].values()
        if (links := answer.get("links"))
    }


def test_answers_are_as_documented() -> None:
    everything = [name for name, _ in operations()]

    (outcome,) = converse([Topic(everything, flows=False, examples=5)])

    assert not outcome.defects
    assert set(outcome.statuses) == set(everything)
    assert {name for name in everything if "{" not in name} <= outcome.succeeded


def test_one_request_goes_on_from_the_answer_to_another() -> None:
    links = linked()

    outcomes = converse(
        Topic([first, *others], flows=True, examples=20) for first, others in links.items()
    )

    for (first, others), outcome in zip(links.items(), outcomes, strict=True):
        assert not outcome.defects
        assert first in outcome.succeeded
        assert not outcome.succeeded.isdisjoint(others)
