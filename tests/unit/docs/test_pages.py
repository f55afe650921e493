"""The documentation holds together: links lead somewhere, lists are complete."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def links(page: Path) -> Iterator[str]:
    for target in LINK.findall(CODE.sub("", page.read_text("utf-8"))):
        if "://" not in target:
            yield target


def anchors(page: Path) -> set[str]:
    headings = HEADING.findall(CODE.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def test_all_decisions_are_listed() -> None:
    folder = ROOT / "docs/decisions"
    notes = {path.name for path in folder.glob("[0-9]*.md")}
    assert notes == {link for link in links(folder / "README.md") if link[0].isdigit()}


def test_all_commands_are_explained() -> None:
    targets = re.findall(r"^([a-z]+): ## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert [name for name in targets if f"`make {name}`" not in guide] == ["help", "clean"]
