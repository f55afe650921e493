"""The tool that ties tests to the statements of the protocol."""

from pathlib import Path

import pytest

from scripts import conformance
from scripts.conformance import Mark, Section

SPECIFICATION = """# 2. Publish

### Conformance checklist

- P-1: a token is needed,
  always.
- P-2: `a|b` is one value.
- plain: no statement
"""

TESTS = """
import pytest

pytestmark = pytest.mark.conformance("P-9")

@pytest.mark.conformance("P-1", "P-2")
async def test_one(): ...

class TestTokens:
    @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.conformance("P-2"))])
    def test_two(self): ...
"""


def section() -> Section:
    return conformance.read_section(Path("docs/protocol/qstash-api/2-publish.md"), SPECIFICATION)


def mark(statement: str, test: str = "test_one") -> Mark:
    return Mark(statement=statement, path=Path("tests/test_a.py"), test=test)


def test_reads_statements_over_several_lines() -> None:
    assert section().title == "2. Publish"
    assert section().statements == {
        "P-1": "a token is needed, always.",
        "P-2": "`a|b` is one value.",
    }


def test_reads_marks_of_functions_classes_parameters_and_modules() -> None:
    marks = conformance.read_marks(Path("tests/test_a.py"), TESTS)
    assert {(each.statement, each.test) for each in marks} == {
        ("P-9", ""),
        ("P-1", "test_one"),
        ("P-2", "test_one"),
        ("P-2", "TestTokens.test_two"),
    }


@pytest.mark.parametrize("argument", ["", "NAME", "1", "id='P-1'", "*IDS"])
def test_refuses_a_mark_that_is_not_literal(argument: str) -> None:
    source = f"@pytest.mark.conformance({argument})\ndef test_a(): ...\n"
    with pytest.raises(conformance.BadMark, match=r"tests/test_a\.py:1"):
        conformance.read_marks(Path("tests/test_a.py"), source)


def test_shows_each_statement_with_its_tests_and_status() -> None:
    table = conformance.render([section()], [mark("P-1"), mark("P-1", "test_0")], frozenset())
    assert "1 of 2 statements have a test." in table
    assert "### [2. Publish](protocol/qstash-api/2-publish.md)" in table
    assert (
        "| P-1 | a token is needed, always. "
        "| [test_0](../tests/test_a.py)<br>[test_one](../tests/test_a.py) | tested |" in table
    )
    assert "| P-2 | `a\\|b` is one value. |  | planned |" in table


def test_a_built_statement_without_a_test_is_a_problem() -> None:
    built = frozenset({"P-1", "P-2"})
    assert conformance.problems_of([section()], [mark("P-1")], built) == [
        "P-2 is declared built but has no test"
    ]
    assert "| missing |" in conformance.render([section()], [mark("P-1")], built)


def test_unknown_ids_are_problems() -> None:
    problems = conformance.problems_of([section()], [mark("P-77")], frozenset({"X-1"}))
    assert problems == [
        "tests/test_a.py: test_one is marked with P-77, which is no statement",
        "pyproject.toml: X-1 is declared built but is no statement",
    ]


def test_replaces_only_what_stands_between_the_markers() -> None:
    document = f"before\n{conformance.BEGIN}\nold\n{conformance.END}\nafter\n"
    once = conformance.splice(document, "new\n")
    assert once.startswith("before\n")
    assert once.endswith(f"{conformance.END}\nafter\n")
    assert "old" not in once
    assert conformance.splice(once, "new\n") == once


def test_a_document_without_markers_is_refused() -> None:
    with pytest.raises(SystemExit, match="markers"):
        conformance.splice("nothing here", "new")


def test_reads_the_statements_of_this_repository() -> None:
    sections, _, _ = conformance.read_all(conformance.ROOT)
    statements = [id for each in sections for id in each.statements]
    assert len(statements) == len(set(statements)) > 200
