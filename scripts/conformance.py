"""Keep docs/compatibility.md true: which test proves which numbered statement of the protocol.

`python -m scripts.conformance` writes its tables anew; with `--check` it changes nothing and fails
when they are stale, when a mark names no statement, or when a statement declared built has no test.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOCOL = Path("docs/protocol/qstash-api")
TABLE = Path("docs/compatibility.md")
BEGIN = "<!-- conformance: written by `make conformance`, do not edit by hand -->"
END = "<!-- /conformance -->"

STATEMENT = re.compile(r"^- ([A-Z]+-\d+): (.*(?:\n  .*)*)", re.MULTILINE)
TITLE = re.compile(r"^# (.*)$", re.MULTILINE)
ESCAPED_BAR = r"\|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One file of the specification, with its numbered statements in order."""

    path: Path
    title: str
    statements: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A test that says which statement it proves."""

    statement: str
    path: Path
    test: str


class BadMark(Exception):
    """A conformance mark that can't be read without running the tests."""


def read_section(path: Path, text: str) -> Section:
    title = TITLE.search(text)
    return Section(
        path=path,
        title=title[1] if title else path.stem,
        statements={id: " ".join(words.split()) for id, words in STATEMENT.findall(text)},
    )


def read_marks(path: Path, source: str) -> list[Mark]:
    return [
        Mark(statement=statement, path=path, test=test)
        for call, test in _mark_calls(ast.parse(source), "")
        for statement in _ids_of(call, path)
    ]


def _mark_calls(node: ast.AST, owner: str) -> Iterator[tuple[ast.Call, str]]:
    """Each `pytest.mark.conformance(...)` with the name of the test, or class, that carries it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _mark_calls(child, f"{owner}.{child.name}" if owner else child.name)
        elif isinstance(child, ast.Call) and ast.unparse(child.func).endswith("mark.conformance"):
            yield child, owner
        else:
            yield from _mark_calls(child, owner)


def _ids_of(call: ast.Call, path: Path) -> list[str]:
    ids = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
    texts = [id for id in ids if isinstance(id, str)]
    if call.keywords or not texts or len(texts) != len(call.args):
        raise BadMark(f"{path}:{call.lineno}: a conformance mark takes literal ids only")
    return texts


def render(sections: Sequence[Section], marks: Sequence[Mark], built: frozenset[str]) -> str:
    tests = _tests_by_statement(marks)
    known = [id for section in sections for id in section.statements]
    proven = sum(id in tests for id in known)
    parts = [f"{proven} of {len(known)} statements have a test.\n"]
    parts += [_render_section(section, tests, built) for section in sections if section.statements]
    return "\n".join(parts)


def _tests_by_statement(marks: Sequence[Mark]) -> dict[str, list[str]]:
    tests: dict[str, list[str]] = {}
    for mark in sorted(marks, key=lambda mark: (mark.path, mark.test)):
        link = f"[{mark.test or mark.path.stem}](../{mark.path.as_posix()})"
        links = tests.setdefault(mark.statement, [])
        if link not in links:
            links.append(link)
    return tests


def _render_section(section: Section, tests: Mapping[str, list[str]], built: frozenset[str]) -> str:
    source = section.path.relative_to("docs").as_posix()
    rows = [
        f"| {id} | {words.replace('|', ESCAPED_BAR)} | {'<br>'.join(tests.get(id, []))} "
        f"| {_status(id, tests, built)} |"
        for id, words in section.statements.items()
    ]
    heading = f"### [{section.title}]({source})\n"
    columns = "| id | statement | tests | status |\n|---|---|---|---|"
    return "\n".join([heading, columns, *rows, ""])


def _status(id: str, tests: Mapping[str, list[str]], built: frozenset[str]) -> str:
    if id in tests:
        return "tested"
    return "missing" if id in built else "planned"


def problems_of(
    sections: Sequence[Section], marks: Sequence[Mark], built: frozenset[str]
) -> list[str]:
    known = {id for section in sections for id in section.statements}
    tested = {mark.statement for mark in marks}
    return [
        *(
            f"{mark.path}: {mark.test} is marked with {mark.statement}, which is no statement"
            for mark in marks
            if mark.statement not in known
        ),
        *(f"pyproject.toml: {id} is declared built but is no statement" for id in built - known),
        *(f"{id} is declared built but has no test" for id in sorted((built & known) - tested)),
    ]


def splice(document: str, table: str) -> str:
    """Put the table between the markers of the document."""
    head, _, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end:
        raise SystemExit(f"{TABLE} has lost its markers")
    return f"{head}{BEGIN}\n\n{table}\n{END}{tail}"


def read_all(root: Path) -> tuple[list[Section], list[Mark], frozenset[str]]:
    sections = [
        read_section(path.relative_to(root), path.read_text("utf-8"))
        for path in sorted((root / PROTOCOL).glob("*.md"))
    ]
    marks = [
        mark
        for path in sorted((root / "tests").rglob("test_*.py"))
        for mark in read_marks(path.relative_to(root), path.read_text("utf-8"))
    ]
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    return sections, marks, frozenset(settings["tool"]["relaypost"]["conformance"]["built"])


def main(arguments: Sequence[str]) -> int:
    sections, marks, built = read_all(ROOT)
    problems = problems_of(sections, marks, built)
    present = (ROOT / TABLE).read_text("utf-8")
    wanted = splice(present, render(sections, marks, built))
    if "--check" not in arguments:
        (ROOT / TABLE).write_text(wanted, "utf-8")
    elif present != wanted:
        problems.append(f"{TABLE} is stale: run `make conformance`")
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"conformance: {len(marks)} marks, {len(built)} statements declared built")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
