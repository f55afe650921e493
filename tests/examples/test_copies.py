"""Each example can be copied alone; what they have in common must not drift apart."""

from pathlib import Path

import pytest

from tests.support.servers import ROOT

FASTAPI = ROOT / "examples/fastapi-ai-pipeline"
DJANGO = ROOT / "examples/django-ai-pipeline"
NEXTJS = ROOT / "examples/nextjs-ai-pipeline"
COPIES = [
    (FASTAPI / "start.py", DJANGO / "start.py"),
    (FASTAPI / "stand_ins.py", DJANGO / "stand_ins.py"),
    (FASTAPI / "feedback_desk/errors.py", DJANGO / "feedback_desk/errors.py"),
    (
        FASTAPI / "feedback_desk/static/page.js",
        DJANGO / "feedback_desk/static/feedback_desk/page.js",
    ),
    (
        FASTAPI / "feedback_desk/static/style.css",
        DJANGO / "feedback_desk/static/feedback_desk/style.css",
    ),
    (FASTAPI / "feedback_desk/static/style.css", NEXTJS / "app/globals.css"),
]


@pytest.mark.parametrize(("one", "other"), COPIES, ids=lambda path: str(path.relative_to(ROOT)))
def test_copies_are_equal(one: Path, other: Path) -> None:
    assert one.read_text("utf-8") == other.read_text("utf-8")
