"""Which Python builds the environment, and what is said when none can."""

import pytest

from tests.unit.scripts.conftest import Sandbox

OLD = 'case "$2" in *version_info*) exit 1;; esac'
BARE = 'case "$2" in *ensurepip*) exit 1;; esac'


def test_takes_the_newest_that_works(sandbox: Sandbox) -> None:
    for name in ("python3.11", "python3.12", "python3"):
        sandbox.program(name)
    assert sandbox.run("find_python.sh").stdout == f"{sandbox.bin}/python3.12\n"


def test_passes_over_one_that_is_too_old_or_cannot_make_environments(sandbox: Sandbox) -> None:
    sandbox.program("python3.13", BARE)
    sandbox.program("python3.12", OLD)
    sandbox.program("python3")
    assert sandbox.run("find_python.sh").stdout == f"{sandbox.bin}/python3\n"


def test_obeys_the_choice_of_the_user(sandbox: Sandbox) -> None:
    sandbox.program("python3.13")
    mine = sandbox.program("mine")
    assert sandbox.run("find_python.sh", env={"PYTHON": str(mine)}).stdout == f"{mine}\n"


@pytest.mark.parametrize(
    ("programs", "env", "sentence"),
    [
        ({}, {}, "Python 3.11 or newer is needed and none was found"),
        ({"python3": OLD}, {}, "Python 3.11 or newer is needed and none was found"),
        ({"python3": BARE}, {}, "python3 has no venv module; install it"),
        ({"python3": ""}, {"PYTHON": "nowhere"}, "PYTHON=nowhere is not a working Python"),
    ],
    ids=["none", "too old", "no venv", "bad choice"],
)
def test_says_what_is_missing(
    sandbox: Sandbox, programs: dict[str, str], env: dict[str, str], sentence: str
) -> None:
    for name, body in programs.items():
        sandbox.program(name, body)
    found = sandbox.run("find_python.sh", env=env)
    assert found.returncode == 1
    assert found.stdout == ""
    assert sentence in found.stderr
    assert len(found.stderr.splitlines()) == 1
